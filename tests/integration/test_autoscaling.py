"""A model's replicas come and go as real processes, started and stopped as KEDA would: no call fails for it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from canaries import PROMPT
from certificates import Authority
from launch import command, flags, free_port, output, said
from thinmesh.third_party.keda import externalscaler_pb2 as pb
from thinmesh.third_party.keda import externalscaler_pb2_grpc as keda_grpc

from fakes.openai_engine import FakeEngine, fake_engine

REPLICA = '  {name}: {{adapter: openai, options: {{base_url: "{url}", max_concurrency: 2}}}}\n'
CONFIG = """
tenants: {dev: {}}
models:
  fake:
    backends: [r0, r1, r2, r3]
    autoscale: {target: {utilisation: 1.0}, minimum: 0, cool_down_seconds: 60, idle_seconds: 1}
listen: {router: "LOCALHOST:PORT"}
tls: {authority: TLS/authority.pem, certificate: "TLS/{role}.pem", key: "TLS/{role}.key"}
backends:
"""
BURST = 8
RAISED_SECONDS = 2.0
SECONDS = 20.0
REF = pb.ScaledObjectRef(name="fake", namespace="models", scalerMetadata={"scalerAddress": "router:7000", "model": "fake"})


class Keda:
    """Asks what KEDA asks, over a connection of its own."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = keda_grpc.ExternalScalerStub(channel)
        self.pushes = self._stub.StreamIsActive(REF)

    async def pushed(self) -> bool:
        async with asyncio.timeout(SECONDS):
            answer: Any = await self.pushes.read()
        return bool(answer.result)

    async def wanted(self) -> int:
        (spec,) = (await self._stub.GetMetricSpec(REF, timeout=SECONDS)).metricSpecs
        request = pb.GetMetricsRequest(scaledObjectRef=REF, metricName=spec.metricName)
        (value,) = (await self._stub.GetMetrics(request, timeout=SECONDS)).metricValues
        return round(value.metricValueFloat / spec.targetSizeFloat)

    async def active(self) -> bool:
        return bool((await self._stub.IsActive(REF, timeout=SECONDS)).result)


async def until(reached: Any, seconds: float) -> float:
    """Asks again and again; gives after how long it was so."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not await reached():
            await asyncio.sleep(0.02)
    return time.monotonic() - began


class World:
    """A router and a gateway without any replica, whoever calls them, and whoever starts replicas."""

    def __init__(self, stack: AsyncExitStack, engine: FakeEngine, state: Path) -> None:
        self.engine = engine
        self.authority = Authority(state / "tls")
        self.port = free_port()
        self._stack = stack
        self._state = state
        self.run = flags(state / "thinmesh.yaml", state)

    async def start(self) -> None:
        """The processes that are always there."""
        for role in ("gateway", "router", "adapter", "operator"):
            self.authority.issue(role)
        listed = "".join(REPLICA.format(name=f"r{one}", url=self.engine.base_url) for one in range(4))
        config = CONFIG.replace("PORT", str(self.port)).replace("TLS", str(self._state / "tls"))
        (self._state / "thinmesh.yaml").write_text(config + listed)
        key = await self.told("key", "create", "--tenant", "dev")
        await said(await self._stack.enter_async_context(command("router", *self.run)), "router: gRPC")
        ports = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0")
        gateway = await self._stack.enter_async_context(command("gateway", *self.run, *ports))
        self._url = (await said(gateway, r"REST (http://\S+)/v1"))[1]
        headers = {"authorization": f"Bearer {key.strip()}"}
        session = aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(60))
        self._session = await self._stack.enter_async_context(session)

    async def told(self, *words: str) -> str:
        """What a command prints."""
        code, printed, error = await output(*words, *self.run)
        assert code == 0, error
        return printed

    async def ask(self) -> int:
        """One caller's call; its status."""
        body = {"model": "fake", "prompt": PROMPT, "max_tokens": 5}
        async with self._session.post(f"{self._url}/v1/completions", json=body) as response:
            await response.read()
            return response.status

    async def replica(self, name: str) -> asyncio.subprocess.Process:
        """Starts one."""
        return await self._stack.enter_async_context(command("adapter", name, *self.run))

    @asynccontextmanager
    async def scaler(self, role: str) -> AsyncIterator[grpc.aio.Channel]:
        """The router, as one with a certificate of that role reaches it."""
        files = self.authority.issue(role, named=f"client-{role}")
        parts = (files.authority.read_bytes(), files.key.read_bytes(), files.certificate.read_bytes())
        named = (("grpc.ssl_target_name_override", "router.thinmesh"),)
        address, credentials = f"LOCALHOST:{self.port}", grpc.ssl_channel_credentials(*parts)
        async with grpc.aio.secure_channel(address, credentials, options=named) as channel:
            yield channel


@pytest.fixture
async def world(state: Path) -> AsyncIterator[World]:
    async with fake_engine() as engine, AsyncExitStack() as stack:
        made = World(stack, engine, state)
        await made.start()
        yield made


async def test_replicas_follow_a_burst_rest_when_idle_and_a_call_wakes_them(world: World) -> None:
    async with world.scaler("autoscaler") as channel:
        keda = Keda(channel)
        assert not await keda.pushed()
        assert (await keda.wanted(), await keda.active()) == (0, False)

        began = time.monotonic()
        first = asyncio.create_task(world.ask())
        assert await keda.pushed()
        print(f"a call for a model without a replica was pushed {(time.monotonic() - began) * 1000:.0f} ms after it was made")
        assert (await keda.wanted(), first.done()) == (1, False)
        replicas = [await world.replica("r0")]
        assert await first == 200

        world.engine.delay = 0.3
        burst = [asyncio.create_task(world.ask()) for _ in range(BURST)]
        raised = await until(lambda: _is(keda.wanted, 4), RAISED_SECONDS)
        print(f"{BURST} calls at once raised what is wanted from 1 to 4 within {raised * 1000:.0f} ms")
        decision = json.loads(await world.told("autoscale", "explain", "fake", "--json"))["decision"]
        assert (decision["model"], decision["wanted"], decision["maximum"]) == ("fake", 4, 4)
        replicas.append(await world.replica("r1"))
        assert set(await asyncio.gather(*burst)) == {200}

        assert not await keda.pushed()  # idle: whoever scales stops the replicas
        assert (await keda.wanted(), await keda.active()) == (0, False)
        explained = await world.told("autoscale", "explain", "fake")
        assert "fake: 0 wanted, 2 there; from 0 to 4 there may be" in explained
        assert "no call for 1 s" in explained
        for one in replicas:
            one.terminate()
            await one.wait()

        again = asyncio.create_task(world.ask())
        assert await keda.pushed()
        assert not again.done()
        await world.replica("r0")
        assert await again == 200
        keda.pushes.cancel()


async def test_without_any_replica_the_doctor_finds_no_fault_and_no_other_part_may_ask_for_keda(world: World) -> None:
    _, printed, error = await output("doctor", "--json", *world.run)
    found = {one["where"]: one for one in json.loads(printed)}
    assert found["backends.r0"]["level"] == "note", error
    assert "autoscale explain fake" in found["backends.r0"]["do"]
    async with world.scaler("gateway") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await keda_grpc.ExternalScalerStub(channel).IsActive(REF, timeout=SECONDS)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def _is(ask: Any, wanted: int) -> bool:
    return bool(await ask() == wanted)
