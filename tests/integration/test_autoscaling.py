"""A model's replicas come and go as real processes, started and stopped as KEDA would: no call fails for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from canaries import PROMPT
from certificates import Authority, Files
from launch import command, flags, free_port, output, said
from thinmesh.third_party.keda import externalscaler_pb2 as pb
from thinmesh.third_party.keda import externalscaler_pb2_grpc as keda_grpc

from fakes.openai_engine import fake_engine

REPLICA = '  {name}: {{adapter: openai, options: {{base_url: "{url}", max_concurrency: 2}}}}\n'
CONFIG = """
tenants: {dev: {}}
models:
  fake:
    backends: [r0, r1, r2, r3]
    autoscale: {target: {utilisation: 1.0}, minimum: 0, cool_down_seconds: 0.5, idle_seconds: 1}
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


@asynccontextmanager
async def dialled(port: int, files: Files) -> AsyncIterator[grpc.aio.Channel]:
    parts = (files.authority.read_bytes(), files.key.read_bytes(), files.certificate.read_bytes())
    named = (("grpc.ssl_target_name_override", "router.thinmesh"),)
    async with grpc.aio.secure_channel(f"LOCALHOST:{port}", grpc.ssl_channel_credentials(*parts), options=named) as channel:
        yield channel


async def until(reached: Any, seconds: float) -> float:
    """Asks again and again; gives after how long it was so."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not await reached():
            await asyncio.sleep(0.02)
    return time.monotonic() - began


async def test_replicas_follow_a_burst_rest_when_idle_and_a_call_wakes_them(state: Path) -> None:
    authority, port = Authority(state / "tls"), free_port()
    for role in ("gateway", "router", "adapter", "operator"):
        authority.issue(role)
    file = state / "thinmesh.yaml"
    run = flags(file, state)
    async with fake_engine() as engine, AsyncExitStack() as stack:
        listed = "".join(REPLICA.format(name=f"r{one}", url=engine.base_url) for one in range(4))
        file.write_text(CONFIG.replace("PORT", str(port)).replace("TLS", str(state / "tls")) + listed)
        code, key, error = await output("key", "create", "--tenant", "dev", *run)
        assert code == 0, error
        await said(await stack.enter_async_context(command("router", *run)), "router: gRPC")
        ports = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0")
        gateway = await stack.enter_async_context(command("gateway", *run, *ports))
        url = (await said(gateway, r"REST (http://\S+)/v1"))[1]
        session = await stack.enter_async_context(
            aiohttp.ClientSession(headers={"authorization": f"Bearer {key.strip()}"}, timeout=aiohttp.ClientTimeout(60))
        )
        keda = Keda(await stack.enter_async_context(dialled(port, authority.issue("autoscaler"))))

        async def ask() -> int:
            body = {"model": "fake", "prompt": PROMPT, "max_tokens": 5}
            async with session.post(f"{url}/v1/completions", json=body) as response:
                await response.read()
                return response.status

        assert not await keda.pushed()
        assert (await keda.wanted(), await keda.active()) == (0, False)

        began = time.monotonic()
        first = asyncio.create_task(ask())
        assert await keda.pushed()
        print(f"a call for a model without a replica was pushed {(time.monotonic() - began) * 1000:.0f} ms after it was made")
        assert (await keda.wanted(), first.done()) == (1, False)
        replicas = [await stack.enter_async_context(command("adapter", "r0", *run))]
        assert await first == 200

        engine.delay = 0.3
        burst = [asyncio.create_task(ask()) for _ in range(BURST)]
        raised = await until(lambda: _is(keda.wanted, 4), RAISED_SECONDS)
        print(f"{BURST} calls at once raised what is wanted from 1 to 4 within {raised * 1000:.0f} ms")
        replicas.append(await stack.enter_async_context(command("adapter", "r1", *run)))
        assert set(await asyncio.gather(*burst)) == {200}

        assert not await keda.pushed()  # idle: whoever scales stops the replicas
        assert (await keda.wanted(), await keda.active()) == (0, False)
        for one in replicas:
            one.terminate()
            await one.wait()

        again = asyncio.create_task(ask())
        assert await keda.pushed()
        assert not again.done()
        await stack.enter_async_context(command("adapter", "r0", *run))
        assert await again == 200

        async with dialled(port, authority.issue("gateway", named="other")) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await keda_grpc.ExternalScalerStub(channel).IsActive(REF, timeout=SECONDS)
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
        keda.pushes.cancel()


async def _is(ask: Any, wanted: int) -> bool:
    return bool(await ask() == wanted)
