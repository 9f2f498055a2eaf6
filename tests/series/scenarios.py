"""What is done to a mesh, each with the alerts that have to fire then, and no others."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp
from certificates import Authority
from launch import Running
from series.bed import Bed
from shared_store import shared_store
from temporal_server import temporal_server

from fakes.openai_engine import fake_engine

LEAD = 12
"""Scrapes of a healthy mesh before anything is done to it."""


async def healthy(bed: Bed) -> None:
    """Nothing."""
    async with fake_engine() as engine, bed.serving(engine.base_url, "jobs: {}"):
        await bed.record(60)


async def dead_engine(bed: Bed) -> None:
    """The only engine of a model is gone."""
    async with AsyncExitStack() as alive:
        engine = await alive.enter_async_context(fake_engine())
        async with bed.serving(engine.base_url):
            await bed.record(LEAD)
            await alive.aclose()
            await bed.record(25)


async def failing_engine(bed: Bed) -> None:
    """An engine answers every call with an error."""
    async with fake_engine() as engine, bed.serving(engine.base_url):
        await bed.record(LEAD)
        engine.refusal = (500, b"{}")
        await bed.record(25)


async def slow_engine(bed: Bed) -> None:
    """An engine takes 3 s to its first token."""
    async with fake_engine(tokens=["a"]) as engine, bed.serving(engine.base_url):
        await bed.record(LEAD)
        engine.delay = 3
        await bed.record(25)


async def sometimes_slow_engine(bed: Bed) -> None:
    """An engine takes 3 s to its first token for one second of five."""
    async with fake_engine(tokens=["a"]) as engine, bed.serving(engine.base_url):
        await bed.record(LEAD)
        for _ in range(10):
            engine.delay = 3
            await bed.record(1)
            engine.delay = 0
            await bed.record(4)


async def overload(bed: Bed) -> None:
    """Five times as many calls come as the engine can answer, and few may wait."""
    queue = "queue: {max_waiting: 20}"
    async with fake_engine(tokens=["a"]) as engine, bed.serving(engine.base_url, queue, places=2, calls=20):
        await bed.record(LEAD)
        engine.delay = 0.5
        await bed.record(30)


async def frozen_store(bed: Bed) -> None:
    """The store that routers share for quotas answers nothing."""
    async with (
        shared_store(bed.folder) as store,
        fake_engine() as engine,
        bed.serving(engine.base_url, f'quotas: {{store: "{store.url}"}}'),
    ):
        await bed.record(LEAD)
        store.process.send_signal(signal.SIGSTOP)
        await bed.record(15)


async def frozen_temporal(bed: Bed) -> None:
    """Temporal answers nothing."""
    async with (
        temporal_server(bed.folder) as temporal,
        fake_engine() as engine,
        bed.serving(engine.base_url, f'jobs: {{temporal: "{temporal.address}"}}'),
    ):
        await bed.record(LEAD)
        temporal.process.send_signal(signal.SIGSTOP)
        await bed.record(25)
        temporal.process.send_signal(signal.SIGCONT)


async def too_few_workers(bed: Bed) -> None:
    """Jobs come faster than the one place of the only worker has turns."""
    async with fake_engine(tokens=["a"]) as engine, bed.serving(engine.base_url, "jobs: {at_once: 1}", calls=0.1) as running:
        await bed.record(3)
        engine.delay = 3
        await _jobs(running, 60)
        await bed.record(36)


async def old_certificate(bed: Bed) -> None:
    """The mesh's certificate has 5 days left."""
    authority = Authority(bed.folder / "tls")
    authority.issue("gateway", days=5)
    tls = "tls: {{authority: {0}/authority.pem, certificate: '{0}/{{role}}.pem', key: '{0}/{{role}}.key'}}"
    async with fake_engine() as engine, bed.serving(engine.base_url, tls.format(bed.folder / "tls")):
        await bed.record(5)


async def wrong_file(bed: Bed) -> None:
    """thinmesh.yaml is made wrong."""
    async with fake_engine() as engine, bed.serving(engine.base_url) as running:
        await bed.record(LEAD)
        file = running.state / "thinmesh.yaml"
        file.write_text(file.read_text().replace("models:", "modles:"))
        await bed.record(10)


async def blocked_loop(bed: Bed) -> None:
    """The process gets no turn for 2 s."""
    async with fake_engine() as engine, bed.serving(engine.base_url) as running:
        await bed.record(LEAD)
        running.processes["up"].send_signal(signal.SIGSTOP)
        await asyncio.sleep(2)
        running.processes["up"].send_signal(signal.SIGCONT)
        await bed.record(10)


async def dead_process(bed: Bed) -> None:
    """The process is killed."""
    async with fake_engine() as engine, bed.serving(engine.base_url) as running:
        await bed.record(LEAD)
        running.processes["up"].kill()
        await bed.record(10)


async def _jobs(running: Running, count: int) -> None:
    async with aiohttp.ClientSession(headers=running.headers | {"prefer": "respond-async"}) as client:
        for _ in range(count):
            async with client.post(f"{running.http}/v1/completions", json={"model": "fake", "prompt": "go on"}) as response:
                assert response.status == 202


@dataclass(frozen=True, slots=True)
class Scenario:
    """How a recording is made: a scrape each `period` seconds of the clock counts as one each `counts_as`."""

    cause: Callable[[Bed], Awaitable[None]]
    fires: tuple[str, ...] = ()
    period: float = 1.0
    counts_as: str = "1m"


BURNS = ("ErrorBudgetBurnsFast", "ErrorBudgetBurnsSlowly")
SCENARIOS = (
    Scenario(healthy),
    Scenario(dead_engine, ("BackendDown", *BURNS, "ModelUnavailable")),
    Scenario(failing_engine, ("BackendEjected", *BURNS)),
    Scenario(slow_engine, BURNS),
    Scenario(sometimes_slow_engine, BURNS[1:], counts_as="10m"),
    Scenario(overload, (*BURNS, "NoCapacity", "QueueStanding")),
    Scenario(frozen_store, ("QuotaStoreLost",)),
    Scenario(frozen_temporal, ("JobsUnavailable",)),
    Scenario(too_few_workers, (*BURNS, "JobStepsWait"), period=5.0),
    Scenario(old_certificate, ("CertificateExpires",)),
    Scenario(wrong_file, ("ConfigurationRefused",)),
    Scenario(blocked_loop, ("LoopBlocked",)),
    Scenario(dead_process, ("ProcessDown",)),
)
