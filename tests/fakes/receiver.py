"""Somebody who is called by HTTP on this machine, and remembers it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True)
class Heard:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Answers as `answer` says, after `before` is over, and keeps what came."""

    port: int = 0
    heard: asyncio.Queue[Heard] = field(default_factory=asyncio.Queue)
    answer: Callable[[], web.Response] = web.Response
    before: Callable[[], Awaitable[None]] | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    async def take(self, seconds: float = 30.0) -> Heard:
        """The next request; it waits for it."""
        async with asyncio.timeout(seconds):
            return await self.heard.get()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        self.heard.put_nowait(
            Heard(request.method, request.path_qs, {k.lower(): v for k, v in request.headers.items()}, await request.read())
        )
        if self.before is not None:
            await self.before()
        return self.answer()


@asynccontextmanager
async def receiver(tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[Receiver]:
    """Listens on loopback until left."""
    one = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", one.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls)
        await site.start()
        one.port = runner.addresses[0][1]
        yield one
    finally:
        await runner.cleanup()
