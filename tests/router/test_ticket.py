"""What a ticket settles: quotas reserved and given back whatever way a call ends, streams cut where they are used up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from grpc.aio import AioRpcError
from prometheus_client import REGISTRY
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import sampling_pb2, usage_pb2

from fakes.adapter import EVENTS, ScriptedAdapter, reason
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.tenants import QuotaConfig, TenantConfig

Route = Callable[..., Awaitable[Any]]
REQUEST = pb.GenerateRequest(model="m", text="12345678", stopping=sampling_pb2.Stopping(max_tokens=1000))
IDENTITY = (("thinmesh-tenant", "t"),)
SECONDS = 10.0
INPUT = 2


def stream_of(tokens: int) -> list[pb.GenerateEvent]:
    """A word an event, then the end."""
    usage = usage_pb2.Usage(prompt_tokens=INPUT, completion_tokens=tokens)
    words = [pb.GenerateEvent(deltas=[pb.Delta(text="a")]) for _ in range(tokens)]
    return [*words, pb.GenerateEvent(finishes=[pb.Finish(reason=pb.FINISH_REASON_STOP)], usage=usage)]


def limited(**quota: Any) -> dict[str, TenantConfig]:
    return {"t": TenantConfig(quota=QuotaConfig(**quota))}


async def events(stub: Any) -> list[pb.GenerateEvent]:
    return [event async for event in stub.StreamGenerate(REQUEST, timeout=SECONDS, metadata=IDENTITY)]


async def left(stub: Any) -> dict[str, str]:
    """What a call is told of its quotas."""
    call = stub.StreamGenerate(REQUEST, timeout=SECONDS, metadata=IDENTITY)
    assert await call.read()
    told = dict(await call.initial_metadata())
    assert [event async for event in call]
    return told


async def test_a_stream_that_gets_no_further_slice_ends_with_length_and_says_why(route: Route) -> None:
    adapter = ScriptedAdapter()
    adapter.events = stream_of(500)
    routed = await route({"a": adapter}, tenants=limited(tokens_per_minute=300))
    got = await events(routed.stub)
    assert sum(len(event.deltas) for event in got) == 300 - INPUT
    assert got[-1].finishes[0].reason == pb.FINISH_REASON_LENGTH
    assert "tokens per minute of tenant t" in got[-1].finishes[0].note
    assert got[-1].usage.completion_tokens == 300 - INPUT
    await adapter.ended.wait()
    with pytest.raises(AioRpcError) as raised:
        await events(routed.stub)
    assert reason(raised.value) == "QUOTA_EXCEEDED"


async def test_what_a_stream_did_not_use_is_given_back(route: Route) -> None:
    adapter = ScriptedAdapter()
    adapter.events = stream_of(10)
    routed = await route({"a": adapter}, tenants=limited(tokens_per_minute=300, requests_per_minute=50))
    for used in range(5):
        told = await left(routed.stub)
        slice_ = 64 + INPUT  # reserved when the first word is told
        assert told["x-ratelimit-limit-tokens"] == "300"
        assert told["x-ratelimit-remaining-tokens"] == str(300 - slice_ - used * (10 + INPUT))
        assert told["x-ratelimit-remaining-requests"] == str(50 - used - 1)


@pytest.mark.parametrize("unary", [True, False])
async def test_a_call_that_failed_takes_no_tokens(route: Route, unary: bool) -> None:
    adapter = ScriptedAdapter()
    adapter.error = MeshError(Reason.ENGINE_ERROR, "broken")
    routed = await route({"a": adapter}, tenants=limited(tokens_per_minute=1002))
    for _ in range(3):
        with pytest.raises(AioRpcError) as raised:
            await (routed.stub.Generate(REQUEST, timeout=SECONDS, metadata=IDENTITY) if unary else events(routed.stub))
        assert reason(raised.value) == "ENGINE_ERROR"
    adapter.error = None
    assert (await left(routed.stub))["x-ratelimit-remaining-tokens"] == str(1002 - 64 - INPUT)


async def test_a_caller_who_leaves_is_charged_what_its_backend_has_read(route: Route) -> None:
    adapter = ScriptedAdapter()
    adapter.hold = asyncio.Event()
    routed = await route({"a": adapter}, tenants=limited(tokens_per_minute=300, concurrent_calls=1))
    asking = asyncio.ensure_future(events(routed.stub))
    await adapter.began.wait()
    with pytest.raises(AioRpcError) as raised:
        await events(routed.stub)
    assert reason(raised.value) == "QUOTA_EXCEEDED"
    asking.cancel()
    await adapter.ended.wait()
    adapter.hold = None
    assert (await left(routed.stub))["x-ratelimit-remaining-tokens"] == str(300 - INPUT - 64 - INPUT)


async def test_the_second_router_of_a_call_takes_nothing(route: Route) -> None:
    routed = await route({"a": ScriptedAdapter()}, tenants=limited(requests_per_minute=1))
    hops = (*IDENTITY, ("thinmesh-hops", "1"))
    for _ in range(3):
        call = routed.stub.StreamGenerate(REQUEST, timeout=SECONDS, metadata=hops)
        assert [event async for event in call] == EVENTS


async def test_whoever_asks_is_told_how_it_waited(route: Route) -> None:
    adapter = ScriptedAdapter(limit=1)
    adapter.hold = asyncio.Event()
    routed = await route({"a": adapter})
    running = asyncio.ensure_future(events(routed.stub))
    await adapter.began.wait()
    before = asyncio.ensure_future(events(routed.stub))
    await asyncio.sleep(0.01)
    call = routed.stub.StreamGenerate(REQUEST, timeout=SECONDS, metadata=(*IDENTITY, ("x-thinmesh-queue", "true")))
    first = asyncio.ensure_future(call.read())
    await asyncio.sleep(0.01)
    adapter.hold.set()
    assert await first == EVENTS[0]
    headers = dict(await call.initial_metadata())
    assert headers["x-thinmesh-queue-position"] == "1"
    assert headers["x-thinmesh-queue-estimate-ms"] == "0"  # nothing was served yet to tell by
    assert int(headers["x-thinmesh-queue-wait-ms"]) >= 5
    assert [event async for event in call] == EVENTS[1:]
    assert await running == await before == EVENTS


async def test_pieces_of_several_tokens_are_counted_as_such(route: Route) -> None:
    adapter = ScriptedAdapter()
    adapter.events = [pb.GenerateEvent(deltas=[pb.Delta(text="a word or two more, " * 20)]) for _ in range(50)]
    routed = await route({"a": adapter}, tenants=limited(tokens_per_minute=300))
    got = await events(routed.stub)
    assert len(got) < 5
    assert got[-1].finishes[0].reason == pb.FINISH_REASON_LENGTH


def sampled(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_the_course_of_a_stream_is_told_in_metrics_of_a_bounded_number(route: Route) -> None:
    adapter = ScriptedAdapter()
    adapter.events = stream_of(5)
    stub = (await route({"a": adapter}, tenants={"t": TenantConfig()})).stub
    streams = ("gen_ai_server_time_to_first_token_seconds_count", "gen_ai_server_time_per_output_token_seconds_count")
    before = [sampled(name, gen_ai_request_model="m") for name in streams]
    waited = sampled("thinmesh_queue_seconds_count", model="m", priority="standard")
    tokens = [sampled("thinmesh_tenant_tokens_total", tenant=one, type="output") for one in ("t", "others", "stranger")]
    await events(stub)
    [_ async for _ in stub.StreamGenerate(REQUEST, timeout=SECONDS, metadata=(("thinmesh-tenant", "stranger"),))]
    assert [sampled(name, gen_ai_request_model="m") for name in streams] == [one + 2 for one in before]
    assert sampled("thinmesh_queue_seconds_count", model="m", priority="standard") == waited + 2
    after = [sampled("thinmesh_tenant_tokens_total", tenant=one, type="output") for one in ("t", "others", "stranger")]
    assert [new - old for new, old in zip(after, tokens, strict=True)] == [5, 5, 0]


async def test_how_calls_end_is_told_by_model_and_by_backend(route: Route) -> None:
    adapter = ScriptedAdapter()
    stub = (await route({"a": adapter})).stub
    await events(stub)
    calls = sampled("gen_ai_server_request_duration_seconds_count", gen_ai_request_model="m", error_type="engine_error")
    attempts = sampled("thinmesh_backend_calls_total", backend="a", outcome="engine_error")
    ejections = sampled("thinmesh_backend_ejections_total", backend="a")
    assert sampled("thinmesh_backend_ejected", backend="a") == 0
    adapter.error = MeshError(Reason.ENGINE_ERROR, "broken")
    for _ in range(5):
        with pytest.raises(AioRpcError):
            await events(stub)
    told = sampled("gen_ai_server_request_duration_seconds_count", gen_ai_request_model="m", error_type="engine_error")
    assert told == calls + 5
    assert sampled("thinmesh_backend_calls_total", backend="a", outcome="engine_error") == attempts + 5
    assert sampled("thinmesh_backend_ejections_total", backend="a") == ejections + 1
    assert sampled("thinmesh_backend_ejected", backend="a") == 1


async def test_calls_that_wait_are_told_by_class_and_by_tenant(route: Route) -> None:
    adapter = ScriptedAdapter(limit=1)
    adapter.hold = asyncio.Event()
    stub = (await route({"a": adapter}, tenants={"t": TenantConfig()})).stub
    running = asyncio.ensure_future(events(stub))
    await adapter.began.wait()
    waiting = asyncio.ensure_future(events(stub))
    async with asyncio.timeout(SECONDS):
        while not sampled("thinmesh_tenant_queue_calls", tenant="t"):
            await asyncio.sleep(0.001)
    assert sampled("thinmesh_queue_calls", model="m", priority="standard") == 1
    assert sampled("thinmesh_queue_calls", model="m", priority="batch") == 0
    adapter.hold.set()
    assert await running == await waiting == EVENTS
    assert sampled("thinmesh_tenant_queue_calls", tenant="t") == 0


async def test_quotas_tell_what_is_used_of_them_and_whom_they_refused(route: Route) -> None:
    routed = await route({"a": ScriptedAdapter()}, tenants=limited(requests_per_minute=2))
    refused = sampled("thinmesh_quota_refusals_total", tenant="t", quota="requests_per_minute")
    await events(routed.stub)
    assert sampled("thinmesh_quota_used_ratio", tenant="t", model="", quota="requests_per_minute") == 0.5
    await events(routed.stub)
    with pytest.raises(AioRpcError):
        await events(routed.stub)
    assert sampled("thinmesh_quota_refusals_total", tenant="t", quota="requests_per_minute") == refused + 1
