"""The router forwards unchanged, tries again only where that is safe, and frees every place."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from canaries import PROMPT
from grpc.aio import AioRpcError
from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import error_reason_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.model.v1 import model_service_pb2 as model_pb
from thinmesh.router.v1 import backend_service_pb2 as backend_pb

from fakes.adapter import CAN, EVENTS, ScriptedAdapter, reason
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.inprocess import kinds
from thinmesh_router.autoscaling.config import AutoscaleConfig
from thinmesh_router.config import ModelConfig, QueueConfig, RouterConfig, Target, WatchdogConfig
from thinmesh_router.ticket import Ticket

Route = Callable[..., Awaitable[Any]]
REQUEST = pb.GenerateRequest(model="m", text=PROMPT)
SECONDS = 10.0

RETRYABLE = [Reason.ENGINE_UNAVAILABLE, Reason.BACKEND_FULL, Reason.DRAINING]
FINAL = [Reason.ENGINE_ERROR, Reason.INVALID_REQUEST, Reason.ENGINE_PROTOCOL, Reason.CONTEXT_LENGTH_EXCEEDED]


async def events(stub: Any, request: pb.GenerateRequest = REQUEST) -> list[pb.GenerateEvent]:
    return [event async for event in stub.StreamGenerate(request, timeout=SECONDS)]


def tickets() -> list[Ticket]:
    return [one for one in gc.get_objects() if isinstance(one, Ticket)]


async def test_a_request_passes_unchanged_with_its_identity(route: Route) -> None:
    adapter = ScriptedAdapter("engine-name")
    routed = await route(
        {"a": adapter}, {"m": ModelConfig(backends=(Target(backend="a", model="engine-name"),), aliases=("al",))}
    )
    request = pb.GenerateRequest(model="al", text=PROMPT, sampling=sampling_pb2.Sampling(temperature=0.5))
    metadata = (("thinmesh-tenant", "t"), ("thinmesh-principal", "p"), ("x-request-id", "r"))
    assert [event async for event in routed.stub.StreamGenerate(request, timeout=SECONDS, metadata=metadata)] == EVENTS
    assert adapter.requests == [request]
    sent = adapter.metadata[0]
    assert (sent["thinmesh-tenant"], sent["thinmesh-principal"], sent["x-request-id"]) == ("t", "p", "r")
    assert (sent["thinmesh-model"], sent["thinmesh-hops"]) == ("engine-name", "1")
    assert adapter.remaining[0] is not None
    assert 0 < adapter.remaining[0] <= SECONDS


async def test_what_a_call_held_is_free_when_it_has_ended_and_not_when_garbage_is_looked_for(route: Route) -> None:
    routed = await route({"a": ScriptedAdapter()})
    gc.disable()
    try:
        of_others = {id(one) for one in tickets()}  # other tests ended calls by exceptions, which hold them
        await events(routed.stub)
        await routed.stub.Generate(REQUEST, timeout=SECONDS)
        left = [one for one in tickets() if id(one) not in of_others]
    finally:
        gc.enable()
    assert left == []


@pytest.mark.parametrize("first", RETRYABLE)
async def test_a_passing_failure_before_the_first_event_goes_elsewhere(route: Route, first: Reason) -> None:
    bad, good = ScriptedAdapter(), ScriptedAdapter()
    bad.error = MeshError(first, "no")
    routed = await route({"bad": bad, "good": good})
    for _ in range(10):
        assert await events(routed.stub) == EVENTS
        assert (await routed.stub.Generate(REQUEST, timeout=SECONDS)).choices[0].text == "a"
    assert bad.requests
    assert len(good.requests) == 20


@pytest.mark.parametrize("only", FINAL)
async def test_a_final_failure_is_not_tried_again(route: Route, only: Reason) -> None:
    one, other = ScriptedAdapter(), ScriptedAdapter()
    one.error = other.error = MeshError(only, "no")
    routed = await route({"one": one, "other": other})
    with pytest.raises(AioRpcError) as raised:
        await events(routed.stub)
    assert reason(raised.value) == only.name
    assert len(one.requests) + len(other.requests) == 1


async def test_nothing_is_tried_again_after_the_first_event(route: Route) -> None:
    one, other = ScriptedAdapter(), ScriptedAdapter()
    for adapter in (one, other):
        adapter.error, adapter.events_before_error = MeshError(Reason.ENGINE_UNAVAILABLE, "lost"), 1
    routed = await route({"one": one, "other": other})
    call = routed.stub.StreamGenerate(REQUEST, timeout=SECONDS)
    assert await call.read() == EVENTS[0]
    with pytest.raises(AioRpcError) as raised:
        await call.read()
    assert reason(raised.value) == "ENGINE_UNAVAILABLE"
    assert len(one.requests) + len(other.requests) == 1


async def test_the_last_failure_is_told_and_no_backend_is_tried_twice(route: Route) -> None:
    adapters = {name: ScriptedAdapter() for name in "abc"}
    for adapter in adapters.values():
        adapter.error = MeshError(Reason.ENGINE_UNAVAILABLE, "lost")
    routed = await route(adapters)
    with pytest.raises(AioRpcError) as raised:
        await routed.stub.Generate(REQUEST, timeout=SECONDS)
    assert reason(raised.value) == "ENGINE_UNAVAILABLE"
    assert [len(adapter.requests) for adapter in adapters.values()] == [1, 1, 1]
    for one in (await routed.backends.ListBackends(backend_pb.ListBackendsRequest(), timeout=SECONDS)).backends:
        assert (one.last_failure, one.last_failure_seconds < SECONDS) == (
            error_reason_pb2.ERROR_REASON_ENGINE_UNAVAILABLE,
            True,
        )


async def test_a_call_refused_as_one_too_many_goes_back_to_the_queue_until_there_is_room(route: Route) -> None:
    adapter = ScriptedAdapter()
    adapter.error = MeshError(Reason.BACKEND_FULL, "full", retry_after=1)
    routed = await route({"a": adapter}, queue=QueueConfig(wait_seconds=0.2))
    with pytest.raises(AioRpcError) as raised:
        await routed.stub.Generate(REQUEST, timeout=SECONDS)
    assert reason(raised.value) == "OVERLOADED"
    assert 2 <= len(adapter.requests) <= 5  # the queue looks again every 50 ms
    asking = asyncio.ensure_future(routed.stub.Generate(REQUEST, timeout=SECONDS))
    adapter.began.clear()
    await adapter.began.wait()
    adapter.error = None
    assert (await asking).choices[0].text == "a"


async def test_an_answer_that_is_too_large_is_made_once_and_told_as_such(route: Route, monkeypatch: pytest.MonkeyPatch) -> None:
    class Long(ScriptedAdapter):
        async def Embed(self, request: pb.EmbedRequest, context: Any) -> pb.EmbedResponse:
            self.requests.append(request)
            return pb.EmbedResponse(embeddings=[pb.Embedding(values=[0.5] * 1000)])

    monkeypatch.setattr(kinds, "MAX_RESPONSE_BYTES", 1000)
    adapters = {"a": Long(), "b": Long()}
    routed = await route(adapters)
    with pytest.raises(AioRpcError) as raised:
        await routed.stub.Embed(pb.EmbedRequest(model="m", inputs=[pb.EmbedInput(text="x")]), timeout=SECONDS)
    assert reason(raised.value) == "REQUEST_TOO_LARGE"
    assert sum(len(adapter.requests) for adapter in adapters.values()) == 1


@pytest.mark.parametrize("unary", [True, False])
async def test_cancelling_reaches_the_adapter_and_frees_the_place(route: Route, unary: bool) -> None:
    adapter = ScriptedAdapter(limit=1)
    adapter.hold = asyncio.Event()
    routed = await route({"a": adapter})
    asking = asyncio.ensure_future(routed.stub.Generate(REQUEST, timeout=SECONDS) if unary else events(routed.stub))
    await adapter.began.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await adapter.ended.wait()
    assert adapter.running == 0
    adapter.hold = None
    assert await events(routed.stub) == EVENTS


async def test_a_deadline_reaches_the_adapter_and_frees_the_place(route: Route) -> None:
    adapter = ScriptedAdapter(limit=1)
    adapter.hold = asyncio.Event()
    routed = await route({"a": adapter})
    with pytest.raises(AioRpcError) as raised:
        await routed.stub.Generate(REQUEST, timeout=0.05)
    assert reason(raised.value) == "DEADLINE_EXCEEDED"
    await adapter.ended.wait()
    adapter.hold = None
    assert await events(routed.stub) == EVENTS


async def test_a_call_waits_for_a_place_and_the_limit_holds(route: Route) -> None:
    adapter = ScriptedAdapter(limit=2)
    routed = await route({"a": adapter})
    assert await asyncio.gather(*(events(routed.stub) for _ in range(30))) == [EVENTS] * 30
    assert adapter.most_running <= 2


async def test_a_deadline_while_waiting_never_reaches_the_adapter(route: Route) -> None:
    adapter = ScriptedAdapter(limit=1)
    adapter.hold = asyncio.Event()
    routed = await route({"a": adapter})
    running = asyncio.ensure_future(events(routed.stub))
    await adapter.began.wait()
    with pytest.raises(AioRpcError) as raised:
        await routed.stub.Generate(REQUEST, timeout=0.05)
    assert reason(raised.value) == "DEADLINE_EXCEEDED"
    adapter.hold.set()
    assert await running == EVENTS
    assert len(adapter.requests) == 1


async def test_a_router_takes_calls_while_replicas_that_need_not_be_there_are_not(route: Route) -> None:
    one, two = ScriptedAdapter(), ScriptedAdapter()
    one.status.state = two.status.state = adapter_pb.STATE_STARTING
    scaled = ModelConfig(backends=("b",), autoscale=AutoscaleConfig(minimum=0))
    routed = await route({"a": one, "b": two}, {"m": ModelConfig(backends=("a",)), "n": scaled})
    assert len(routed.app.problems()) == 2
    one.become(adapter_pb.STATE_READY)
    async with asyncio.timeout(SECONDS):
        while routed.app.problems():
            await asyncio.sleep(0)
    assert two.status.state == adapter_pb.STATE_STARTING


async def test_a_router_goes_on_taking_calls_while_a_backend_that_was_added_is_not_there(route: Route) -> None:
    models = {"m": ModelConfig(backends=("a",))}
    routed = await route({"a": ScriptedAdapter(), "b": ScriptedAdapter()}, models)
    async with asyncio.timeout(SECONDS):
        while routed.app.problems():
            await asyncio.sleep(0)
    routed.app.apply(RouterConfig(models=models, backends={"a": "a"}))
    routed.app.apply(RouterConfig(models=models, backends={"a": "a", "b": "b"}))
    assert routed.app.problems() == []


async def test_routers_that_point_at_each_other_are_found_out(route: Route) -> None:
    routed = await route({"a": ScriptedAdapter()})
    with pytest.raises(AioRpcError) as raised:
        await routed.stub.Generate(REQUEST, timeout=SECONDS, metadata=(("thinmesh-hops", "4"),))
    assert reason(raised.value) == "TOO_MANY_HOPS"


async def test_engine_options_pass_only_where_the_models_entry_lets_them(route: Route) -> None:
    adapter = ScriptedAdapter()
    routed = await route({"a": adapter}, {"m": ModelConfig(backends=("a",), engine_options=("priority",))})
    for options, passes in (('{"priority": 1}', True), ('{"priority": 1, "stream": false}', False), ("{}", True)):
        request = pb.GenerateRequest(model="m", text=PROMPT, engine_options_json=options)
        if passes:
            assert await events(routed.stub, request) == EVENTS
        else:
            with pytest.raises(AioRpcError) as raised:
                await events(routed.stub, request)
            assert reason(raised.value) == "INVALID_REQUEST"


async def test_a_draining_backend_gets_no_new_calls(route: Route) -> None:
    one, other = ScriptedAdapter(), ScriptedAdapter()
    routed = await route({"one": one, "other": other})
    one.become(adapter_pb.STATE_DRAINING)
    await asyncio.sleep(0.01)
    for _ in range(10):
        await events(routed.stub)
    assert (len(one.requests), len(other.requests)) == (0, 10)


async def test_an_unknown_model_names_what_lists_the_known_ones(route: Route) -> None:
    routed = await route({"a": ScriptedAdapter()})
    with pytest.raises(AioRpcError, match="/v1/models") as raised:
        await routed.stub.Generate(pb.GenerateRequest(model="nope", text=PROMPT), timeout=SECONDS)
    assert reason(raised.value) == "MODEL_NOT_FOUND"


async def test_models_are_the_sum_of_their_backends(route: Route) -> None:
    small, large = ScriptedAdapter(), ScriptedAdapter()
    large.status.models[0].context_length = 500
    large.status.models[0].capabilities.append(cap.CAPABILITY_COMPLETION)
    models = {"b": ModelConfig(backends=("small", "large"), aliases=("bee",)), "a": ModelConfig(backends=("small",))}
    routed = await route({"small": small, "large": large}, models)
    listed = (await routed.models.ListModels(model_pb.ListModelsRequest(), timeout=SECONDS)).models
    assert [model.id for model in listed] == ["a", "b"]
    found = (await routed.models.GetModel(model_pb.GetModelRequest(id="bee"), timeout=SECONDS)).model
    assert found == listed[1]
    assert (found.context_length, list(found.capabilities), found.ready, list(found.aliases)) == (
        100,
        CAN,
        True,
        ["bee"],
    )
    small.become(adapter_pb.STATE_FAILED)
    await asyncio.sleep(0.01)
    listed = (await routed.models.ListModels(model_pb.ListModelsRequest(), timeout=SECONDS)).models
    assert [model.ready for model in listed] == [False, True]


@pytest.mark.parametrize(
    "broken",
    [EVENTS[:1], EVENTS[1:] * 2, [*EVENTS, EVENTS[0]], [pb.GenerateEvent(deltas=[pb.Delta(index=7)]), *EVENTS]],
    ids=["no end", "two ends", "more after the end", "a stray choice"],
)
async def test_a_backend_that_breaks_the_streams_rules_ends_in_one_error(route: Route, broken: list[pb.GenerateEvent]) -> None:
    adapter = ScriptedAdapter()
    adapter.events = broken
    routed = await route({"a": adapter})
    with pytest.raises(AioRpcError) as raised:
        await events(routed.stub)
    assert reason(raised.value) == "ENGINE_PROTOCOL"
    adapter.events = EVENTS
    assert await events(routed.stub) == EVENTS


async def test_a_silent_backend_is_left_for_another_before_the_first_event_only(route: Route) -> None:
    silent, good = ScriptedAdapter(limit=1), ScriptedAdapter(limit=1)
    silent.hold = asyncio.Event()
    watchdog = WatchdogConfig(first_event_seconds=0.05, idle_seconds=0.05)
    routed = await route({"silent": silent, "good": good}, watchdog=watchdog)
    while not silent.requests:  # which of the two is asked first is drawn
        assert await events(routed.stub) == EVENTS
    assert silent.running == 0
