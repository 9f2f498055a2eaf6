"""What a mesh counts is what its callers saw: ended calls, tokens and refusals, to 1 %."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

import aiohttp
import pytest
from canaries import PHRASE
from launch import Running, flags, mesh, output
from load import Record, play, poisson, session, until
from scraped import Scraped, scrape

from fakes.openai_engine import fake_engine

CONFIG = """
tenants: {{dev: {{}}, tight: {{quota: {{requests_per_minute: 20}}}}}}
backends:
  sound: {{adapter: openai, options: {{base_url: "{sound}", max_concurrency: 8}}}}
  endless: {{adapter: openai, options: {{base_url: "{endless}", max_concurrency: 256}}}}
  broken: {{adapter: openai, options: {{base_url: "{broken}", max_concurrency: 256}}}}
models:
  sound: {{backends: [sound]}}
  endless: {{backends: [endless]}}
  broken: {{backends: [broken]}}
"""
RATE, SECONDS = 60.0, 8.0
KINDS = {"answer": 5, "stream": 5, "leave": 2, "fail": 1, "stranger": 1, "tight": 2}
OUTCOMES = {200: "ok", 404: "model_not_found", 429: "quota_exceeded", 502: "engine_error"}


@dataclass(slots=True)
class Seen:
    """What the callers saw."""

    outcomes: Counter[str] = field(default_factory=Counter)
    input: int = 0
    output: int = 0
    left: int = 0
    """Output of streams until they were left."""
    first: Counter[str] = field(default_factory=Counter)

    def used(self, usage: dict[str, int]) -> None:
        """An answer told so many tokens."""
        self.input += usage["prompt_tokens"]
        self.output += usage["completion_tokens"]


@dataclass(frozen=True, slots=True)
class Callers:
    """Those who ask, each in a way of its own, and what they saw."""

    client: aiohttp.ClientSession
    running: Running
    tight: dict[str, str]
    random: Random
    seen: Seen = field(default_factory=Seen)

    async def call(self) -> None:
        """One call of a kind that chance chooses."""
        match self.random.choices(tuple(KINDS), tuple(KINDS.values()))[0]:
            case "answer":
                await self._ask("sound")
            case "stream":
                await self._stream("sound", words=None)
            case "leave":
                await self._stream("endless", words=self.random.randrange(1, 20))
            case "fail":
                await self._ask("broken")
            case "stranger":
                await self._ask(f"unknown-{self.random.random()}")
            case "tight":
                await self._ask("sound", headers=self.tight)

    async def _ask(self, model: str, headers: dict[str, str] | None = None) -> None:
        body = {"model": model, "prompt": PHRASE, "max_tokens": self.random.randrange(1, 40), "ignore_eos": True}
        async with self.client.post(f"{self.running.http}/v1/completions", json=body, headers=headers) as response:
            self.seen.outcomes[OUTCOMES[response.status]] += 1
            answer = await response.json()
            if response.status == 200:
                self.seen.used(answer["usage"])

    async def _stream(self, model: str, words: int | None) -> None:
        """A stream to its end, or left after so many words."""
        body = {"model": model, "prompt": PHRASE, "stream": True, "stream_options": {"include_usage": True}}
        async with self.client.post(f"{self.running.http}/v1/completions", json=body) as response:
            assert response.status == 200
            self.seen.first[model] += 1
            heard = 0
            async for line in response.content:
                if not line.startswith(b"data: {"):
                    continue
                event = json.loads(line.removeprefix(b"data: "))
                heard += bool(event["choices"] and event["choices"][0]["text"])
                if event.get("usage"):
                    self.seen.used(event["usage"])
                if heard == words:
                    self.seen.outcomes["cancelled"] += 1
                    self.seen.left += heard
                    return
            self.seen.outcomes["ok"] += 1


def grown(before: Scraped, after: Scraped, name: str, **labels: str) -> float:
    return after.total(name, **labels) - before.total(name, **labels)


async def test_what_is_counted_is_what_callers_saw_to_one_percent(state: Path, record_property: Record) -> None:
    random = Random(8)
    async with (
        fake_engine(delay=0.001) as sound,
        fake_engine(delay=0.002, endless=True) as endless,
        fake_engine(refusal=(500, b"{}")) as broken,
        mesh(CONFIG.format(sound=sound.base_url, endless=endless.base_url, broken=broken.base_url), state, "up") as running,
        session(running) as client,
    ):
        code, key, error = await output("key", "create", "--tenant", "tight", *flags(state / "thinmesh.yaml", state))
        assert code == 0, error
        tight = {"authorization": f"Bearer {key.strip()}"}
        await until(partial(_known, client, running, tight), within=10)
        callers = Callers(client, running, tight, random)
        before = await scrape(running.admin)
        sent = await play(poisson(random, RATE, SECONDS), callers.call)
        after = await _quiet(running)
    seen = callers.seen
    counts = {one: (seen.outcomes[one], grown(before, after, "thinmesh_calls_total", outcome=one)) for one in seen.outcomes}
    assert set(counts) == {"ok", "cancelled", "model_not_found", "quota_exceeded", "engine_error"}
    counts["all"] = (len(sent), grown(before, after, "thinmesh_calls_total"))
    counts["timed"] = (len(sent), grown(before, after, "thinmesh_call_seconds_count"))
    counts["input"] = (seen.input, grown(before, after, "thinmesh_tokens_total", model="sound", type="input"))
    counts["output"] = (seen.output, grown(before, after, "thinmesh_tokens_total", model="sound", type="output"))
    for model in ("sound", "endless"):
        first = grown(before, after, "gen_ai_server_time_to_first_token_seconds_count", gen_ai_request_model=model)
        counts[f"first tokens of {model}"] = (seen.first[model], first)
    failed = grown(before, after, "gen_ai_server_request_duration_seconds_count", error_type="engine_error")
    counts["failed at the router"] = (seen.outcomes["engine_error"], failed)
    refused = grown(before, after, "thinmesh_quota_refusals_total", tenant="tight")
    counts["refused for a quota"] = (seen.outcomes["quota_exceeded"], refused)
    record_property("calls", len(sent))
    for what, (theirs, ours) in counts.items():
        print(f"{what}: callers saw {theirs}, the mesh counted {ours:.0f}")
        assert ours == pytest.approx(theirs, rel=0.01), what
    until_left = grown(before, after, "thinmesh_tokens_total", model="endless", type="output")
    assert seen.left <= until_left <= endless.generated  # what was on its way was seen by none, or not by the callers


async def _quiet(running: Running) -> Scraped:
    """A scrape once all calls have ended inside too, those that were left among them."""

    async def ended() -> bool:
        return (await scrape(running.admin)).total("thinmesh_calls_running") == 0

    await until(ended, within=10)
    return await scrape(running.admin)


async def _known(client: aiohttp.ClientSession, running: Running, headers: dict[str, str]) -> bool:
    """Whether the mesh has heard of a key."""
    async with client.get(f"{running.http}/v1/models", headers=headers) as response:
        return response.status == 200
