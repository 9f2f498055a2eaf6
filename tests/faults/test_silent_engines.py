"""Engines that say nothing, or next to nothing: another is asked while there is time, and the caller's time holds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from canaries import PROMPT
from launch import mesh
from load import Record, complete, percentile, play, seconds, session

from fakes.openai_engine import FakeEngine, fake_engine

TWO = """
tenants: {dev: {}}
backends:
  one:
    adapter: openai
    options: {base_url: "ONE"}
  two:
    adapter: openai
    options: {base_url: "TWO"}
models: {fake: {backends: [one, two]}}
"""
ONE = """
tenants: {dev: {}}
backends:
  one:
    adapter: openai
    options: {base_url: "ONE"}
models: {fake: {backends: [one]}}
"""


async def test_fault_3_a_hung_engine_costs_no_stream(state: Path, engine: FakeEngine, record_property: Record) -> None:
    """One of two engines hangs before its first token, under 20 streams at once -> the other answers every stream after the watchdog's 1 s."""
    engine.hang_after = 0
    async with fake_engine() as well:
        config = TWO.replace("ONE", engine.base_url).replace("TWO", well.base_url) + "watchdog: {first_event_seconds: 1}\n"
        async with mesh(config, state, "up") as running, session(running) as client:
            sent = await play([0.0] * 20, lambda: complete(client, running, "fake", stream=True))
    answered = [one for one in sent if one.outcome.status == 200 and one.outcome.text.endswith("data: [DONE]\n\n")]
    record_property("answered", f"{len(answered)} of {len(sent)}")
    record_property("asked of the hung engine", len(engine.requests))
    record_property("slowest", f"{max(seconds(sent)):.2f} s")
    assert len(answered) == len(sent)
    assert engine.requests  # how many is by chance; without any nothing was tried
    assert max(seconds(sent)) <= 1.5


@pytest.mark.faults
@pytest.mark.parametrize("stream", [False, True])
async def test_fault_3_the_callers_time_holds(
    state: Path, engine: FakeEngine, record_property: Record, *, stream: bool
) -> None:
    """The only engine hangs under 80 calls at once with 1 s each -> all end with an error at most 50 ms late (99 %)."""
    engine.hang_after = 0
    config = ONE.replace("ONE", engine.base_url) + "call_seconds: 1\n"
    async with mesh(config, state, "up") as running, session(running) as client:
        sent = await play([count / 80 for count in range(240)], lambda: complete(client, running, "fake", stream=stream))
        late = percentile(seconds(sent), 99) - 1
        async with asyncio.timeout(2):
            while engine.running:
                await asyncio.sleep(0.01)
    record_property("99 % late by at most", f"{late * 1000:.0f} ms")
    assert {one.outcome.status for one in sent} == {504}
    assert engine.most_running >= 79
    assert min(seconds(sent)) >= 0.99
    assert late <= 0.05


@pytest.mark.faults
async def test_fault_4_a_stream_that_goes_silent_ends(state: Path, engine: FakeEngine, record_property: Record) -> None:
    """An engine says one token each 30 s, and 20 s are allowed -> the stream ends with an error 20 s after it, within 0.5 s."""
    engine.raw, engine.pause = [b'data: {"choices":[{"index":0,"text":"hello"}]}\n\n'] * 3, 30
    config = ONE.replace("ONE", engine.base_url) + "watchdog: {idle_seconds: 20}\n"
    async with mesh(config, state, "up") as running, session(running) as client:
        loop = asyncio.get_running_loop()
        body = {"model": "fake", "prompt": PROMPT, "stream": True}
        async with client.post(f"{running.http}/v1/completions", json=body) as response:
            assert b"hello" in await response.content.readline()
            heard = loop.time()
            rest = await response.text()
            silent = loop.time() - heard
    record_property("ended after", f"{silent:.2f} s")
    assert '"code":"engine_unavailable"' in rest.replace(" ", "")
    assert abs(silent - 20) <= 0.5
