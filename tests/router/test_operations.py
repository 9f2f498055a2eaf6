"""What operators see and do: backends, queues, drain and undrain."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from canaries import PROMPT
from grpc.aio import AioRpcError
from prometheus_client import REGISTRY
from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.router.v1 import backend_service_pb2 as backend_pb

from fakes.adapter import EVENTS, ScriptedAdapter, reason
from thinmesh_router.config import ModelConfig, RouterConfig

Route = Callable[..., Awaitable[Any]]
REQUEST = pb.GenerateRequest(model="m", text=PROMPT)
SECONDS = 10.0


async def events(stub: Any, *metadata: tuple[str, str]) -> list[pb.GenerateEvent]:
    return [event async for event in stub.StreamGenerate(REQUEST, timeout=SECONDS, metadata=metadata)]


async def test_backends_are_listed_as_this_router_sees_them(route: Route) -> None:
    one, other = ScriptedAdapter(limit=3), ScriptedAdapter()
    routed = await route({"b": other, "a": one})
    other.become(adapter_pb.STATE_FAILED)
    one.hold = asyncio.Event()
    asking = asyncio.create_task(events(routed.stub))
    await one.began.wait() if one.requests else await asyncio.sleep(0.02)
    found = (await routed.backends.ListBackends(backend_pb.ListBackendsRequest(), timeout=SECONDS)).backends
    assert [(each.name, each.status.state) for each in found] == [
        ("a", adapter_pb.STATE_READY),
        ("b", adapter_pb.STATE_FAILED),
    ]
    assert (found[0].limit, found[0].health) == (3, backend_pb.HEALTH_HEALTHY)
    assert not found[0].HasField("latency_seconds")
    one.hold.set()
    assert await asking == EVENTS


async def test_a_drained_backend_ends_its_calls_and_gets_none_until_it_is_undrained(route: Route) -> None:
    adapter = ScriptedAdapter()
    adapter.hold = asyncio.Event()
    routed = await route({"a": adapter})
    running = asyncio.create_task(events(routed.stub))
    await adapter.began.wait()
    drained = await routed.backends.DrainBackend(backend_pb.DrainBackendRequest(name="a"), timeout=SECONDS)
    assert (drained.backend.running, drained.backend.status.state) == (1, adapter_pb.STATE_DRAINING)
    waiting = asyncio.create_task(events(routed.stub, ("thinmesh-tenant", "t")))  # the waiting room: it will be back
    await asyncio.sleep(0.02)
    queue = (await routed.backends.ListQueues(backend_pb.ListQueuesRequest(), timeout=SECONDS)).queues[0]
    assert (queue.model, queue.calls, [(line.priority, line.tenant) for line in queue.lines]) == ("m", 1, [("standard", "t")])
    adapter.hold.set()
    assert await running == EVENTS
    assert len(adapter.requests) == 1
    await routed.backends.UndrainBackend(backend_pb.UndrainBackendRequest(name="a"), timeout=SECONDS)
    assert await waiting == EVENTS


async def test_an_unknown_backend_is_named_with_those_that_exist(route: Route) -> None:
    routed = await route({"a": ScriptedAdapter()})
    for call in (
        routed.backends.DrainBackend(backend_pb.DrainBackendRequest(name="z"), timeout=SECONDS),
        routed.backends.GetBackend(backend_pb.GetBackendRequest(name="z"), timeout=SECONDS),
    ):
        with pytest.raises(AioRpcError, match="there are: a") as raised:
            await call
        assert reason(raised.value) == "NOT_FOUND"
    found = await routed.backends.GetBackend(backend_pb.GetBackendRequest(name="a"), timeout=SECONDS)
    assert found.backend.name == "a"


async def test_nothing_is_measured_of_a_backend_that_a_reload_dropped(route: Route) -> None:
    routed = await route({"stays": ScriptedAdapter(), "goes": ScriptedAdapter()})

    def ready(name: str) -> float | None:
        return REGISTRY.get_sample_value("thinmesh_backend_ready", {"backend": name})

    assert (ready("stays"), ready("goes")) == (1, 1)
    routed.app.apply(RouterConfig(models={"m": ModelConfig(backends=("stays",))}, backends={"stays": "stays"}))
    assert (ready("stays"), ready("goes")) == (1, None)
