"""The largest file of a batch that there may be: nobody holds it, nobody is held up by it, and one byte more leaves nothing."""

from __future__ import annotations

import asyncio
import json
import time
from hashlib import sha256
from pathlib import Path

import openai
import pytest
from folders import files
from launch import Running, memory_bytes, mesh
from load import Record

from thinmesh_pipelines.batches.lines import MAX_LINES
from thinmesh_pipelines.files.config import FilesConfig

CONFIG = """
tenants: {dev: {}}
backends: {echo: {adapter: echo}}
models: {echo: {backends: [echo]}}
jobs: {}
"""
MIB = 1024 * 1024
MOST = FilesConfig().max_bytes
GROWTH = 64 * MIB
"""What the mesh may hold more than before, all of it in one process: a third of the file."""


def written(path: Path, size: int) -> Path:
    """A file of as many lines as may be and this size; all of them are good but the last."""
    with path.open("wb") as file:
        for number in range(MAX_LINES - 1):
            left = (size - file.tell()) // (MAX_LINES - number)
            body = {"model": "echo", "messages": [{"role": "user", "content": ""}]}
            one = {"custom_id": f"{number:05d}", "method": "POST", "url": "/v1/chat/completions", "body": body}
            body["messages"] = [{"role": "user", "content": "x" * (left - len(json.dumps(one)) - 1)}]
            file.write(json.dumps(one).encode() + b"\n")
        file.write(b"x" * (size - file.tell()))
    return path


async def most_held(running: Running, stop: asyncio.Event) -> int:
    """The most that the mesh's process was seen to hold."""
    most = 0
    while not stop.is_set():
        most = max(most, memory_bytes(running.processes["up"].pid))
        await asyncio.sleep(0.02)
    return most


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_the_largest_file_passes_and_a_larger_one_leaves_nothing(
    state: Path, tmp_path: Path, record_property: Record
) -> None:
    """A file of 200 MiB and 50 000 lines goes up, is examined and comes down, and then one with a byte more -> the first is the
    same, the mesh never holds a third of it, the second is refused with 413 and leaves no object.
    """
    path = written(tmp_path / "lines.jsonl", MOST)
    async with (
        mesh(CONFIG, state, "up") as running,
        openai.AsyncOpenAI(base_url=f"{running.http}/v1", api_key=running.key, max_retries=0, timeout=120) as sdk,
    ):
        stop = asyncio.Event()
        before = memory_bytes(running.processes["up"].pid)
        watching = asyncio.create_task(most_held(running, stop))
        began = time.monotonic()
        file = await sdk.files.create(file=path, purpose="batch")
        record_property("up", f"{time.monotonic() - began:.1f} s")
        assert file.bytes == MOST

        began = time.monotonic()
        batch = await sdk.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
        while batch.status != "failed":
            await asyncio.sleep(0.1)
            batch = await sdk.batches.retrieve(batch.id)
        record_property("examined", f"{time.monotonic() - began:.1f} s")
        assert batch.errors is not None
        assert [(one.line, one.code) for one in batch.errors.data or []] == [(MAX_LINES, "invalid_json_line")]

        began, digest = time.monotonic(), sha256()
        async with sdk.files.with_streaming_response.content(file.id) as content:
            async for piece in content.iter_bytes():
                digest.update(piece)
        record_property("down", f"{time.monotonic() - began:.1f} s")
        assert digest.digest() == sha256(path.read_bytes()).digest()
        await sdk.files.delete(file.id)

        with path.open("ab") as more:
            more.write(b"x")
        with pytest.raises(openai.APIStatusError) as refused:
            await sdk.files.create(file=path, purpose="batch")
        assert refused.value.status_code == 413
        stop.set()
        grown = await watching - before
        record_property("held beyond before", f"{grown / MIB:.0f} MiB")
        async with asyncio.timeout(20):
            while files(state / "objects" / "files"):
                await asyncio.sleep(0.05)
    assert grown < GROWTH, f"{grown / MIB} MiB"
