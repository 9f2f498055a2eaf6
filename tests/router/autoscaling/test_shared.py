"""Routers decide from all routers' calls, over a real Valkey, and from their own where that is gone."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from canaries import PROMPT
from shared_store import SharedStore, shared_store
from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.router.v1 import autoscale_service_pb2 as router_pb
from thinmesh.third_party.keda import externalscaler_pb2 as keda

from fakes.adapter import ScriptedAdapter
from thinmesh_router.autoscaling import autoscaler, shared
from thinmesh_router.autoscaling.config import AutoscaleConfig, AutoscaleTarget
from thinmesh_router.autoscaling.policy import Figures
from thinmesh_router.autoscaling.shared import SharedFigures
from thinmesh_router.config import ModelConfig, QuotaStoreConfig

Route = Callable[..., Awaitable[Any]]
SECONDS = 20.0
REQUEST = pb.GenerateRequest(model="m", text=PROMPT)
REF = keda.ScaledObjectRef(scalerMetadata={"model": "m"})
SEEN = Figures(replicas=1, running=2, waiting=3, slots=4.0, wait=0.5, idle=float("inf"))


@pytest.fixture
async def store(state: Path) -> AsyncIterator[SharedStore]:
    async with shared_store(state) as running:
        yield running


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autoscaler, "LOOK_SECONDS", 0.05)


async def pair(route: Route, store: SharedStore, adapter: ScriptedAdapter, minimum: int = 1) -> list[Any]:
    """Two routers in front of the same replicas, the second of which is not there."""
    absent = ScriptedAdapter()
    absent.status.state = adapter_pb.STATE_STARTING
    config = AutoscaleConfig(target=AutoscaleTarget(utilisation=1.0), minimum=minimum, cool_down_seconds=0.1, idle_seconds=0.1)
    models = {"m": ModelConfig(backends=("a", "b"), autoscale=config)}
    quotas = QuotaStoreConfig(store=store.url, replicas=2)
    return [await route({"a": adapter, "b": absent}, models, quotas=quotas) for _ in range(2)]


async def decision(routed: Any) -> router_pb.Decision:
    answer = await routed.autoscale.GetDecision(router_pb.GetDecisionRequest(model="m"), timeout=SECONDS)
    return answer.decision  # type: ignore[no-any-return]


async def until(routed: Any, reached: Callable[[router_pb.Decision], bool]) -> router_pb.Decision:
    async with asyncio.timeout(SECONDS):
        while not reached(found := await decision(routed)):
            await asyncio.sleep(0.01)
        return found


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
async def test_the_calls_of_one_router_count_at_the_other_and_no_replica_goes_when_the_store_does(
    route: Route, store: SharedStore, end: signal.Signals
) -> None:
    adapter = ScriptedAdapter(limit=1)
    adapter.hold = asyncio.Event()
    one, two = await pair(route, store, adapter)
    call = asyncio.ensure_future(one.stub.Generate(REQUEST, timeout=SECONDS))
    other = asyncio.ensure_future(two.stub.Generate(REQUEST, timeout=SECONDS))
    for routed in (one, two):
        found = await until(routed, lambda decision: decision.wanted == 2)
        assert (found.running, found.waiting, found.replicas, found.slots, found.partial) == (2, 0, 1, 1, False)
        assert found.other_routers == 1
    store.process.send_signal(end)
    found = await until(two, lambda decision: decision.partial)
    assert (found.running, found.wanted, found.other_routers) == (1, 2, 0)
    assert "autoscale" in two.app.notes()[0]
    adapter.hold.set()
    await asyncio.gather(call, other)
    await asyncio.sleep(0.2)  # longer than the cool-down
    assert (await decision(two)).wanted == 2


async def test_a_call_at_one_router_is_pushed_by_the_other(route: Route, store: SharedStore) -> None:
    adapter = ScriptedAdapter()
    adapter.status.state = adapter_pb.STATE_STARTING
    one, two = await pair(route, store, adapter, minimum=0)
    stream = two.scaler.StreamIsActive(REF)
    assert not (await stream.read()).result
    call = asyncio.ensure_future(one.stub.Generate(REQUEST, timeout=SECONDS))
    async with asyncio.timeout(SECONDS):
        assert (await stream.read()).result
    adapter.become(adapter_pb.STATE_READY)
    await call
    stream.cancel()


async def test_a_routers_word_is_forgotten_when_it_leaves_or_falls_silent(
    store: SharedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, three = (SharedFigures(store.url) for _ in range(3))
    await two.exchange({"m": SEEN})
    await three.exchange({"m": SEEN})
    await one.exchange({})
    assert one.of("m") == [SEEN, SEEN]
    assert one.of("n") == []
    await two.leave()
    await one.exchange({})
    assert one.of("m") == [SEEN]
    monkeypatch.setattr(shared, "KEPT_MS", 1)
    await three.exchange({"m": SEEN})
    await asyncio.sleep(0.01)
    await one.exchange({})
    assert one.of("m") == []
    assert not one.partial
    await one.leave()
    await three.leave()


async def test_a_word_that_is_not_understood_leaves_figures_missing_until_it_is(store: SharedStore) -> None:
    one = SharedFigures(store.url)
    await one._exchange(keys=shared.KEYS, args=[b"newer", 200, b"\xc1"])
    seen: list[bool] = []
    async with asyncio.timeout(SECONDS):
        while not seen or seen[-1]:
            await one.exchange({})
            seen.append(one.partial)
    assert seen[0]
    await one.leave()
