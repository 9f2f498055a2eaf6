"""Whoever goes away stops the engine, by REST and by gRPC, in one process and over three."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import aiohttp
import pytest
from canaries import PROMPT
from launch import SMOLLM2, Mode, Running, cpu_seconds, mesh, only_child
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.inference.v1 import sampling_pb2

from fakes.openai_engine import FakeEngine, fake_engine
from thinmesh_core.channel import dial

Surface = Literal["rest", "grpc"]

CONFIG = """
tenants: {dev: {}}
backends:
  fake:
    adapter: openai
    options: {base_url: "URL"}
models: {fake: {backends: [fake]}}
"""
SECONDS = 0.25
"""What the mesh promises: from the client's leaving to the engine's last token."""


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    async with fake_engine() as engine:
        yield engine


@asynccontextmanager
async def streaming(running: Running, model: str, surface: Surface) -> AsyncIterator[None]:
    """A client that has the first piece of an endless answer; leaving the block it goes away."""
    if surface == "rest":
        body = {"model": model, "prompt": PROMPT, "stream": True, "max_tokens": 1500, "ignore_eos": True}
        async with aiohttp.ClientSession(headers=running.headers) as session:
            response = await session.post(f"{running.http}/v1/completions", json=body)
            assert response.status == 200
            await response.content.readline()
            yield
            response.close()
    else:
        stopping = sampling_pb2.Stopping(max_tokens=1500, ignore_eos=True)
        request = pb.GenerateRequest(model=model, text=PROMPT, stopping=stopping)
        async with dial(running.grpc) as channel:
            stub = inference_grpc.InferenceServiceStub(channel)
            call = stub.StreamGenerate(request, metadata=running.metadata, timeout=60)
            first = await call.read()
            assert isinstance(first, pb.GenerateEvent)
            yield
            call.cancel()


@pytest.mark.parametrize("surface", ["rest", "grpc"])
async def test_a_client_gone_in_mid_stream_stops_the_engine(
    state: Path, engine: FakeEngine, mode: Mode, surface: Surface
) -> None:
    engine.endless, engine.delay = True, 0.01
    async with mesh(CONFIG.replace("URL", engine.base_url), state, mode) as running:
        async with streaming(running, "fake", surface):
            pass
        async with asyncio.timeout(SECONDS):
            await engine.left.wait()


@pytest.mark.parametrize("surface", ["rest", "grpc"])
async def test_a_client_gone_before_a_whole_answer_stops_the_engine(
    state: Path, engine: FakeEngine, mode: Mode, surface: Surface
) -> None:
    engine.endless, engine.delay = True, 0.01
    async with mesh(CONFIG.replace("URL", engine.base_url), state, mode) as running:
        asking = asyncio.create_task(_whole(running, surface))
        async with asyncio.timeout(10):
            await engine.began.wait()
        asking.cancel()
        async with asyncio.timeout(SECONDS):
            await engine.left.wait()


@pytest.mark.parametrize("surface", ["rest", "grpc"])
async def test_llama_cpp_stops_when_its_client_goes(state: Path, mode: Mode, surface: Surface) -> None:
    """The engine's own process is watched: at rest it uses a small part of what it used at work, on a busy machine too."""
    async with mesh(SMOLLM2, state, mode) as running:
        engine = running.processes["smollm2"].pid if mode == "split" else only_child(running.processes["up"].pid)
        async with streaming(running, "smollm2", surface):
            began = cpu_seconds(engine)
            await asyncio.sleep(1)
            at_work = cpu_seconds(engine) - began
        async with asyncio.timeout(10):  # to say all that was asked for takes much longer
            while True:
                before = cpu_seconds(engine)
                await asyncio.sleep(1)
                if cpu_seconds(engine) - before < at_work / 3:
                    break


async def _whole(running: Running, surface: Surface) -> None:
    if surface == "rest":
        async with aiohttp.ClientSession(headers=running.headers) as session:
            await session.post(f"{running.http}/v1/completions", json={"model": "fake", "prompt": PROMPT})
    else:
        async with dial(running.grpc) as channel:
            stub = inference_grpc.InferenceServiceStub(channel)
            await stub.Generate(pb.GenerateRequest(model="fake", text=PROMPT), metadata=running.metadata, timeout=60)
