"""Engines that fail, lie, freeze and never end: one clean error each, within the configured time, in our own words."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import aiohttp
import pytest
from canaries import PROMPT
from launch import Running, memory_bytes, mesh

from fakes.openai_engine import FakeEngine

CONFIG = """
tenants: {dev: {}}
backends:
  fake:
    adapter: openai
    options: {base_url: "URL", max_concurrency: 2000}
models: {fake: {backends: [fake]}}
watchdog: {first_event_seconds: 1.5, idle_seconds: 1}
call_seconds: 6
"""
WATCHDOG_SECONDS = 3.0
MIB = 1024 * 1024
GOOD = b'data: {"choices":[{"index":0,"text":"hello"}]}\n\n'
FINISH = b'data: {"choices":[{"index":0,"text":"","finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
SECRET = "kernel panic at 10.1.2.3 key sk-123"

MALFORMED: dict[str, list[bytes]] = {
    "garbage": [b"\x00\xff\xfe rubbish\n\n"] * 3,
    "garbage in an event": [GOOD, b"data: {rubbish " + SECRET.encode() + b"}\n\n", FINISH, DONE],
    "cut in the middle of an event": [GOOD, GOOD[:30]],
    "cut after a whole event": [GOOD],
    "no finish": [GOOD, DONE],
    "two finishes": [GOOD, FINISH, FINISH, DONE],
    "text after the finish": [GOOD, FINISH, GOOD, DONE],
    "a choice not asked for": [GOOD, GOOD.replace(b'"index":0', b'"index":5'), FINISH, DONE],
    "a wrong type": [GOOD, GOOD.replace(b'"hello"', b"[1]"), FINISH, DONE],
    "invalid UTF-8": [GOOD, GOOD.replace(b"hello", b"\xff\xfe"), FINISH, DONE],
    "an error event": [GOOD, b'data: {"error": {"message": "' + SECRET.encode() + b'"}}\n\n', DONE],
    "nothing at all": [],
}


async def ask(running: Running, *, stream: bool) -> tuple[int, str]:
    """Status and body of a completion."""
    body = {"model": "fake", "prompt": PROMPT, "stream": stream}
    async with (
        aiohttp.ClientSession(headers=running.headers) as session,
        session.post(f"{running.http}/v1/completions", json=body) as response,
    ):
        return response.status, await response.text()


def errors(text: str) -> int:
    """How many error events, or error bodies, there are; each in OpenAI's shape."""
    found = [line.removeprefix("data: ") for line in text.splitlines() if '"error"' in line]
    assert all(json.loads(one)["error"].keys() == {"message", "type", "param", "code"} for one in found)
    return len(found)


async def test_malformed_streams_end_in_exactly_one_error(state: Path, engine: FakeEngine) -> None:
    async with mesh(CONFIG.replace("URL", engine.base_url), state, "up") as running:
        for name, raw in MALFORMED.items():
            for stream in (True, False):
                engine.reset()
                engine.raw = raw
                status, text = await asyncio.wait_for(ask(running, stream=stream), WATCHDOG_SECONDS)
                assert errors(text) == 1, (name, text)
                assert "[DONE]" not in text, name
                assert not any(word in text for word in ("kernel", "10.1.2.3", "sk-123", "127.0.0.1")), name
                assert status == (200 if stream and "hello" in text else 502), (name, status)


async def test_an_engines_refusals_keep_their_words_inside(state: Path, engine: FakeEngine) -> None:
    async with mesh(CONFIG.replace("URL", engine.base_url), state, "up") as running:
        for status in (400, 401, 403, 404, 422, 429, 500, 502, 503):
            engine.refusal = (status, json.dumps({"error": {"message": SECRET}}).encode())
            seen, text = await ask(running, stream=True)
            assert seen >= 400
            assert errors(text) == 1
            assert SECRET not in text


@pytest.mark.parametrize("kind", ["frozen", "a byte a second"])
@pytest.mark.parametrize("after", [0, 3])
async def test_a_silent_engine_ends_at_the_watchdog(state: Path, engine: FakeEngine, kind: str, after: int) -> None:
    async with mesh(CONFIG.replace("URL", engine.base_url), state, "up") as running:
        if kind == "frozen":
            engine.hang_after = after
        else:
            engine.raw = [GOOD] * after + [b"d", b"a", b"t", b"a", b":", b" "] * 20
            engine.pause = 0.3
        began = time.monotonic()
        status, text = await ask(running, stream=True)
        took = time.monotonic() - began
    assert (status, errors(text)) == (200 if after else 502, 1)
    assert took < WATCHDOG_SECONDS, f"{took:.2f} s"


async def test_an_endless_answer_ends_at_the_deadline(state: Path, engine: FakeEngine) -> None:
    engine.endless, engine.delay = True, 0.02
    async with mesh(CONFIG.replace("URL", engine.base_url), state, "up") as running:
        status, text = await asyncio.wait_for(ask(running, stream=True), 10)
        assert (status, errors(text), "deadline_exceeded" in text) == (200, 1, True)
        await asyncio.wait_for(engine.left.wait(), 1)


async def test_readers_that_do_not_read_cost_no_memory(state: Path, engine: FakeEngine) -> None:
    """Twenty clients ask for an endless answer and never read it: back-pressure reaches the engine."""
    engine.endless, engine.tokens = True, ["x" * 200]
    config = CONFIG.replace("URL", engine.base_url).replace("call_seconds: 6", "call_seconds: 60")
    async with mesh(config, state, "up") as running:
        pid = running.processes["up"].pid
        before = memory_bytes(pid)
        host, port = running.http.removeprefix("http://").split(":")
        body = json.dumps({"model": "fake", "prompt": PROMPT, "stream": True})
        writers = []
        for _ in range(20):
            _, writer = await asyncio.open_connection(host, int(port), limit=1)
            head = f"POST /v1/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {running.key}\r\ncontent-length: {len(body)}\r\n\r\n"
            writer.write((head + body).encode())
            writers.append(writer)
        most = 0
        for _ in range(16):
            await asyncio.sleep(0.5)
            most = max(most, memory_bytes(pid) - before)
        for writer in writers:
            writer.close()
    print(f"20 readers that do not read: {most / MIB:+.1f} MiB")
    assert most <= 64 * MIB


async def test_a_thousand_open_streams_are_served(state: Path, engine: FakeEngine) -> None:
    engine.delay, engine.tokens = 0.5, ["a", " b", " c", " d"]
    count = 1000
    config = (
        CONFIG.replace("URL", engine.base_url)
        .replace("call_seconds: 6", "call_seconds: 60")
        .replace("seconds: 1", "seconds: 30")
    )
    async with mesh(config, state, "up") as running:
        pid = running.processes["up"].pid
        before = memory_bytes(pid)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, headers=running.headers) as session:

            async def one() -> str:
                body = {"model": "fake", "prompt": PROMPT, "stream": True}
                async with session.post(f"{running.http}/v1/completions", json=body) as response:
                    return await response.text()

            asking = [asyncio.create_task(one()) for _ in range(count)]
            most = 0
            while not all(task.done() for task in asking):
                await asyncio.sleep(0.1)
                most = max(most, memory_bytes(pid) - before)
            texts = {task.result() for task in asking}
        assert all(text.endswith("data: [DONE]\n\n") and errors(text) == 0 for text in texts)
        print(f"1000 open streams: {most / count / 1024:.0f} KiB each")
        assert most / count <= 100 * 1024
