"""Keys, prompts and personal data that pass through a mesh are in nothing that it emits, in whatever mode, at level debug.

Emitted is what processes print and log, /metrics, the state folder, and answers to anybody but the one who sent them.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import numpy as np
import pytest
from launch import START_SECONDS, STOP_SECONDS, Mode, flags, output
from raw_grpc import call, told
from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from tritonclient.grpc import service_pb2 as tensor_pb
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from fakes.openai_engine import FakeEngine, fake_engine
from thinmesh_core.channel import dial

CONFIG = """
tenants: {{dev: {{}}, other: {{}}}}
queue: {{wait_seconds: 0.2, waiting_room_seconds: 0.2}}
backends: {{echo: {{adapter: echo}}, fake: {{adapter: openai, options: {{base_url: "{url}"}}}}}}
models: {{echo: {{backends: [echo]}}, fake: {{backends: [{{backend: fake, model: fake}}], engine_options: [seen]}}}}
"""

GENERATE = "/thinmesh.inference.v1.InferenceService/Generate"
WORDS = {
    "prompt": "kanarienvogel-im-prompt",
    "number": "900101-1234567",
    "phone": "010-2345-6789",
    "mail": "canary@example.co.kr",
    "card": "4111-1111-1111-1111",
    "engine": "kanarienvogel-der-engine",
    "wrong key": "tm_live_0123456789ab_kanarienvogel_cafe",
    "token": "eyJhbGciOiJub25lIn0.kanarienvogel.x",
    "session": "kanarienvogel-sitzung",
    "field": "kanarienvogel-feld",
    "kept": "kanarienvogel-wiederholung",
}
PROMPT = " ".join((WORDS["prompt"], WORDS["number"], WORDS["phone"], WORDS["mail"], WORDS["card"]))
HARMLESS = "quite harmless"


@dataclass(slots=True)
class Watched:
    """A mesh whose every output goes into files."""

    files: Path
    state: Path
    http: str = ""
    grpc: str = ""
    admin: str = ""
    keys: dict[str, str] = field(default_factory=dict)

    def headers(self, tenant: str = "dev", **more: str) -> dict[str, str]:
        """What authenticates a REST call."""
        return {"authorization": f"Bearer {self.keys[tenant]}"} | {
            name.replace("_", "-"): value for name, value in more.items()
        }

    def metadata(self, *pairs: tuple[str, str]) -> tuple[tuple[str, str], ...]:
        """What authenticates a gRPC call."""
        return (("authorization", f"Bearer {self.keys['dev']}"), *pairs)


@asynccontextmanager
async def watched(files: Path, *arguments: str) -> AsyncIterator[Path]:
    """A `thinmesh` command at level debug, whose output goes into the file that it gives."""
    target = files / f"{len(list(files.iterdir()))}.log"
    with target.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "thinmesh_deploy", *arguments, "--log-level", "debug"),
            stdout=file,
            stderr=file,
            env=os.environ | {"COLUMNS": "200"},
        )
        try:
            yield target
        finally:
            process.terminate()
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()


async def said(file: Path, pattern: str) -> re.Match[str]:
    """Waits for a line."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            found = re.search(pattern, file.read_text())
            if found is not None:
                return found
            await asyncio.sleep(0.05)


@asynccontextmanager
async def mesh(mode: Mode, state: Path, files: Path, url: str) -> AsyncIterator[Watched]:
    """A mesh of an echo and a fake engine."""
    config = state / "thinmesh.yaml"
    config.write_text(CONFIG.format(url=url))
    run = flags(config, state)
    ports = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0")
    at = Watched(files, state)
    async with AsyncExitStack() as stack:
        if mode == "up":
            log = await stack.enter_async_context(watched(files, "up", *run, *ports))
            at.http = "http://" + (await said(log, r"REST +http://(\S+)/v1"))[1]
            at.grpc = (await said(log, r"gRPC +(\S+)"))[1]
            at.admin = (await said(log, r"admin +(http://\S+)"))[1]
        else:
            for name in ("echo", "fake"):
                await stack.enter_async_context(watched(files, "adapter", name, *run))
            await stack.enter_async_context(watched(files, "router", *run))
            log = await stack.enter_async_context(watched(files, "gateway", *run, *ports))
            found = await said(log, r"REST (http://\S+)/v1, gRPC ([^\s,]+)(?:, admin (http://\S+))?")
            at.http, at.grpc, at.admin = found[1], found[2], found[3] or ""
        for tenant in ("dev", "other"):
            code, key, error = await output("key", "create", "--tenant", tenant, *run)
            assert code == 0, error
            at.keys[tenant] = key.strip()
        await ready(at)
        yield at


async def ready(at: Watched) -> None:
    """Waits until all models take calls and both keys are known."""
    async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as client:
        for tenant in at.keys:
            while True:
                async with client.get(f"{at.http}/v1/models", headers=at.headers(tenant)) as response:
                    if response.status == 200 and all(model["ready"] for model in (await response.json())["data"]):
                        break
                await asyncio.sleep(0.05)


def chat(model: str, **more: Any) -> dict[str, Any]:
    """A chat request full of canaries."""
    return {"model": model, "messages": [{"role": "user", "content": PROMPT}], "user": WORDS["mail"], **more}


def bodies() -> list[tuple[str, Any]]:
    """What is posted: what works, and what fails in every way that is told."""
    tool = {"type": "function", "function": {"name": "f", "description": PROMPT, "parameters": {"description": PROMPT}}}
    return [
        *(("/v1/chat/completions", chat(model, stream=stream)) for model in ("echo", "fake") for stream in (False, True)),
        ("/v1/completions", {"model": "echo", "prompt": PROMPT}),
        ("/v1/embeddings", {"model": "fake", "input": PROMPT}),
        ("/v1/rerank", {"model": "fake", "query": PROMPT, "documents": [PROMPT]}),
        ("/v1/embeddings", {"model": "echo", "input": PROMPT}),
        ("/v1/chat/completions", chat("echo", tools=[tool])),
        ("/v1/chat/completions", chat("fake", tools=[tool], engine_options={WORDS["field"]: PROMPT})),
        ("/v1/chat/completions", chat("fake", engine_options={"seen": PROMPT})),
        ("/v1/chat/completions", chat("echo", **{WORDS["field"]: PROMPT})),
        ("/v1/chat/completions", chat("echo", temperature=PROMPT)),
        ("/v1/chat/completions", chat("echo", structured_outputs={"regex": f"{PROMPT}**"})),
        ("/v1/chat/completions", chat("echo", response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": {"pattern": f"{PROMPT}**"}}})),
        ("/v1/chat/completions", {"model": "echo", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"http://{WORDS['prompt']}/"}}]}]}),
        ("/v1/completions", {"model": WORDS["prompt"], "prompt": PROMPT}),
        ("/v1/completions", {"model": f"{WORDS['prompt']}\n", "prompt": PROMPT}),
        (f"/v1/{WORDS['prompt']}", {}),
        (f"/v2/models/{WORDS['prompt']}/infer", {"inputs": [{"name": PROMPT, "shape": [1], "datatype": "BYTES", "data": [PROMPT]}]}),
        ("/v2/models/echo/infer", {"inputs": [{"name": PROMPT, "shape": [2], "datatype": "BYTES", "data": [PROMPT]}]}),
    ]  # fmt: skip


async def by_rest(at: Watched) -> None:
    """Sends everything by REST."""
    async with aiohttp.ClientSession(at.http) as client:
        for path, body in bodies():
            async with client.post(path, json=body, headers=at.headers(x_thinmesh_session=WORDS["session"])) as response:
                assert response.status != 500, await response.text()
                await response.read()
        for key in (WORDS["wrong key"], WORDS["token"]):
            async with client.post(
                "/v1/completions", json=chat("echo"), headers={"authorization": f"Bearer {key}"}
            ) as response:
                assert response.status == 401
        for _ in range(2):
            headers = at.headers(idempotency_key=WORDS["kept"])
            async with client.post("/v1/completions", json={"model": "echo", "prompt": PROMPT}, headers=headers) as response:
                assert response.status == 200
        async with client.post("/v1/completions", data=PROMPT.encode(), headers=at.headers()) as response:
            assert response.status == 400


async def by_grpc(at: Watched) -> None:
    """Sends everything by gRPC."""
    message = chat_pb2.Message(role=chat_pb2.ROLE_USER, content=[chat_pb2.ContentPart(text=PROMPT)])
    fine = pb.GenerateRequest(model="echo", chat=chat_pb2.ChatInput(messages=[message]))
    wrong = pb.GenerateRequest(model="echo", text=PROMPT, response_format=sampling_pb2.ResponseFormat(regex=f"{PROMPT}**"))
    missing = pb.GenerateRequest(model=WORDS["prompt"], text=PROMPT)
    array = np.array([PROMPT.encode()], dtype=object)
    tensor = tensor_pb.ModelInferRequest.InferInputTensor(name=PROMPT, datatype="BYTES", shape=[array.size])
    tensors = tensor_pb.ModelInferRequest(model_name="echo", inputs=[tensor], raw_input_contents=[PROMPT.encode()])
    async with dial(at.grpc) as channel:
        stub, infer = inference_grpc.InferenceServiceStub(channel), tensor_grpc.GRPCInferenceServiceStub(channel)
        metadata = at.metadata(("thinmesh-session", WORDS["session"]), ("x-own", PROMPT))
        assert PROMPT in (await stub.Generate(fine, metadata=metadata)).choices[0].text
        assert [event async for event in stub.StreamGenerate(fine, metadata=metadata)]
        assert (await stub.CountTokens(pb.CountTokensRequest(model="echo", text=PROMPT), metadata=metadata)).tokens
        refused: list[tuple[Any, Any]] = [(stub.Generate, wrong), (stub.Generate, missing), (infer.ModelInfer, tensors)]
        for method, request in refused:
            with pytest.raises(grpc.aio.AioRpcError):
                await method(request, metadata=metadata)
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.Generate(fine, metadata=(("authorization", f"Bearer {WORDS['wrong key']}"),))
    spoilt = call(GENERATE, *at.metadata(), message=fine.SerializeToString()).replace(b"Bearer ", b"Bearer\xff")
    assert await told(at.grpc, spoilt)


async def with_a_broken_engine(at: Watched, engine: FakeEngine) -> list[str]:
    """What is told of an engine that talks of others' words in its errors."""
    heard = []
    words = f"{WORDS['engine']} {PROMPT}".encode()
    async with aiohttp.ClientSession(at.http, headers=at.headers("other")) as client:
        for status in (400, 404, 422, 429, 500, 503):
            engine.refusal = status, b'{"error": {"message": "' + words + b'", "type": "' + words + b'", "code": 5}}'
            for path, body in (("/v1/chat/completions", {"messages": [{"role": "user", "content": HARMLESS}]}), ("/v1/embeddings", {"input": HARMLESS})):  # fmt: skip
                async with client.post(path, json={"model": "fake", **body}) as response:
                    heard.append(f"{response.headers} {await response.text()}")
        engine.refusal = None
        for raw in (b"data: {" + words + b"\n\n", b'data: {"error": {"message": "' + words + b'"}}\n\n', words):
            engine.raw = [raw]
            streamed = {"model": "fake", "messages": [{"role": "user", "content": HARMLESS}], "stream": True}
            async with client.post("/v1/chat/completions", json=streamed) as response:
                heard.append(f"{response.headers} {await response.text()}")
    engine.raw = None
    return heard


async def others(at: Watched) -> list[str]:
    """What somebody else is told."""
    heard = []
    async with aiohttp.ClientSession(at.http, headers=at.headers("other")) as client:
        for method, path in (
            ("GET", "/v1/models"),
            ("GET", "/openapi.json"),
            ("POST", "/v1/completions"),
            ("GET", "/v1/models/none"),
        ):
            async with client.request(method, path, json={"model": "echo", "prompt": HARMLESS}) as response:
                heard.append(f"{response.headers} {await response.text()}")
        headers = {"idempotency-key": WORDS["kept"]}
        async with client.post("/v1/completions", json={"model": "echo", "prompt": HARMLESS}, headers=headers) as response:
            heard.append(f"{response.headers} {await response.text()}")
    if at.admin:
        for path in ("/metrics", "/healthz", "/readyz"):
            async with aiohttp.ClientSession() as client, client.get(f"{at.admin}{path}") as response:
                heard.append(await response.text())
    return heard


def written(folder: Path, *, but: set[str]) -> list[tuple[str, bytes]]:
    """Every file below a folder, by its name."""
    return [(path.name, path.read_bytes()) for path in folder.rglob("*") if path.is_file() and path.name not in but]


@pytest.mark.parametrize("mode", ["up", "split"])
async def test_no_canary_is_in_anything_that_is_emitted(mode: Mode, state: Path, tmp_path: Path) -> None:
    async with fake_engine() as engine, mesh(mode, state, tmp_path, engine.base_url) as at:
        await by_rest(at)
        await by_grpc(at)
        heard = await with_a_broken_engine(at, engine) + await others(at)
        secrets = WORDS | {f"{tenant}'s key": key for tenant, key in at.keys.items()}
        dev = state / "dev-key"
        if dev.exists():
            secrets["the first key"] = dev.read_text().strip()
    emitted = [("an answer", text.encode()) for text in heard]
    emitted += written(tmp_path, but=set()) + written(state, but={"dev-key"})  # that file is where the first key is handed over
    assert sum(len(data) for _, data in emitted) > 10_000
    assert b"DEBUG" in b"".join(data for _, data in written(tmp_path, but=set()))
    found = {(what, where) for what, word in secrets.items() for where, data in emitted if word.encode() in data}
    assert not found
