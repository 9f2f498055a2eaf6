"""A running mesh that is watched as Prometheus would, and asked all the while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from canaries import PHRASE
from launch import Running, mesh
from load import session
from scraped import scrape
from series.kept import MODEL, Recording

CONFIG = """
tenants: {{dev: {{quota: {{requests_per_minute: 1000000}}}}}}
backends: {{fake: {{adapter: openai, options: {{base_url: "{url}", max_concurrency: {places}}}}}}}
models: {{fake: {{backends: [fake]}}}}
"""
PATIENCE = aiohttp.ClientTimeout(total=30)


@dataclass(slots=True)
class Bed:
    """Where a fault is caused: `record` scrapes so many times, `calls` a second are made meanwhile."""

    folder: Path
    period: float = 1.0
    recording: Recording = field(default_factory=Recording)
    admin: str = ""

    async def record(self, scrapes: int) -> None:
        """Scrapes as often, at equal times."""
        loop = asyncio.get_running_loop()
        self.recording.began = self.recording.began or time.time()
        begins = loop.time()
        for number in range(scrapes):
            await asyncio.sleep(begins + number * self.period - loop.time())
            try:
                self.recording.scrapes.append(await scrape(self.admin))
            except (aiohttp.ClientError, TimeoutError):
                self.recording.scrapes.append(None)
        await asyncio.sleep(begins + scrapes * self.period - loop.time())

    @asynccontextmanager
    async def serving(self, url: str, extra: str = "", places: int = 64, calls: float = 10) -> AsyncIterator[Running]:
        """A mesh in front of an engine, with this in its file too; it is asked so many times a second."""
        config = CONFIG.format(url=url, places=places) + extra
        async with mesh(config, self.folder, "up", log_level="error") as running, session(running) as client:
            self.admin = running.admin
            asking = asyncio.create_task(_ask_on(client, running, calls))
            try:
                yield running
            finally:
                asking.cancel()
                await asyncio.wait({asking})


async def _ask_on(client: aiohttp.ClientSession, running: Running, calls: float) -> None:
    """Streams for ever, so many a second, whatever becomes of them."""
    async with asyncio.TaskGroup() as tasks:
        while True:
            tasks.create_task(_ask(client, running))
            await asyncio.sleep(1 / calls)


async def _ask(client: aiohttp.ClientSession, running: Running) -> None:
    body = {"model": MODEL, "prompt": PHRASE, "stream": True}
    try:
        async with client.post(f"{running.http}/v1/completions", json=body, timeout=PATIENCE) as response:
            await response.read()
    except (aiohttp.ClientError, TimeoutError):
        return
