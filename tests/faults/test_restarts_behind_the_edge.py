"""Meshes behind a real nginx are restarted or killed, and callers do not notice."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from random import Random
from typing import Any

import openai
import pytest
from callers import GOOD, Callers, unnoticed
from edge import NAMES, fronted
from load import Record, percentile, play, poisson, seconds
from parts import temporal

CONFIG = """
tenants: {dev: {}}
backends: {echo: {adapter: echo, options: {delay_ms: 20}}}
models: {echo: {backends: [echo]}}
"""
JOBS = 500


@pytest.mark.faults
async def test_fault_10_a_rolling_restart_behind_the_edge(state: Path, record_property: Record) -> None:
    """Both meshes behind nginx are restarted in turn at 50 calls a second -> at least 99.9 % are answered, p99 less than doubles."""
    async with fronted(CONFIG, state) as front, front.session() as client, front.channel() as channel:
        callers = Callers(front, client, channel)
        before = await play(poisson(Random(9), 50, 10), callers.call)
        sending = asyncio.create_task(play(poisson(Random(10), 50, 40), callers.call))
        for name in NAMES:
            front.members[name].terminate()
            assert await front.members[name].wait() == 0
            await front.start(name)
        assert not sending.done(), "the load was over too soon"
        sent = await sending
    bad = [one.outcome for one in sent if one.outcome != GOOD]
    usual, p99 = percentile(seconds(before), 99), percentile(seconds(sent), 99)
    record_property("answered", f"{1 - len(bad) / len(sent):.3%} of {len(sent)}")
    record_property("p99", f"{p99 * 1e3:.0f} ms, before {usual * 1e3:.0f} ms")
    print(*bad, sep="\n")
    assert len(bad) <= 0.001 * len(sent)
    assert unnoticed(p99, usual, 2)


@pytest.mark.faults
async def test_fault_6_jobs_survive_a_mesh_behind_the_edge(state: Path, record_property: Record) -> None:
    """One of two meshes, with its router, is killed with 500 jobs of a batch to do -> 500 results through nginx, none double."""
    (state / "temporal").mkdir()
    async with temporal(state / "temporal") as server:
        config = CONFIG + f'jobs: {{temporal: "{server.address}"}}\n'
        async with fronted(config, state) as front, front.openai() as sdk:
            chat = {"model": "echo", "messages": [{"role": "user", "content": "one two three"}]}
            line = {"method": "POST", "url": "/v1/chat/completions", "body": chat}
            data = b"".join(json.dumps({"custom_id": f"line-{number}", **line}).encode() + b"\n" for number in range(JOBS))
            file = await sdk.files.create(file=("lines.jsonl", data), purpose="batch")
            made = await sdk.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
            front.members["one"].kill()
            await front.members["one"].wait()
            found = await ended(sdk, made.id)
            assert (found.status, found.error_file_id) == ("completed", None)
            lines = (await sdk.files.content(found.output_file_id)).text.splitlines()
    ids = [json.loads(one)["custom_id"] for one in lines]
    record_property("results", f"{len(ids)} of {JOBS}")
    assert sorted(ids) == sorted(f"line-{number}" for number in range(JOBS))


async def ended(sdk: openai.AsyncOpenAI, batch: str) -> Any:
    """The batch once it has ended."""
    async with asyncio.timeout(180):
        while (found := await sdk.batches.retrieve(batch)).status in {"validating", "in_progress", "finalizing"}:
            await asyncio.sleep(0.2)
    return found
