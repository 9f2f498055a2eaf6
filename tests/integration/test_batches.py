"""The openai Python SDK, unchanged: files, and batches of them on an embedded mesh."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import openai
import pytest
import pytest_asyncio
from launch import ECHO, Running, mesh
from openai.types import Batch

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENDED = {"completed", "failed", "expired", "cancelled"}
CHAT: Any = "/v1/chat/completions"
DAY: Any = "24h"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with mesh(ECHO + "jobs: {}\n", tmp_path_factory.mktemp("s"), "up") as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def sdk(running: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{running.http}/v1", api_key=running.key, max_retries=0) as client:
        yield client


def line(custom_id: str, url: str = CHAT, **body: Any) -> dict[str, Any]:
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": body}


def chat(custom_id: str, text: str, model: str = "echo", **others: Any) -> dict[str, Any]:
    return line(custom_id, model=model, messages=[{"role": "user", "content": text}], **others)


def written(lines: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in lines)


async def uploaded(sdk: openai.AsyncOpenAI, data: bytes) -> str:
    return (await sdk.files.create(file=("lines.jsonl", data), purpose="batch")).id


async def ended(sdk: openai.AsyncOpenAI, batch: Batch) -> Batch:
    async with asyncio.timeout(60):
        while batch.status not in ENDED:
            await asyncio.sleep(0.1)
            batch = await sdk.batches.retrieve(batch.id)
    return batch


async def results(sdk: openai.AsyncOpenAI, file_id: str | None) -> dict[str, dict[str, Any]]:
    assert file_id is not None
    found = [json.loads(one) for one in (await sdk.files.content(file_id)).text.splitlines()]
    assert len({one["custom_id"] for one in found}) == len(found)
    return {one["custom_id"]: one for one in found}


async def test_a_file_is_kept_listed_read_and_removed(sdk: openai.AsyncOpenAI) -> None:
    data = written([chat("a", "one")])
    file = await sdk.files.create(
        file=("lines.jsonl", data), purpose="batch", expires_after={"anchor": "created_at", "seconds": 7200}
    )
    assert (file.filename, file.bytes, file.purpose) == ("lines.jsonl", len(data), "batch")
    assert file.expires_at == file.created_at + 7200
    assert await sdk.files.retrieve(file.id) == file
    assert file.id in [one.id async for one in sdk.files.list()]
    assert (await sdk.files.content(file.id)).read() == data
    assert (await sdk.files.delete(file.id)).deleted
    with pytest.raises(openai.NotFoundError):
        await sdk.files.retrieve(file.id)
    with pytest.raises(openai.BadRequestError, match="purpose"):
        await sdk.files.create(file=("lines.jsonl", data), purpose="vision")


async def test_a_batch_gives_an_output_file_and_an_errors_file(sdk: openai.AsyncOpenAI) -> None:
    lines = [chat(f"line-{number}", f"say {number}") for number in range(150)]
    lines += [chat("hot", "x", temperature=9.0), chat("none", "x", model="nope"), chat("streamed", "x", stream=True)]
    batch = await sdk.batches.create(
        input_file_id=await uploaded(sdk, written(lines)), endpoint=CHAT, completion_window=DAY, metadata={"for": "me"}
    )
    batch = await ended(sdk, batch)
    assert (batch.status, batch.metadata) == ("completed", {"for": "me"})
    assert batch.request_counts is not None
    assert (batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed) == (153, 150, 3)
    good = await results(sdk, batch.output_file_id)
    assert set(good) == {f"line-{number}" for number in range(150)}
    assert "say 7" in good["line-7"]["response"]["body"]["choices"][0]["message"]["content"]
    bad = await results(sdk, batch.error_file_id)
    assert {name: one["response"]["status_code"] for name, one in bad.items()} == {"hot": 400, "none": 404, "streamed": 400}
    assert bad["hot"]["response"]["body"]["error"]["param"] == "temperature"
    assert batch.id in [one.id async for one in sdk.batches.list()]
