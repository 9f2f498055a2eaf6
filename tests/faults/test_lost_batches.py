"""A worker is killed while a batch runs: every line has one result, and what was done is not done again."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import openai
import pytest
from launch import flags, output
from load import Record
from parts import Parts, temporal

from thinmesh_core.errors import Reason

LINES = 2000
CONFIG = """
tenants: {dev: {}}
backends: {echo: {adapter: echo, options: {delay_ms: 5}}}
models: {echo: {backends: [echo]}}
jobs: {temporal: "TEMPORAL"}
"""
TEXT = "one two three four five six seven eight nine ten"


@pytest.mark.faults
async def test_fault_6_a_batch_survives_the_death_of_its_worker(state: Path, record_property: Record) -> None:
    """A batch of 2 000 lines; its worker is killed twice while it runs -> 2 000 results, none double, none of them an error."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(temporal(state / "temporal"))
        file = state / "thinmesh.yaml"
        file.write_text(CONFIG.replace("TEMPORAL", server.address))
        parts = Parts(stack, tuple(flags(file, state)))
        ports = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0")
        await parts.start("adapter", "gRPC (.+)", "adapter", "echo")
        await parts.start("router", "gRPC (.+)", "router")
        await parts.start("worker", "gRPC (.+)", "worker")
        at = await parts.start("gateway", r"REST (http://\S+)/v1", "gateway", *ports)
        code, key, error = await output("key", "create", "--tenant", "dev", *flags(file, state))
        assert code == 0, error
        sdk = await stack.enter_async_context(openai.AsyncOpenAI(base_url=f"{at}/v1", api_key=key.strip(), max_retries=10))
        batch = await created(sdk)
        for done in (LINES // 4, LINES // 2):
            await until(sdk, batch, done)
            await parts.kill("worker")
            await parts.start("worker", "gRPC (.+)", "worker")
        found = await until(sdk, batch, LINES)
        assert (found.status, found.error_file_id) == ("completed", None)
        lines = (await sdk.files.content(found.output_file_id)).text.splitlines()
    ids = [json.loads(one)["custom_id"] for one in lines]
    record_property("results", f"{len(ids)} of {LINES}")
    assert sorted(ids) == sorted(f"line-{number}" for number in range(LINES))


async def created(sdk: openai.AsyncOpenAI) -> str:
    """A batch of many lines, asked for until there is one: a key that was just made may not be known yet."""
    chat = {"model": "echo", "messages": [{"role": "user", "content": TEXT}]}
    line = {"method": "POST", "url": "/v1/chat/completions", "body": chat}
    data = b"".join(json.dumps({"custom_id": f"line-{number}", **line}).encode() + b"\n" for number in range(LINES))
    while True:
        try:
            file = await sdk.files.create(file=("lines.jsonl", data), purpose="batch")
        except openai.AuthenticationError:
            await asyncio.sleep(0.1)
        else:
            made = await sdk.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
            return made.id


async def until(sdk: openai.AsyncOpenAI, batch: str, done: int) -> Any:
    """The batch once so many of its lines are done, or all, and it has ended; a worker that is away is waited for."""
    async with asyncio.timeout(120):
        while True:
            try:
                found = await sdk.batches.retrieve(batch)
                counts = found.request_counts
                if found.status == "completed" or (done < LINES and counts is not None and counts.completed >= done):
                    return found
                assert found.status in {"validating", "in_progress", "finalizing"}, found
            except openai.InternalServerError as error:
                assert error.code == Reason.JOBS_UNAVAILABLE.name.lower(), error
            await asyncio.sleep(0.1)
