"""An ASGI application served on a real socket, and a client that speaks HTTP byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from thinmesh_core.address import parse
from thinmesh_core.http import Asgi, Message, Receive, Send, serve_http

HELLO = b"HTTP/1.1 200 OK"


def started(status: int = 200, **headers: str) -> Message:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": pairs}


async def hello(scope: Message, receive: Receive, send: Send) -> None:
    """Reads the body, and says its path and size."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    said = f"{scope['path']} {size}".encode()
    await send(started(content_length=str(len(said))))
    await send({"type": "http.response.body", "body": said})


@asynccontextmanager
async def connected(app: Asgi) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with serve_http(app, parse("127.0.0.1:0"), grace=1) as at:
        reader, writer = await asyncio.open_connection(at.host, at.port)
        try:
            yield reader, writer
        finally:
            writer.close()


async def answered(reader: asyncio.StreamReader, size: int = 0) -> tuple[bytes, bytes]:
    """A head, and so much of what follows it."""
    async with asyncio.timeout(10):
        return await reader.readuntil(b"\r\n\r\n"), await reader.readexactly(size)
