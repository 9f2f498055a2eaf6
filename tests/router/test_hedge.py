"""A second backend is asked where the first takes long: once, within the budget, and for what any backend answers alike."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from canaries import PROMPT
from grpc.aio import AioRpcError
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.router.v1 import backend_service_pb2 as backend_pb

from fakes.adapter import ScriptedAdapter, reason
from thinmesh_core.errors import MeshError, Reason
from thinmesh_router.config import ModelConfig

Route = Callable[..., Awaitable[Any]]
EMBED = pb.EmbedRequest(model="m", inputs=[pb.EmbedInput(text=PROMPT)])
GENERATE = pb.GenerateRequest(model="m", text=PROMPT)
MODELS = {"m": ModelConfig(backends=("slow", "quick"), hedge_seconds=0.02, affinity="none")}
SECONDS = 10.0


async def slow_and_quick(route: Route, hold: asyncio.Event) -> tuple[Any, ScriptedAdapter, ScriptedAdapter]:
    slow, quick = ScriptedAdapter(), ScriptedAdapter()
    slow.hold = hold
    return await route({"slow": slow, "quick": quick}, MODELS), slow, quick


async def test_a_slow_backend_is_raced_and_the_late_one_is_cancelled(route: Route) -> None:
    routed, slow, quick = await slow_and_quick(route, asyncio.Event())
    while not slow.requests:  # which of the two is asked first is drawn
        assert (await routed.stub.Embed(EMBED, timeout=SECONDS)).usage.prompt_tokens == 3
    assert quick.requests
    await slow.ended.wait()
    assert slow.running == 0


async def test_generations_are_never_asked_for_twice(route: Route) -> None:
    routed, slow, quick = await slow_and_quick(route, hold := asyncio.Event())
    asking = [asyncio.ensure_future(routed.stub.Generate(GENERATE, timeout=SECONDS)) for _ in range(8)]
    await slow.began.wait()
    await asyncio.sleep(0.05)  # longer than `hedge_seconds`
    assert len(slow.requests) + len(quick.requests) == 8
    hold.set()
    await asyncio.gather(*asking)


async def test_the_first_backends_failure_is_cured_by_the_second(route: Route) -> None:
    routed, slow, _ = await slow_and_quick(route, hold := asyncio.Event())
    slow.error = MeshError(Reason.ENGINE_UNAVAILABLE, "lost")
    while not slow.requests:
        asking = asyncio.ensure_future(routed.stub.Embed(EMBED, timeout=SECONDS))
        hold.set()
        assert (await asking).usage.prompt_tokens == 3


async def test_when_both_fail_the_failure_is_told(route: Route) -> None:
    routed, slow, quick = await slow_and_quick(route, hold := asyncio.Event())
    slow.error = quick.error = MeshError(Reason.ENGINE_ERROR, "broken")
    quick.hold = hold
    asking = asyncio.ensure_future(routed.stub.Embed(EMBED, timeout=SECONDS))
    await slow.began.wait()
    await quick.began.wait()
    hold.set()
    with pytest.raises(AioRpcError) as raised:
        await asking
    assert reason(raised.value) == "ENGINE_ERROR"
    assert slow.running == quick.running == 0


async def test_a_caller_who_leaves_ends_both(route: Route) -> None:
    routed, slow, quick = await slow_and_quick(route, hold := asyncio.Event())
    quick.hold = hold
    asking = asyncio.ensure_future(routed.stub.Embed(EMBED, timeout=SECONDS))
    await slow.began.wait()
    await quick.began.wait()
    asking.cancel()
    await slow.ended.wait()
    await quick.ended.wait()
    assert slow.running == quick.running == 0


async def test_a_call_that_waits_for_its_first_place_longer_than_that_is_not_hedged(route: Route) -> None:
    only = ScriptedAdapter(limit=1)
    only.hold = asyncio.Event()
    routed = await route({"only": only}, {"m": ModelConfig(backends=("only",), hedge_seconds=0.02)})
    first = asyncio.ensure_future(routed.stub.Embed(EMBED, timeout=SECONDS))
    await only.began.wait()
    waiting = asyncio.ensure_future(routed.stub.Embed(EMBED, timeout=SECONDS))
    await asyncio.sleep(0.05)  # longer than `hedge_seconds`
    only.hold.set()
    assert [(await one).usage.prompt_tokens for one in (first, waiting)] == [3, 3]
    assert len(only.requests) == 2


async def test_a_call_that_was_sent_back_to_the_queue_may_still_go_to_its_backend(route: Route) -> None:
    only = ScriptedAdapter()
    only.error = MeshError(Reason.BACKEND_FULL, "another router's calls are here")
    routed = await route({"only": only}, {"m": ModelConfig(backends=("only",), hedge_seconds=0.02)})
    asking = asyncio.ensure_future(routed.stub.Embed(EMBED, timeout=SECONDS))
    await only.ended.wait()
    only.error = None
    assert (await asking).usage.prompt_tokens == 3  # it has waited longer than `hedge_seconds`


async def test_a_wait_for_a_place_is_not_the_backends_time(route: Route) -> None:
    adapters = {"one": ScriptedAdapter(), "other": ScriptedAdapter()}
    routed = await route(adapters, {"m": ModelConfig(backends=tuple(adapters), hedge_seconds=0.02)})
    for name in adapters:
        await routed.backends.DrainBackend(backend_pb.DrainBackendRequest(name=name), timeout=SECONDS)
    asking = asyncio.ensure_future(routed.stub.Embed(EMBED, timeout=SECONDS))
    await asyncio.sleep(0.05)  # longer than `hedge_seconds`
    assert not asking.done()
    await routed.backends.UndrainBackend(backend_pb.UndrainBackendRequest(name="one"), timeout=SECONDS)
    assert (await asking).usage.prompt_tokens == 3
    assert not adapters["other"].requests
