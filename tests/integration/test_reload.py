"""The configuration changes under a running mesh: nothing is dropped, and what is wrong changes nothing."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import aiohttp
import pytest
from canaries import PROMPT
from launch import Mode, Running, mesh

CONFIG = """
tenants: {dev: {}}
backends:
  echo:
    adapter: echo
    options: {delay_ms: 20}
models:
  echo: {backends: [echo]}
"""
MORE = CONFIG.replace("models:\n", "models:\n  parrot: {backends: [echo]}\n")
OTHER = MORE.replace("delay_ms: 20", "delay_ms: 19").replace(
    "models:", "  late:\n    adapter: echo\nmodels:\n  late: {backends: [late]}"
)
STREAMS = 100
WORDS = 100

BAD = {
    "broken YAML": CONFIG + "  [",
    "an unknown key": CONFIG + "modles: {}\n",
    "a route to a missing backend": CONFIG.replace("[echo]", "[nothing]"),
    "a wrong type": CONFIG.replace("delay_ms: 20", "delay_ms: soon"),
    "a guardrail that is not installed": MORE.replace("{dev: {}}", "{dev: {guardrails: [{name: gone, when: [before]}]}}"),
    "what can't change": CONFIG + "listen: {http: '127.0.0.1:1'}\n",
}


async def status(session: aiohttp.ClientSession, running: Running, model: str) -> int:
    """How a small call to a model ends."""
    body = {"model": model, "prompt": PROMPT}
    async with session.post(f"{running.http}/v1/completions", json=body) as response:
        return response.status


async def until(session: aiohttp.ClientSession, running: Running, model: str, wanted: int) -> None:
    """Waits until calls to a model end so; a new one is promised within 5 s."""
    async with asyncio.timeout(5):
        while await status(session, running, model) != wanted:
            await asyncio.sleep(0.05)


async def readiness(session: aiohttp.ClientSession, running: Running) -> tuple[int, str]:
    """What /readyz says."""
    async with session.get(f"{running.admin}/readyz") as response:
        return response.status, await response.text()


@pytest.mark.parametrize("file", [MORE, OTHER], ids=["a model more", "its backend replaced, and another added"])
async def test_a_reload_under_a_hundred_streams_drops_none(state: Path, mode: Mode, file: str) -> None:
    if mode == "split" and file == OTHER:
        file = MORE  # a new adapter is a new process there, and somebody else's to start
    text = " ".join(str(word) for word in range(WORDS))
    async with mesh(CONFIG, state, mode) as running:
        pids = {name: process.pid for name, process in running.processes.items()}
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, headers=running.headers) as session:
            begun = asyncio.Semaphore(0)

            async def one() -> str:
                body = {"model": "echo", "prompt": text, "max_tokens": WORDS, "stream": True}
                async with session.post(f"{running.http}/v1/completions", json=body) as response:
                    first = await response.content.readline()
                    begun.release()
                    return (first + await response.content.read()).decode()

            asking = [asyncio.create_task(one()) for _ in range(STREAMS)]
            for _ in range(STREAMS):
                await begun.acquire()
            (state / "thinmesh.yaml").write_text(file)
            await until(session, running, "parrot", 200)
            if file == OTHER:
                await until(session, running, "late", 200)
            assert not any(task.done() for task in asking)
            answers = await asyncio.gather(*asking)
        assert all(answer.count('"text":') == WORDS + 1 and answer.endswith("data: [DONE]\n\n") for answer in answers)
        assert {name: process.pid for name, process in running.processes.items() if process.returncode is None} == pids


async def test_a_bad_file_changes_nothing_and_is_told(state: Path) -> None:
    file = state / "thinmesh.yaml"
    async with mesh(CONFIG, state, "up") as running, aiohttp.ClientSession(headers=running.headers) as session:
        for name, text in BAD.items():
            file.write_text(text)
            async with asyncio.timeout(5):
                while "not in force" not in (told := await readiness(session, running))[1]:
                    await asyncio.sleep(0.05)
            assert told[0] == 200, name
            assert await status(session, running, "echo") == 200, name
            assert await status(session, running, "parrot") == 404, name
            async with session.get(f"{running.admin}/metrics") as response:
                assert "thinmesh_config_stale 1.0" in await response.text(), name
            file.write_text(CONFIG)
            async with asyncio.timeout(5):
                while await readiness(session, running) != (200, "ready\n"):
                    await asyncio.sleep(0.05)


async def test_a_model_and_a_tenant_that_are_gone_are_refused(state: Path) -> None:
    async with mesh(MORE, state, "up") as running, aiohttp.ClientSession(headers=running.headers) as session:
        (state / "thinmesh.yaml").write_text(CONFIG)
        await until(session, running, "parrot", 404)
        assert await status(session, running, "echo") == 200
        (state / "thinmesh.yaml").write_text(CONFIG.replace("{dev: {}}", "{other: {}}"))
        await until(session, running, "echo", 401)


async def test_sighup_reads_the_file_again(state: Path) -> None:
    async with mesh(CONFIG, state, "up") as running, aiohttp.ClientSession(headers=running.headers) as session:
        running.processes["up"].send_signal(signal.SIGHUP)
        async with asyncio.timeout(5):
            while True:
                async with session.get(f"{running.admin}/metrics") as response:
                    if 'thinmesh_config_reloads_total{outcome="ok"} 1.0' in await response.text():
                        break
                await asyncio.sleep(0.05)
        assert await status(session, running, "echo") == 200
