"""The openai Python SDK, unchanged: files, and batches of them on an embedded mesh."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio
from aiohttp import ClientSession
from folders import files
from launch import SMOLLM2, Running, flags, memory_bytes, mesh, output
from openai.types import Batch

from thinmesh_pipelines.batches.lines import RANGE_LINES
from thinmesh_pipelines.batches.workflow import RANGES_A_RUN

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONFIG = """
tenants: {dev: {}, other: {}, third: {}}
roles: {reader: {actions: [jobs]}}
backends:
  echo: {adapter: echo}
  slow: {adapter: echo, options: {model: slow, delay_ms: 100}}
models: {echo: {backends: [echo]}, slow: {backends: [slow]}}
jobs: {}
"""
SLOW = "one two three four five six seven eight nine ten"
WORD = "nobody-elses-words "
MIB = 1024 * 1024
LINES_A_RUN = RANGE_LINES * RANGES_A_RUN
ENDED = {"completed", "failed", "expired", "cancelled"}
CHAT: Any = "/v1/chat/completions"
DAY: Any = "24h"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with mesh(CONFIG, tmp_path_factory.mktemp("s"), "up") as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def sdk(running: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{running.http}/v1", api_key=running.key, max_retries=0) as client:
        yield client


async def known(sdk: openai.AsyncOpenAI) -> None:
    """Waits until the gateway knows a key that was just made."""
    while True:
        try:
            await sdk.batches.list()
        except openai.AuthenticationError:
            await asyncio.sleep(0.05)
        else:
            return


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
    usages = [one["response"]["body"]["usage"] for one in good.values()]
    assert batch.usage is not None
    assert (batch.usage.input_tokens, batch.usage.output_tokens) == tuple(
        sum(one[name] for one in usages) for name in ("prompt_tokens", "completion_tokens")
    )
    assert (batch.model, batch.usage.total_tokens) == ("echo", batch.usage.input_tokens + batch.usage.output_tokens)


async def test_under_one_key_there_is_one_batch(sdk: openai.AsyncOpenAI) -> None:
    file_id = await uploaded(sdk, written([chat("a", "x")]))
    headers = {"Idempotency-Key": "nightly-7"}
    first, again = [
        await sdk.batches.create(input_file_id=file_id, endpoint=CHAT, completion_window=DAY, extra_headers=headers)
        for _ in range(2)
    ]
    assert first.id == again.id
    with pytest.raises(openai.ConflictError):
        await sdk.batches.create(
            input_file_id=file_id, endpoint=CHAT, completion_window=DAY, metadata={"other": "work"}, extra_headers=headers
        )
    assert [one.id async for one in sdk.batches.list()].count(first.id) == 1
    await ended(sdk, first)  # so that nothing of it comes or goes while others look at what is kept


async def test_an_upload_that_breaks_off_leaves_nothing(running: Running, sdk: openai.AsyncOpenAI) -> None:
    host, port = running.http.removeprefix("http://").split(":")
    before = [one.id async for one in sdk.files.list()]
    objects = running.state / "objects"
    kept = files(objects)
    head = (
        f"POST /v1/files HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {running.key}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {64 * MIB}\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        '--b\r\nContent-Disposition: form-data; name="file"; filename="cut.jsonl"\r\n\r\n'
    )
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(head.encode())
    for _ in range(8):
        writer.write(written([chat("a", WORD * 1500)]) * 30)
        await writer.drain()
    async with asyncio.timeout(20):
        while not files(objects) - kept:  # it is being kept
            await asyncio.sleep(0.05)
        writer.close()
        while files(objects) - kept:
            await asyncio.sleep(0.05)
    assert [one.id async for one in sdk.files.list()] == before


FORM = "multipart/form-data; boundary=b"
PURPOSE = b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="cut.jsonl"\r\n\r\n' + WORD.encode() + b"\r\n"
END = b"--b--\r\n"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'{"purpose": "batch"}'),
        ("multipart/form-data", PURPOSE + FILE + END),
        (FORM, b""),
        (FORM, b"no form at all"),
        (FORM, PURPOSE + END),
        (FORM, FILE + END),
        (FORM, PURPOSE + FILE),
        (FORM, PURPOSE + FILE + FILE + END),
        (FORM, PURPOSE + FILE.replace(b'name="file"', b"name=\xff\xfe") + END),
        (FORM, PURPOSE.replace(b"batch", b"b" * 100_000) + FILE + END),
    ],
    ids=[
        "JSON", "no boundary", "nothing", "no form", "no file", "no purpose", "no end", "two files", "no name",
        "a long field",
    ],
)  # fmt: skip
async def test_a_malformed_upload_is_refused_and_leaves_nothing(running: Running, kind: str, body: bytes) -> None:
    objects = running.state / "objects"
    kept = files(objects)
    headers = {"authorization": f"Bearer {running.key}", "content-type": kind}
    async with ClientSession() as session, session.post(f"{running.http}/v1/files", data=body, headers=headers) as answer:
        assert (answer.status, (await answer.json())["error"]["type"]) == (400, "invalid_request_error")
    assert files(objects) == kept


async def test_who_loses_the_right_in_the_middle_gets_no_more_answers(running: Running, sdk: openai.AsyncOpenAI) -> None:
    where = flags(running.state / "thinmesh.yaml", running.state)
    code, key, error = await output("key", "create", "--tenant", "third", *where)
    assert code == 0, error
    async with openai.AsyncOpenAI(base_url=f"{running.http}/v1", api_key=key.strip(), max_retries=0) as other:
        async with asyncio.timeout(30):
            await known(other)
            file_id = await uploaded(other, written([chat(f"line-{one}", SLOW, "slow") for one in range(600)]))
            batch = await other.batches.create(input_file_id=file_id, endpoint=CHAT, completion_window=DAY)
            while not (batch.request_counts and batch.request_counts.completed):
                await asyncio.sleep(0.1)
                batch = await other.batches.retrieve(batch.id)
    code, _, error = await output("key", "revoke", key.split("_")[2], *where)
    assert code == 0, error
    code, anew, error = await output("key", "create", "--tenant", "third", "--role", "auditor", "--role", "reader", *where)
    assert code == 0, error
    async with openai.AsyncOpenAI(base_url=f"{running.http}/v1", api_key=anew.strip(), max_retries=0) as other:
        async with asyncio.timeout(60):
            await known(other)
            batch = await ended(other, batch)
        assert batch.status == "failed"
        good, refused = await results(other, batch.output_file_id), await results(other, batch.error_file_id)
    assert good
    assert refused
    assert len(good) + len(refused) == 600
    assert {one["error"]["code"] for one in refused.values()} == {"batch_failed"}


@pytest.mark.timeout(120)
async def test_a_batch_of_many_lines_goes_on_in_another_run(sdk: openai.AsyncOpenAI) -> None:
    lines = [chat(f"line-{number}", "x") for number in range(LINES_A_RUN + 1)]
    file_id = await uploaded(sdk, written(lines))
    made = await sdk.batches.create(input_file_id=file_id, endpoint=CHAT, completion_window=DAY, metadata={"a": "b"})
    few = await uploaded(sdk, written(lines[:1]))
    later = await ended(sdk, await sdk.batches.create(input_file_id=few, endpoint=CHAT, completion_window=DAY))
    batch = await ended(sdk, made)
    assert (batch.status, batch.metadata, batch.created_at) == ("completed", {"a": "b"}, made.created_at)
    assert batch.request_counts is not None
    assert batch.request_counts.completed == len(lines)
    assert len(await results(sdk, batch.output_file_id)) == len(lines)
    newest = [one.id async for one in sdk.batches.list(limit=1)]  # one a page: each page asks for what was made before
    assert newest[:2] == [later.id, batch.id]
    assert newest.count(batch.id) == 1


async def test_a_file_that_is_no_batch_fails_with_each_lines_fault(sdk: openai.AsyncOpenAI) -> None:
    lines = [chat("a", "x"), chat("a", "y"), line("b", "/v1/embeddings", model="echo", input="x"), {"custom_id": "c"}]
    file_id = await uploaded(sdk, written(lines) + b"{no json\n")
    batch = await ended(sdk, await sdk.batches.create(input_file_id=file_id, endpoint=CHAT, completion_window=DAY))
    assert (batch.status, batch.output_file_id, batch.error_file_id) == ("failed", None, None)
    assert batch.errors is not None
    assert [(one.line, one.code) for one in batch.errors.data or []] == [
        (2, "duplicate_custom_id"),
        (3, "mismatched_url"),
        (4, "invalid_request"),
        (5, "invalid_json_line"),
    ]


async def test_a_batch_that_is_cancelled_gives_what_it_had(sdk: openai.AsyncOpenAI) -> None:
    lines = [chat("first", "x"), *(chat(f"slow-{number}", SLOW, "slow") for number in range(400))]
    file_id = await uploaded(sdk, written(lines))
    batch = await sdk.batches.create(input_file_id=file_id, endpoint=CHAT, completion_window=DAY)
    async with asyncio.timeout(30):
        while not (batch.request_counts and batch.request_counts.completed):
            await asyncio.sleep(0.1)
            batch = await sdk.batches.retrieve(batch.id)
    assert batch.status == "in_progress"
    assert (await sdk.batches.cancel(batch.id)).status in {"cancelling", "finalizing", "cancelled"}
    batch = await ended(sdk, batch)
    assert batch.status == "cancelled"
    good, bad = await results(sdk, batch.output_file_id), await results(sdk, batch.error_file_id)
    assert "first" in good
    assert len(good) + len(bad) == len(lines)
    assert {one["error"]["code"] for one in bad.values()} == {"batch_cancelled"}


async def test_a_batch_whose_window_is_over_expires(sdk: openai.AsyncOpenAI) -> None:
    lines = [chat(f"slow-{number}", SLOW, "slow") for number in range(400)]
    window: Any = "5s"
    file_id = await uploaded(sdk, written(lines))
    batch = await ended(sdk, await sdk.batches.create(input_file_id=file_id, endpoint=CHAT, completion_window=window))
    assert (batch.status, batch.expires_at) == ("expired", batch.created_at + 5)
    bad = await results(sdk, batch.error_file_id)
    assert {one["error"]["code"] for one in bad.values()} == {"batch_expired"}


async def test_completions_and_embeddings_are_asked_too(sdk: openai.AsyncOpenAI) -> None:
    asked: dict[Any, dict[str, Any]] = {"/v1/completions": {"prompt": "go on"}, "/v1/embeddings": {"input": "a text"}}
    for url, body in asked.items():
        file_id = await uploaded(sdk, written([line("only", url, model="echo", **body)]))
        batch = await ended(sdk, await sdk.batches.create(input_file_id=file_id, endpoint=url, completion_window=DAY))
        found = await results(sdk, batch.output_file_id)
        assert found["only"]["response"]["body"]["model"] == "echo"


async def test_files_and_batches_are_their_tenants_alone(running: Running, sdk: openai.AsyncOpenAI) -> None:
    file_id = await uploaded(sdk, written([chat("a", "x")]))
    batch = await sdk.batches.create(input_file_id=file_id, endpoint=CHAT, completion_window=DAY)
    code, key, error = await output(
        "key", "create", "--tenant", "other", *flags(running.state / "thinmesh.yaml", running.state)
    )
    assert code == 0, error
    async with openai.AsyncOpenAI(base_url=f"{running.http}/v1", api_key=key.strip(), max_retries=0) as other:
        async with asyncio.timeout(10):
            await known(other)
        assert [one async for one in other.files.list()] == []
        assert [one async for one in other.batches.list()] == []
        for asked in (
            other.files.retrieve(file_id),
            other.files.content(file_id),
            other.files.delete(file_id),
            other.batches.retrieve(batch.id),
            other.batches.cancel(batch.id),
            other.batches.create(input_file_id=file_id, endpoint=CHAT, completion_window=DAY),
        ):
            with pytest.raises(openai.NotFoundError):
                await asked


async def test_a_large_file_is_held_by_nobody_and_read_by_nobody(running: Running, sdk: openai.AsyncOpenAI) -> None:
    pid = running.processes["up"].pid
    before = memory_bytes(pid)
    data = written([chat("a", WORD * 1500)]) * 1500
    assert len(data) > 40 * MIB
    file_id = await uploaded(sdk, data)
    assert memory_bytes(pid) - before < 25 * MIB
    assert (await sdk.files.content(file_id)).read() == data
    assert memory_bytes(pid) - before < 25 * MIB
    objects = files(running.state / "objects")
    assert len(objects) > 40
    assert not any(WORD.encode() in path.read_bytes() for path in objects)
    await sdk.files.delete(file_id)


@pytest.mark.timeout(180)
async def test_a_real_model_answers_a_batch_of_twenty(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with (
        mesh(SMOLLM2 + "jobs: {}\n", tmp_path_factory.mktemp("r"), "up") as running,
        openai.AsyncOpenAI(base_url=f"{running.http}/v1", api_key=running.key, max_retries=0) as sdk,
    ):
        lines = [chat(f"q-{number}", f"Say {number}.", "smollm2", max_tokens=8) for number in range(20)]
        file_id = await uploaded(sdk, written(lines))
        batch = await ended(sdk, await sdk.batches.create(input_file_id=file_id, endpoint=CHAT, completion_window=DAY))
        found = await results(sdk, batch.output_file_id)
    assert set(found) == {f"q-{number}" for number in range(20)}
    assert all(one["response"]["body"]["usage"]["completion_tokens"] > 0 for one in found.values())


async def test_the_command_sends_follows_and_writes(running: Running, tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_bytes(written([*(chat(f"line-{number}", "x") for number in range(20)), chat("none", "x", "nope")]))
    where = (*flags(running.state / "thinmesh.yaml", running.state), "--gateway", running.grpc)
    code, _, told = await output("batch", str(file), *where)
    assert code == 0, told
    assert "20 of 21 done, 1 failed" in told
    good = (tmp_path / "lines.output.jsonl").read_text().splitlines()
    assert {json.loads(one)["custom_id"] for one in good} == {f"line-{number}" for number in range(20)}
    assert '"none"' in (tmp_path / "lines.errors.jsonl").read_text()
    file.write_bytes(written([chat("a", "x"), chat("a", "x")]))
    code, _, told = await output("batch", str(file), *where)
    assert code == 1
    assert "lines.jsonl:2: Another line has this custom_id." in told
