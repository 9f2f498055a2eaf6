"""A tenant's policy on the whole way: what the engine sees, what the caller reads, what is refused, on both surfaces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from grpc.aio import AioRpcError
from launch import Mode, Running, mesh
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from tritonclient.grpc import service_pb2 as tensor_pb
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from fakes.adapter import reason
from fakes.openai_engine import FakeEngine, fake_engine
from thinmesh_core.status import from_rpc_error

CONFIG = """
tenants:
  dev:
    privacy: {default: mask, entities: {phone: reversible, resident: block}}
backends: {fake: {adapter: openai, options: {base_url: "URL", capabilities: [chat, completion, embed]}}}
models: {fake: {backends: [fake]}}
"""
PHONE, MAIL, RESIDENT = "010-2345-6789", "hong@naver.com", "900101-1234568"
PROMPT = f"{PHONE}으로 전화하고 {MAIL}로 보내"


async def complete(session: aiohttp.ClientSession, running: Running, prompt: str, *, stream: bool) -> tuple[int, str]:
    """A status, and the whole text that the caller reads."""
    body = {"model": "fake", "prompt": prompt, "stream": stream, "max_tokens": 50}
    async with session.post(f"{running.http}/v1/completions", json=body, headers=running.headers) as response:
        if not stream:
            answer = await response.json()
            return response.status, answer["choices"][0]["text"] if response.status == 200 else answer["error"]["message"]
        lines = [line async for line in response.content if line.startswith(b"data: {")]
    return 200, "".join(choice["text"] for line in lines for choice in json.loads(line[6:])["choices"])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("mode", ["up", "split"])
async def test_the_engine_sees_placeholders_and_the_caller_its_own_number(state: Path, mode: Mode, stream: bool) -> None:
    async with fake_engine() as engine, mesh(CONFIG.replace("URL", engine.base_url), state, mode) as running:
        engine.tokens = ["I call ", "<<PHO", "NE_1", ">> and wri", "te to <<EMAIL_1>> or kim@", "daum.net", "."]
        async with aiohttp.ClientSession() as session:
            status, said = await complete(session, running, PROMPT, stream=stream)
        assert engine.requests[-1]["prompt"] == "<<PHONE_1>>으로 전화하고 <<EMAIL_1>>로 보내"
        assert (status, said) == (200, f"I call {PHONE} and write to <<EMAIL_1>> or <<EMAIL>>.")


async def test_what_is_blocked_never_reaches_the_engine_and_is_not_repeated(state: Path) -> None:
    async with fake_engine() as engine, mesh(CONFIG.replace("URL", engine.base_url), state, "up") as running:
        seen = len(engine.requests)
        async with aiohttp.ClientSession() as session:
            status, told = await complete(session, running, f"제 번호는 {RESIDENT}입니다", stream=False)
        assert (status, "resident" in told, RESIDENT in told) == (400, True, False)
        async with grpc.aio.insecure_channel(running.grpc) as channel:
            await by_grpc(channel, running, engine)
        assert all(RESIDENT not in json.dumps(request, ensure_ascii=False) for request in engine.requests[seen:])
        async with aiohttp.ClientSession() as session, session.get(f"{running.admin}/metrics") as response:
            metrics = await response.text()
        assert 'thinmesh_personal_data_total{entity="resident",where="request"}' in metrics
        assert 'thinmesh_personal_data_total{entity="phone",where="request"}' in metrics
        assert PHONE not in metrics


async def by_grpc(channel: grpc.aio.Channel, running: Running, engine: FakeEngine) -> None:
    stub: Any = inference_grpc.InferenceServiceStub(channel)
    with pytest.raises(AioRpcError) as raised:
        await stub.Generate(pb.GenerateRequest(model="fake", text=RESIDENT), metadata=running.metadata, timeout=10)
    assert (reason(raised.value), from_rpc_error(raised.value).param) == ("INVALID_REQUEST", "prompt")
    await stub.Embed(pb.EmbedRequest(model="fake", inputs=[pb.EmbedInput(text=PHONE)]), metadata=running.metadata, timeout=10)
    assert engine.requests[-1]["input"] == ["<<PHONE_1>>"]
    tensors: Any = tensor_grpc.GRPCInferenceServiceStub(channel)
    tensor = tensor_pb.ModelInferRequest.InferInputTensor(name="x", datatype="INT32", shape=[1])
    request = tensor_pb.ModelInferRequest(model_name="fake", inputs=[tensor], raw_input_contents=[b"\0\0\0\0"])
    with pytest.raises(AioRpcError, match="privacy policy needs text"):
        await tensors.ModelInfer(request, metadata=running.metadata, timeout=10)


@pytest.mark.parametrize("pattern", ["(a", "x" * 300])
async def test_a_pattern_that_cannot_be_served_stops_the_start_by_name(state: Path, pattern: str) -> None:
    config = CONFIG.replace("default: mask", f"patterns: {{mine: {{pattern: '{pattern}'}}}}").replace(
        "URL", "http://127.0.0.1:9"
    )
    with pytest.raises(AssertionError, match=r"tenants\.dev\.privacy\.patterns\.mine"):
        async with mesh(config, state, "up"):
            pass
