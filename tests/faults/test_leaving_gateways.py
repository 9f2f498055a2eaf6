"""One of two meshes behind a real nginx is told to stop under load: nobody is turned away."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from random import Random

import pytest
from callers import GOOD, Callers
from edge import Fronted, fronted, render
from load import Record, percentile, play, poisson, seconds

CONFIG = """
tenants: {dev: {}}
backends: {echo: {adapter: echo, options: {delay_ms: 20}}}
models: {echo: {backends: [echo]}}
"""
RATE, SECONDS, LEAVES_AT = 100, 14, 3
GONE_SECONDS = 3.0
"""What the recipe in docs/edge.md waits between nginx's reload and the signal."""


async def tell(front: Fronted, leaving: tuple[str, ...]) -> int:
    """Stops one mesh, after nginx was told where the recipe says so; gives how it ended."""
    process = front.members["one"]
    if leaving:
        await render(front, *(word for one in leaving for word in ("--leaving", one)))
        await front.reload()
        await asyncio.sleep(GONE_SECONDS)
    process.send_signal(signal.SIGTERM)
    return await process.wait()


@pytest.mark.faults
@pytest.mark.parametrize("told", [False, True], ids=["by-itself", "after-a-reload"])
@pytest.mark.parametrize("ports", [False, True], ids=["sockets", "ports"])
async def test_fault_9_a_gateway_leaves_and_nobody_is_turned_away(
    state: Path, record_property: Record, *, ports: bool, told: bool
) -> None:
    """SIGTERM of one of two meshes behind nginx at 100 calls a second, REST and gRPC, whole and streamed -> 0 failed."""
    async with fronted(CONFIG, state, ports=ports) as front, front.session() as client, front.channel() as channel:
        callers = Callers(front, client, channel)
        sending = asyncio.create_task(play(poisson(Random(8), RATE, SECONDS), callers.call))
        await asyncio.sleep(LEAVES_AT)
        async with asyncio.timeout(SECONDS):
            code = await tell(front, front.gateways["one"] if told else ())
        assert not sending.done(), "the load was over too soon"
        sent = await sending
    bad = [f"{one.at:.2f} s, {one.seconds:.2f} s: {one.outcome}" for one in sent if one.outcome != GOOD]
    slowest = max(seconds(sent))
    record_property("failed", f"{len(bad)} of {len(sent)}")
    record_property("slowest", f"{slowest * 1000:.0f} ms, p99 {percentile(seconds(sent), 99) * 1000:.0f} ms")
    print(*bad, f"{len(bad)} of {len(sent)}, slowest {slowest:.2f} s", sep="\n")
    assert not bad
    assert code == 0
