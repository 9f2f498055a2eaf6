"""A service of somebody else's, which pipelines call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class WebService:
    """What it was asked, under which keys, and which statuses it answers before it answers well."""

    url: str = ""
    keys: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    answer: dict[str, str] = field(default_factory=lambda: {"weather": "calm sea"})
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def respond(self, request: web.Request) -> web.Response:
        """The next of its answers."""
        self.keys.append(request.headers["idempotency-key"])
        self.asked.set()
        if self.statuses:
            return web.Response(status=self.statuses.pop(0))
        return web.json_response(self.answer)

    async def until(self, count: int) -> None:
        """Waits until it was asked so often."""
        while len(self.keys) < count:
            self.asked.clear()
            await self.asked.wait()


@asynccontextmanager
async def web_service() -> AsyncIterator[WebService]:
    """One on a port of its own."""
    service = WebService()
    app = web.Application()
    app.router.add_post("/latest", service.respond)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}/latest"
    try:
        yield service
    finally:
        await runner.cleanup()
