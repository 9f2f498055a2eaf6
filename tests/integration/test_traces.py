"""One call's spans over three processes are one tree, sent to a real receiver; what is said in the call is in none of them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from canaries import PROMPT
from edge import fronted
from launch import ECHO, Mode, Running, mesh
from openai.types.chat import ChatCompletionMessageParam
from opentelemetry.proto.trace.v1 import trace_pb2
from otlp_receiver import attributes, receiver
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc

from fakes.openai_engine import fake_engine
from thinmesh_core.call import trace_id
from thinmesh_core.channel import dial

TRACES = """
traces: {{otlp: "{otlp}", sample: {sample}}}
"""
CONFIG = (
    TRACES
    + """
tenants: {{dev: {{}}}}
backends: {{fake: {{adapter: openai, options: {{base_url: "{url}"}}}}}}
models: {{fake: {{backends: [fake]}}}}
"""
)
CHAT = {"messages": [{"role": "user", "content": PROMPT}], "stream": True, "max_tokens": 3}
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ERROR = trace_pb2.Status.STATUS_CODE_ERROR
SERVICES = {"up": ["thinmesh"] * 3, "split": ["thinmesh-gateway", "thinmesh-router", "thinmesh-adapter"]}


async def ask(running: Running, model: str = "fake", **headers: str) -> int:
    """The status of one call, whose answer is read."""
    async with (
        aiohttp.ClientSession(headers=running.headers | headers) as session,
        session.post(f"{running.http}/v1/chat/completions", json=CHAT | {"model": model}) as response,
    ):
        await response.read()
        return response.status


def chain(spans: list[tuple[str, trace_pb2.Span]], parent: str) -> list[tuple[str, trace_pb2.Span]]:
    """The spans from the one below a parent on, each the only one below the one before it."""
    below = {span.parent_span_id.hex(): (service, span) for service, span in spans}
    assert len(below) == len(spans)
    found = []
    while parent in below:
        found.append(below[parent])
        parent = found[-1][1].span_id.hex()
    return found


@pytest.mark.parametrize("mode", ["up", "split"])
async def test_the_spans_of_a_call_are_one_tree_and_its_engine_is_told_of_it(state: Path, mode: Mode) -> None:
    async with receiver() as received, fake_engine() as engine:
        config = CONFIG.format(otlp=received.address, sample=0, url=engine.base_url)
        async with mesh(config, state, mode) as running:
            context = f"00-{TRACE}-{CALLER}-01"
            assert await ask(running, traceparent=context, **{"x-request-id": "req-traced"}) == 200
            assert await ask(running) == 200  # nobody asked for its trace
            sent = await received.sent(3)
        assert len(sent) == 3
        assert {span.trace_id.hex() for _, span in sent} == {TRACE}
        hops = chain(sent, CALLER)
        assert [service for service, _ in hops] == SERVICES[mode]
        assert [span.name for _, span in hops] == ["POST /v1/chat/completions", "route", "chat fake"]
        (gateway, router, adapter) = (span for _, span in hops)
        for outer, inner in ((gateway, router), (router, adapter)):
            assert outer.start_time_unix_nano <= inner.start_time_unix_nano + 1_000_000  # two processes, two readings
            assert inner.end_time_unix_nano <= outer.end_time_unix_nano + 1_000_000
        assert attributes(gateway)["thinmesh.request_id"] == attributes(router)["thinmesh.request_id"] == "req-traced"
        assert attributes(gateway)["thinmesh.tenant"] == "dev"
        told = attributes(adapter)
        assert (told["gen_ai.operation.name"], told["gen_ai.provider.name"]) == ("chat", "openai")
        assert told["gen_ai.usage.output_tokens"] == attributes(router)["gen_ai.usage.output_tokens"] == 3
        assert engine.headers[0]["traceparent"] == f"00-{TRACE}-{adapter.span_id.hex()}-01"


async def test_what_nobody_decided_on_is_traced_by_its_share_and_a_failure_says_why(state: Path) -> None:
    async with receiver() as received, mesh(ECHO + TRACES.format(otlp=received.address, sample=1), state, "up") as running:
        assert await ask(running, "echo", traceparent=f"00-{TRACE}-{CALLER}-00") == 200  # its caller does not want it traced
        async with dial(running.grpc) as channel:
            stub: Any = inference_grpc.InferenceServiceStub(channel)
            with pytest.raises(grpc.aio.AioRpcError):
                await stub.Generate(pb.GenerateRequest(model="unheard-of", text=PROMPT), metadata=running.metadata)
        failed = [span for _, span in await received.sent(2, lambda span: span.status.code == ERROR)]
    assert TRACE not in {span.trace_id.hex() for _, span in received.spans}
    assert {failed[0].parent_span_id, failed[1].parent_span_id} & {failed[0].span_id, failed[1].span_id}
    assert [attributes(span)["error.type"] for span in failed] == ["model_not_found"] * 2


async def test_a_collector_that_is_gone_costs_no_call_and_no_stop(state: Path) -> None:
    async with fake_engine() as engine:
        config = CONFIG.format(otlp="http://127.0.0.1:1", sample=1, url=engine.base_url)
        async with mesh(config, state, "up") as running:
            assert await asyncio.gather(*(ask(running) for _ in range(20))) == [200] * 20


async def test_nginx_begins_the_trace_of_a_call_that_brings_none(state: Path) -> None:
    async with receiver() as received:
        async with fronted(ECHO + TRACES.format(otlp=received.address, sample=1), state) as front, front.openai() as client:
            hops = ["POST /v1/chat/completions", "route", "chat echo"]
            said: list[ChatCompletionMessageParam] = [{"role": "user", "content": PROMPT}]
            await client.chat.completions.create(model="echo", messages=said)
            sent = await received.sent(3, lambda span: span.name in hops)
        lines = [json.loads(line) for path in state.rglob("access.log") for line in path.read_text().splitlines()]
    (context,) = (line["traceparent"] for line in lines if line["path"] == "/v1/chat/completions")
    begun = [one for one in sent if one[1].trace_id.hex() == trace_id(context)]
    assert [span.name for _, span in chain(begun, context.split("-")[2])] == hops
