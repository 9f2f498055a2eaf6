"""The machine's clock is set while calls run: nothing in the mesh waits or expires by it."""

from __future__ import annotations

import asyncio
import json
from importlib.resources import files
from pathlib import Path
from random import Random

import pytest
from launch import mesh
from load import Record, complete, percentile, play, poisson, seconds, session

from fakes.openai_engine import FakeEngine

CONFIG = """
tenants: {dev: {quota: {requests_per_minute: 1000}}}
backends:
  echo:
    adapter: echo
    options: {delay_ms: 50}
  hung:
    adapter: openai
    options: {base_url: "URL"}
models:
  echo: {backends: [echo]}
  hung: {backends: [hung]}
queue: {wait_seconds: 5}
watchdog: {first_event_seconds: 2}
call_seconds: 5
"""
JUMPS = {2.0: "+3600", 4.0: "-3600", 6.0: "+0"}
"""How far the clock is from the true time, in seconds, from these moments on."""


@pytest.mark.faults
async def test_fault_30_the_clock_jumps_by_an_hour(
    state: Path, engine: FakeEngine, record_property: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of gateway, router and adapters jumps by +1 h, -2 h and +1 h under 40 calls a second (libfaketime)
    -> no call expires or stalls, and a watchdog of 2 s bites after 2 s, within 0.25 s.
    """
    clock = state / "clock"
    clock.write_text("+0")
    monkeypatch.setenv("LD_PRELOAD", str(files("libfaketime") / "vendor/libfaketime/src/libfaketime.so.1"))
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(clock))
    monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    engine.hang_after = 0
    async with mesh(CONFIG.replace("URL", engine.base_url), state, "split") as running, session(running) as client:

        async def jump() -> None:
            before = 0.0
            for at, offset in JUMPS.items():
                await asyncio.sleep(at - before)
                clock.write_text(offset)
                before = at

        jumping = asyncio.create_task(jump())
        calls, hung = await asyncio.gather(
            play(poisson(Random(30), 40, 8), lambda: complete(client, running, "echo")),
            play([0.9, 3.1, 5.3], lambda: complete(client, running, "hung", stream=True)),  # one over each jump
        )
        await jumping
    created = [json.loads(one.outcome.text)["created"] for one in calls if one.outcome.status == 200]
    served = len(created)
    silent = seconds(hung)
    record_property("the clock went over", f"{max(created) - min(created)} s")
    record_property("served", f"{served} of {len(calls)}, slowest {max(seconds(calls)) * 1000:.0f} ms")
    record_property("the watchdog bit after", f"{min(silent):.2f} to {max(silent):.2f} s")
    assert max(created) - min(created) >= 7190
    assert served == len(calls)
    assert percentile(seconds(calls), 100) <= 1
    assert {one.outcome.status for one in hung} == {502}
    assert min(silent) >= 1.99
    assert max(silent) <= 2.25
