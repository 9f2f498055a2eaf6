"""The router answers what KEDA asks: how many, whether any, and at once when a call comes for a model that has none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from canaries import PROMPT
from grpc import StatusCode
from grpc.aio import AioRpcError
from prometheus_client import REGISTRY
from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.router.v1 import autoscale_service_pb2 as router_pb
from thinmesh.third_party.keda import externalscaler_pb2 as keda

from fakes.adapter import ScriptedAdapter
from thinmesh_core.errors import MeshError, Reason
from thinmesh_router import backend
from thinmesh_router.autoscaling import autoscaler
from thinmesh_router.autoscaling.config import AutoscaleConfig, AutoscaleTarget
from thinmesh_router.config import ModelConfig, RouterConfig

Route = Callable[..., Awaitable[Any]]
SECONDS = 10.0
REQUEST = pb.GenerateRequest(model="m", text=PROMPT)
FULL = AutoscaleTarget(utilisation=1.0)


def ref(model: str = "m") -> keda.ScaledObjectRef:
    metadata = {"scalerAddress": "router:7000", "model": model}
    return keda.ScaledObjectRef(name="m", namespace="models", scalerMetadata=metadata)


def scaled(*backends: str, **settings: Any) -> ModelConfig:
    return ModelConfig(backends=backends, autoscale=AutoscaleConfig(**{"target": FULL} | settings), aliases=("alias",))


async def wanted(scaler: Any, model: str = "m") -> int:
    """As KEDA asks for it: by the metric that the scaler names."""
    (spec,) = (await scaler.GetMetricSpec(ref(model), timeout=SECONDS)).metricSpecs
    request = keda.GetMetricsRequest(scaledObjectRef=ref(model), metricName=spec.metricName)
    (value,) = (await scaler.GetMetrics(request, timeout=SECONDS)).metricValues
    assert value.metricName == spec.metricName
    assert value.metricValue == value.metricValueFloat
    assert spec.targetSize == spec.targetSizeFloat == 1
    return int(value.metricValue)


async def active(scaler: Any) -> bool:
    return bool((await scaler.IsActive(ref(), timeout=SECONDS)).result)


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not reached():
            await asyncio.sleep(0)


async def test_calls_that_run_and_wait_raise_what_is_wanted(route: Route) -> None:
    adapter, idle = ScriptedAdapter(limit=2), ScriptedAdapter()
    idle.status.state = adapter_pb.STATE_STARTING
    adapter.hold = asyncio.Event()
    others = tuple(f"b{number}" for number in range(4))
    routed = await route({"a": adapter} | dict.fromkeys(others, idle), {"m": scaled("a", *others)})
    assert await wanted(routed.scaler) == 1
    calls = [asyncio.ensure_future(routed.stub.Generate(REQUEST, timeout=SECONDS)) for _ in range(6)]
    await until(lambda: adapter.running == 2)
    assert await wanted(routed.scaler) == 3
    assert await wanted(routed.scaler, "alias") == 3
    decision = (await routed.autoscale.GetDecision(router_pb.GetDecisionRequest(model="alias"), timeout=SECONDS)).decision
    assert (decision.model, decision.wanted, decision.replicas, decision.running, decision.waiting) == ("m", 3, 1, 2, 4)
    assert (decision.minimum, decision.maximum, decision.slots) == (1, 5, 2)
    assert decision.why
    assert REGISTRY.get_sample_value("thinmesh_autoscale_wanted_replicas", {"model": "m"}) == 3
    assert REGISTRY.get_sample_value("thinmesh_autoscale_calls", {"model": "m", "state": "waiting"}) == 4
    adapter.hold.set()
    await asyncio.gather(*calls)


async def test_the_first_call_for_a_model_that_has_no_replica_is_pushed_and_served_once_one_is_there(route: Route) -> None:
    adapter = ScriptedAdapter()
    adapter.status.state = adapter_pb.STATE_STARTING
    routed = await route({"a": adapter}, {"m": scaled("a", minimum=0, idle_seconds=0.01, cool_down_seconds=0)})
    assert not await active(routed.scaler)
    assert await wanted(routed.scaler) == 0
    stream = routed.scaler.StreamIsActive(ref())
    assert not (await stream.read()).result
    call = asyncio.ensure_future(routed.stub.Generate(REQUEST, timeout=SECONDS))
    assert (await stream.read()).result
    assert await active(routed.scaler)
    assert await wanted(routed.scaler) == 1
    assert not call.done()
    adapter.become(adapter_pb.STATE_READY)
    await call
    assert not (await stream.read()).result  # idle again
    stream.cancel()


async def test_nothing_is_said_before_backends_were_looked_for(route: Route, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = ScriptedAdapter()
    heard = asyncio.Event()
    watch = adapter.WatchStatus

    async def late(request: Any, context: Any) -> Any:
        await heard.wait()
        async for status in watch(request, context):
            yield status

    monkeypatch.setattr(adapter, "WatchStatus", late)
    routed = await route({"a": adapter}, {"m": scaled("a", minimum=0)})
    asked = asyncio.ensure_future(active(routed.scaler))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not asked.done()
    heard.set()
    assert await asked  # one is there, and kept


async def test_backends_that_nobody_finds_in_time_are_told_of(route: Route, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = ScriptedAdapter()

    async def silent(request: Any, context: Any) -> Any:
        await asyncio.Event().wait()
        yield

    monkeypatch.setattr(adapter, "WatchStatus", silent)
    monkeypatch.setattr(autoscaler, "BEGIN_SECONDS", 0)
    routed = await route({"a": adapter}, {"m": scaled("a", minimum=0)})
    with pytest.raises(AioRpcError, match="still being looked for") as raised:
        await active(routed.scaler)
    assert raised.value.code() is StatusCode.UNAVAILABLE


async def test_a_call_waits_for_a_replica_in_place_of_one_that_died_without_a_word(
    route: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "RETRY_SECONDS", 0)
    adapter, died, there = ScriptedAdapter(), asyncio.Event(), asyncio.Event()
    watch = adapter.WatchStatus

    async def mortal(request: Any, context: Any) -> Any:
        if there.is_set():
            async for status in watch(request, context):
                yield status
        if not died.is_set():
            died.set()
            yield adapter_pb.WatchStatusResponse(status=adapter.status)
        raise MeshError(Reason.ENGINE_UNAVAILABLE, "gone")

    monkeypatch.setattr(adapter, "WatchStatus", mortal)
    routed = await route({"a": adapter}, {"m": scaled("a", minimum=0)})
    (replica,) = routed.app._backends.values()
    await until(lambda: replica.absent)
    told = asyncio.Event()
    monkeypatch.setattr(routed.app._admission.queues, "on_wait", lambda _: told.set())
    call = asyncio.ensure_future(routed.stub.Generate(REQUEST, timeout=SECONDS))
    await told.wait()
    there.set()
    await call
    assert not replica.absent


@pytest.mark.parametrize(
    ("model", "code"),
    [("nope", StatusCode.NOT_FOUND), ("fixed", StatusCode.NOT_FOUND), ("", StatusCode.INVALID_ARGUMENT)],
)
async def test_what_is_no_scaled_model_is_refused_by_every_method(route: Route, model: str, code: StatusCode) -> None:
    routed = await route(
        {"a": ScriptedAdapter(), "b": ScriptedAdapter()}, {"m": scaled("a"), "fixed": ModelConfig(backends=("b",))}
    )
    metrics = keda.GetMetricsRequest(scaledObjectRef=ref(model), metricName="wanted-replicas")
    for ask in (
        routed.scaler.IsActive(ref(model), timeout=SECONDS),
        routed.scaler.StreamIsActive(ref(model), timeout=SECONDS).read(),
        routed.scaler.GetMetricSpec(ref(model), timeout=SECONDS),
        routed.scaler.GetMetrics(metrics, timeout=SECONDS),
    ):
        with pytest.raises(AioRpcError) as raised:
            await ask
        assert raised.value.code() is code
    with pytest.raises(AioRpcError) as other:
        await routed.scaler.GetMetrics(keda.GetMetricsRequest(scaledObjectRef=ref(), metricName="x"), timeout=SECONDS)
    assert other.value.code() is StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("how", ["drain", "gone", "hour"])
async def test_a_watch_ends_with_its_model_its_router_or_its_hour(
    route: Route, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "hour":
        monkeypatch.setattr(autoscaler, "WATCH_SECONDS", 0.05)
    adapter = ScriptedAdapter()
    routed = await route({"a": adapter}, {"m": scaled("a")})
    stream = routed.scaler.StreamIsActive(ref())
    assert (await stream.read()).result
    assert REGISTRY.get_sample_value("thinmesh_autoscale_replica", {"model": "m", "backend": "a"}) == 1
    if how == "drain":
        await routed.app.drain()
    elif how == "gone":
        routed.app.apply(RouterConfig(models={"m": ModelConfig(backends=("a",))}, backends={"a": "a"}))
        assert REGISTRY.get_sample_value("thinmesh_autoscale_wanted_replicas", {"model": "m"}) is None
        assert REGISTRY.get_sample_value("thinmesh_autoscale_replica", {"model": "m", "backend": "a"}) is None
    async with asyncio.timeout(SECONDS):
        assert [answer async for answer in stream] == []


async def test_a_reload_that_changes_nothing_of_a_model_keeps_its_past(route: Route) -> None:
    adapter = ScriptedAdapter(limit=1)
    adapter.hold = asyncio.Event()
    routed = await route({"a": adapter, "b": adapter}, {"m": scaled("a", "b")})
    calls = [asyncio.ensure_future(routed.stub.Generate(REQUEST, timeout=SECONDS)) for _ in range(2)]
    await until(lambda: adapter.running == 2)
    assert await wanted(routed.scaler) == 2
    adapter.hold.set()
    await asyncio.gather(*calls)
    routed.app.apply(RouterConfig(models={"m": scaled("a", "b")}, backends={"a": "a", "b": "b"}, call_seconds=5))
    assert await wanted(routed.scaler) == 2
    routed.app.apply(RouterConfig(models={"m": scaled("a", "b", cool_down_seconds=0)}, backends={"a": "a", "b": "b"}))
    assert await wanted(routed.scaler) == 1
