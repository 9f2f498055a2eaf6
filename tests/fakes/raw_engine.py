"""An engine that says byte by byte what a test tells it to, over a real socket."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class RawEngine:
    """Serves every connection by `serve`, and remembers how many there were and which have ended at the other side."""

    def __init__(self, serve: Serve) -> None:
        self.connections = 0
        self.left = asyncio.Event()
        self._serve = serve
        self._running: set[asyncio.Task[None]] = set()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._serve(reader, writer)
        self.left.set()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        self._running.discard(task)

    async def ended(self) -> None:
        """Waits for the end of every connection."""
        if self._running:
            await asyncio.wait(self._running)


async def request(reader: asyncio.StreamReader) -> bytes:
    """A whole request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head + await reader.readexactly(length)


def saying(*answers: bytes, then_close: bool = False) -> Serve:
    """Gives these answers, one a request, then waits for the other side to leave, or leaves."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await request(reader)
            writer.write(answer)
            await writer.drain()
        if not then_close:
            await reader.read()

    return serve


@asynccontextmanager
async def raw_engine(
    serve: Serve, *, socket: Path | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[RawEngine, str]]:
    """The engine and its base URL."""
    engine = RawEngine(serve)
    if socket is not None:
        server = await asyncio.start_unix_server(engine, socket)
        url = "http://engine"
    else:
        server = await asyncio.start_server(engine, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}" if tls is None else f"https://localhost:{port}"
    async with server:
        yield engine, url
        await engine.ended()
