"""Copies of calls: dropped, counted, and never in a call's way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from canaries import PROMPT
from grpc.aio import UsageError
from prometheus_client import REGISTRY
from thinmesh.inference.v1 import inference_service_pb2 as pb

from fakes.adapter import EVENTS, ScriptedAdapter
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.tenants import QuotaConfig, TenantConfig
from thinmesh_router.config import ModelConfig, RouterConfig, ShadowConfig

Route = Callable[..., Awaitable[Any]]
MODELS = {"m": ModelConfig(backends=("a",), shadow=ShadowConfig(backend="new", share=1.0))}
GENERATE = pb.GenerateRequest(model="m", text=PROMPT)
EMBED = pb.EmbedRequest(model="m", inputs=[pb.EmbedInput(text=PROMPT)])
SECONDS = 10.0


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"model": "m", "backend": "new"} | labels) or 0.0


async def test_a_copy_is_made_its_answer_dropped_and_its_cost_counted(route: Route) -> None:
    old, new = ScriptedAdapter(), ScriptedAdapter()
    new.events = []  # it would be an error, if anybody saw it
    routed = await route({"a": old, "new": new}, MODELS)
    before = counted("thinmesh_shadow_tokens_total")
    assert [event async for event in routed.stub.StreamGenerate(GENERATE, timeout=SECONDS)] == EVENTS
    await routed.stub.Embed(EMBED, timeout=SECONDS)
    await new.ended.wait()
    while new.running or len(new.requests) < 2:
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    assert new.requests == [GENERATE, EMBED]
    assert counted("thinmesh_shadow_tokens_total") - before == 3


async def test_a_shadow_that_fails_or_hangs_is_nobodys_trouble(route: Route) -> None:
    old, new = ScriptedAdapter(), ScriptedAdapter(limit=2)
    new.hold = asyncio.Event()
    new.error = MeshError(Reason.ENGINE_ERROR, "broken")
    routed = await route({"a": old, "new": new}, MODELS)
    before = counted("thinmesh_shadow_calls_total", code="INTERNAL")
    for _ in range(5):
        assert (await routed.stub.Generate(GENERATE, timeout=SECONDS)).choices[0].text == "a"
    await asyncio.sleep(0.01)
    assert len(new.requests) == 2  # as many as it has room for; none waits
    new.hold.set()
    while new.running:
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    assert counted("thinmesh_shadow_calls_total", code="INTERNAL") - before == 2


async def test_a_copy_that_breaks_ends_neither_the_router_nor_its_place(
    route: Route, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    routed = await route({"a": ScriptedAdapter(), "new": ScriptedAdapter()}, MODELS)
    new = routed.app._backends["new"]

    def closed(*_: Any, **__: Any) -> Any:
        raise UsageError("Channel is closed.")  # what gRPC says where a reload dropped the backend in this very turn

    monkeypatch.setattr(new.inference, "Generate", closed)
    for _ in range(2):
        assert (await routed.stub.Generate(GENERATE, timeout=SECONDS)).choices[0].text == "a"
        await asyncio.sleep(0.01)
    assert new.limit.running == 0
    assert "a copy for new failed" in caplog.text


async def test_a_reload_that_takes_the_shadow_away_while_quotas_are_asked_for_fails_no_call(
    route: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants = {"": TenantConfig(quota=QuotaConfig(concurrent_calls=1))}
    routed = await route({"a": ScriptedAdapter(), "new": ScriptedAdapter()}, MODELS, tenants=tenants)
    quotas = routed.app._admission._quotas
    reserve = quotas.reserve

    async def reserve_meanwhile(*args: Any, **options: Any) -> Any:
        models = {"m": ModelConfig(backends=("a",))}
        routed.app.apply(RouterConfig(models=models, backends={"a": "a"}, tenants=tenants))
        return await reserve(*args, **options)

    monkeypatch.setattr(quotas, "reserve", reserve_meanwhile)
    for _ in range(2):  # and nothing of the first stays taken
        assert (await routed.stub.Generate(GENERATE, timeout=SECONDS)).choices[0].text == "a"
