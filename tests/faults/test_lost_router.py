"""A router that dies under its calls: gateways say so at once, and use the next one as soon as it is there."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest
from launch import command, flags, mesh, said
from load import Record, complete, play, poisson, session, until

CONFIG = """
tenants: {dev: {}}
backends:
  one:
    adapter: echo
    options: {delay_ms: 300}
models: {one: {backends: [one]}}
"""


@pytest.mark.faults
async def test_fault_7_a_killed_router_is_told_and_replaced(state: Path, record_property: Record) -> None:
    """The only router is killed under 50 calls a second of 0.3 s, and started again
    -> each gets 503 within 250 ms, and the gateway uses the next router within 1 s.
    """
    async with mesh(CONFIG, state, "split") as running, session(running) as client:
        loop = asyncio.get_running_loop()
        killed = 0.0
        ends: list[tuple[float, float, int]] = []

        async def ask() -> None:
            began = loop.time()
            answer = await complete(client, running, "one")
            ends.append((began, loop.time(), answer.status))

        async def kill() -> None:
            nonlocal killed
            await asyncio.sleep(1.5)
            killed = loop.time()
            running.processes["router"].kill()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(kill())
            tasks.create_task(play(poisson(Random(7), 50, 3), ask))
        slowest = max(end - max(began, killed) for began, end, status in ends if status != 200)

        async def served() -> bool:
            return (await complete(client, running, "one")).status == 200

        async with command("router", *flags(state / "thinmesh.yaml", state)) as router:
            await said(router, "router: gRPC")
            recovered = await until(served, within=10)
    statuses = {status for _, end, status in ends if end > killed + 0.05}  # until then answers come that were sent before
    record_property("slowest end", f"{slowest * 1000:.0f} ms")
    record_property("told", ", ".join(map(str, sorted(statuses))))
    record_property("served by the next after", f"{recovered:.2f} s")
    assert statuses == {503}
    assert slowest <= 0.25
    assert recovered <= 1
