"""A real nginx, rendered from thinmesh.yaml, in front of two meshes that are whole in one process each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from canaries import PROMPT
from edge import DEBIANS, Fronted, fronted
from engines.triton_engine import triton_engine
from launch import ECHO
from openai.types.chat import ChatCompletionMessageParam
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc

from thinmesh_deploy.edge.found import find

tensors: Any = import_module("tritonclient.grpc.aio")  # untyped
http_tensors: Any = import_module("tritonclient.http")

SAID: list[ChatCompletionMessageParam] = [{"role": "user", "content": PROMPT}]
TRITON = """
tenants: {dev: {}}
backends: {triton: {adapter: triton, options: {address: ADDRESS}}}
models: {echo: {backends: [triton]}, count: {backends: [triton]}}
"""
SLOW = ECHO.replace("{adapter: echo}", "{adapter: echo, options: {delay_ms: 20}}")
STREAMS = 40
NGINXES = pytest.mark.parametrize("program", [DEBIANS, None], ids=["1.22", "1.31"])
TEXT = " ".join(f"{PROMPT} {number}" for number in range(15))


@NGINXES
async def test_the_openai_sdk_through_tls(state: Path, program: Path | None) -> None:
    async with fronted(ECHO, state, nginx=find(program)) as front, front.openai() as client:
        answer = await client.chat.completions.create(model="echo", messages=SAID)
        assert answer.choices[0].message.content == PROMPT
        chunks = await client.chat.completions.create(model="echo", messages=SAID, stream=True)
        assert "".join([chunk.choices[0].delta.content or "" async for chunk in chunks]) == PROMPT


async def test_tritonclients_through_tls(state: Path) -> None:
    async with triton_engine(state) as address, fronted(TRITON.replace("ADDRESS", address), state) as front:
        numbers = np.arange(4, dtype=np.float32).reshape(2, 2)
        roots = str(front.authority)
        async with tensors.InferenceServerClient(front.rpc, ssl=True, root_certificates=roots) as client:
            asked = tensors.InferInput("NUMBERS", [2, 2], "FP32")
            asked.set_data_from_numpy(numbers)
            answer = await client.infer("echo", [asked], headers=front.headers)
            assert (answer.as_numpy("NUMBERS_OUT") == numbers).all()
            assert [number async for number in counted(client, front)] == [0, 1, 2]

        def by_rest() -> None:
            with http_tensors.InferenceServerClient(
                front.http.removeprefix("https://"), ssl=True, ssl_options={"ca_certs": roots}
            ) as client:
                asked = http_tensors.InferInput("NUMBERS", [2, 2], "FP32")
                asked.set_data_from_numpy(numbers)
                assert (client.infer("echo", [asked], headers=front.headers).as_numpy("NUMBERS_OUT") == numbers).all()

        await asyncio.to_thread(by_rest)


async def counted(client: Any, front: Fronted) -> AsyncIterator[int]:
    """What a stream of tensors answers, one response a number."""
    asked = tensors.InferInput("COUNT", [1], "INT32")
    asked.set_data_from_numpy(np.array([3], dtype=np.int32))

    async def requests() -> AsyncIterator[dict[str, Any]]:
        yield {"model_name": "count", "inputs": [asked]}

    async for answer, error in client.stream_infer(requests(), headers=front.headers):
        assert error is None
        yield int(answer.as_numpy("NUMBER")[0])


@NGINXES
async def test_streams_survive_a_reload(state: Path, program: Path | None) -> None:
    """40 streams of each surface run while nginx begins anew: each is whole, and was under way at the reload."""
    async with fronted(SLOW, state, nginx=find(program)) as front, front.session() as client, front.channel() as channel:
        stub: Any = inference_grpc.InferenceServiceStub(channel)
        begun = asyncio.Semaphore(0)

        async def rest() -> str:
            said: list[str] = []
            body = {"model": "echo", "messages": [{"role": "user", "content": TEXT}], "stream": True}
            async with client.post(f"{front.http}/v1/chat/completions", json=body) as response:
                async for line in response.content:
                    if line.startswith(b"data: {"):
                        if not said:
                            begun.release()
                        said.append(json.loads(line[6:])["choices"][0]["delta"].get("content", ""))
            return "".join(said)

        async def grpc() -> str:
            said: list[str] = []
            request = pb.GenerateRequest(model="echo", text=TEXT)
            async for event in stub.StreamGenerate(request, metadata=front.metadata, timeout=60):
                if not said:
                    begun.release()
                said += [delta.text for delta in event.deltas]
            return "".join(said)

        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            streams = [tasks.create_task(one()) for one in (rest, grpc) for _ in range(STREAMS)]
            for _ in streams:
                await begun.acquire()
            await front.reload()
            assert not any(one.done() for one in streams)
            assert await rest() == TEXT, "a new one, served by the new workers"
        assert {one.result() for one in streams} == {TEXT}
