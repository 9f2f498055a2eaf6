"""`thinmesh up --edge`: nginx, two workers and what they share, as one command that owns all of it."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import aiohttp
from canaries import PHRASE
from launch import command, flags, free_port, output, said
from load import play, until
from prometheus_client.parser import text_string_to_metric_families

CONFIG = """
tenants: {dev: {}, capped: {quota: {requests_per_minute: 20}}}
backends: {echo: {adapter: echo, options: {delay_ms: 5}}}
models: {echo: {backends: [echo]}}
"""
WORKERS = 2


class Up(NamedTuple):
    """What serves."""

    process: asyncio.subprocess.Process
    http: str
    admin: str
    file: Path
    state: Path

    def session(self, key: str | None = None) -> aiohttp.ClientSession:
        """A REST client that trusts the edge's own certificate."""
        trusting = ssl.create_default_context(cafile=self.state / "tls" / "edge.pem")
        key = key or (self.state / "dev-key").read_text().strip()
        connector = aiohttp.TCPConnector(limit=0, ssl=trusting, force_close=True)
        return aiohttp.ClientSession(connector=connector, headers={"authorization": f"Bearer {key}"})

    async def call(self, client: aiohttp.ClientSession) -> int:
        """One call's status."""
        async with client.post(f"{self.http}/v1/completions", json={"model": "echo", "prompt": PHRASE}) as response:
            await response.read()
            return response.status

    async def told(self, path: str) -> str:
        """What the admin port says."""
        async with aiohttp.ClientSession() as client, client.get(self.admin + path) as response:
            return await response.text()

    async def counted(self) -> float:
        """Calls that ended well, as Prometheus reads it."""
        text = await self.told("/metrics")
        families = text_string_to_metric_families(text)
        return sum(
            one.value
            for family in families
            for one in family.samples
            if one.name == "thinmesh_calls_total" and one.labels.get("outcome") == "ok"
        )


@asynccontextmanager
async def up(state: Path) -> AsyncIterator[Up]:
    file = state / "thinmesh.yaml"
    file.write_text(CONFIG)
    http, ports = free_port(), (free_port(), free_port())
    at = ("--http", f"127.0.0.1:{http}", "--grpc", f"127.0.0.1:{ports[0]}", "--admin", f"127.0.0.1:{ports[1]}")
    async with command("up", "--edge", "--workers", str(WORKERS), *flags(file, state), *at) as process:
        await said(process, "thinmesh is up")
        yield Up(process, f"https://localhost:{http}", f"http://127.0.0.1:{ports[1]}", file, state)


def workers(up: Up) -> set[int]:
    """The processes that serve."""
    return {pid for pid, words in _descendants(up.process.pid).items() if "--lifeline" in words and "up" in words}


def _descendants(parent: int) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    waiting = [parent]
    while waiting:
        pid = waiting.pop()
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                found[int(child)] = Path(f"/proc/{child}/cmdline").read_text().split("\0")
                waiting.append(int(child))
    return found


async def test_quotas_and_metrics_are_those_of_all_workers_and_an_interrupt_leaves_nobody(state: Path) -> None:
    async with up(state) as running:
        code, key, error = await output("key", "create", "--tenant", "capped", *flags(running.file, state))
        assert code == 0, error
        async with running.session(key.strip()) as client:

            async def asked() -> int:
                async with client.get(f"{running.http}/v1/models") as response:
                    return response.status

            async def known() -> bool:
                at_once = await asyncio.gather(*(asked() for _ in range(20)))  # so many are shared by all workers
                return set(at_once) == {200}

            await until(known, within=10)
            statuses = Counter(await asyncio.gather(*(running.call(client) for _ in range(60))))
        assert statuses == {200: 20, 429: 40}
        assert await running.counted() >= 20
        pids = _descendants(running.process.pid)
        assert len(workers(running)) == WORKERS
        running.process.send_signal(signal.SIGINT)
        assert await running.process.wait() == 0

        async def gone() -> bool:
            return not any(Path(f"/proc/{pid}").exists() for pid in pids)

        await until(gone, within=5)


async def test_a_worker_that_is_killed_costs_its_running_calls_alone_and_starts_again(state: Path) -> None:
    async with up(state) as running, running.session() as client:
        sending = asyncio.create_task(play([number / 50 for number in range(400)], lambda: running.call(client)))
        await asyncio.sleep(3)
        killed = min(workers(running))
        await running.counted()  # what has been counted by then is not lost
        os.kill(killed, signal.SIGKILL)

        async def replaced() -> bool:
            return len(workers(running) - {killed}) == WORKERS and await running.told("/readyz") == "ready\n"

        await until(replaced, within=30)
        ends = Counter(one.outcome for one in await sending)
        assert ends[200] >= 390
        assert ends.keys() <= {200, 502}

        async def complete() -> bool:
            return await running.counted() >= ends[200] - 25

        await until(complete, within=5)


async def test_a_changed_file_is_put_in_force_by_all_workers(state: Path) -> None:
    async with up(state) as running, running.session() as client:
        running.file.write_text(CONFIG.replace("models: {", "models: {second: {backends: [echo]}, "))

        async def served() -> bool:
            async with client.get(f"{running.http}/v1/models") as response:
                return "second" in [one["id"] for one in (await response.json())["data"]]

        for _ in range(10):
            await until(served, within=10)
