"""Whatever may be sent to a mesh, right or wrong, is in nothing that it emits, in whatever mode, at level debug.

Every test is held to that; this one sends it everywhere, and looks through answers to others than who sent it as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import numpy as np
import pytest
from canaries import CANARY, PERSONAL, PHRASE, PROMPT, secrets
from launch import START_SECONDS, Mode, Running, flags, mesh, output, told
from raw_grpc import call
from raw_grpc import told as told_raw
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
backends:
  echo:
    adapter: echo
  fake:
    adapter: openai
    options: {{base_url: "{url}"}}
models: {{echo: {{backends: [echo]}}, fake: {{backends: [{{backend: fake, model: fake}}], engine_options: [seen]}}}}
"""

GENERATE = "/thinmesh.inference.v1.InferenceService/Generate"
WORDS = {
    "prompt": PHRASE,
    "mail": PERSONAL["mail"],
    "engine": f"{CANARY}-der-engine",
    "wrong key": f"tm_live_0123456789ab_{CANARY}_cafe",
    "token": f"eyJhbGciOiJub25lIn0.{CANARY}.x",
    "session": f"{CANARY}-sitzung",
    "field": f"{CANARY}-feld",
    "kept": f"{CANARY}-wiederholung",
}
HARMLESS = "quite harmless"


@dataclass(frozen=True, slots=True)
class Watched:
    """A mesh, with keys of two tenants."""

    running: Running
    keys: dict[str, str]

    def headers(self, tenant: str = "dev", **more: str) -> dict[str, str]:
        """What authenticates a REST call."""
        return {"authorization": f"Bearer {self.keys[tenant]}"} | {
            name.replace("_", "-"): value for name, value in more.items()
        }

    def metadata(self, *pairs: tuple[str, str]) -> tuple[tuple[str, str], ...]:
        """What authenticates a gRPC call."""
        return (*self.running.metadata, *pairs)


@asynccontextmanager
async def watched(mode: Mode, state: Path, url: str) -> AsyncIterator[Watched]:
    """A mesh of an echo and a fake engine, at level debug."""
    async with mesh(CONFIG.format(url=url), state, mode, "debug") as running:
        code, key, error = await output("key", "create", "--tenant", "other", *flags(state / "thinmesh.yaml", state))
        assert code == 0, error
        at = Watched(running, {"dev": running.key, "other": key.strip()})
        async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession(headers=at.headers("other")) as client:
            while True:
                async with client.get(f"{running.http}/v1/models") as response:
                    if response.status == 200:
                        break
                await asyncio.sleep(0.05)
        yield at


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
    async with aiohttp.ClientSession(at.running.http) as client:
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
    async with dial(at.running.grpc) as channel:
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
    assert await told_raw(at.running.grpc, spoilt)


async def with_a_broken_engine(at: Watched, engine: FakeEngine) -> list[str]:
    """What is told of an engine that talks of others' words in its errors."""
    heard = []
    words = f"{WORDS['engine']} {PROMPT}".encode()
    async with aiohttp.ClientSession(at.running.http, headers=at.headers("other")) as client:
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
    async with aiohttp.ClientSession(at.running.http, headers=at.headers("other")) as client:
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
    return heard


@pytest.mark.parametrize("mode", ["up", "split"])
async def test_no_canary_is_in_anything_that_is_emitted(mode: Mode, state: Path) -> None:
    async with fake_engine() as engine, watched(mode, state, engine.base_url) as at:
        await by_rest(at)
        await by_grpc(at)
        heard = await with_a_broken_engine(at, engine) + await others(at)
        logs = "".join(told(process) for process in at.running.processes.values())
    assert {what for text in heard for what in secrets(text.encode())} == set()
    assert "DEBUG" in logs  # what is in there, in /metrics and in the state folder is searched as every test's is
    assert len(logs) > 5_000
