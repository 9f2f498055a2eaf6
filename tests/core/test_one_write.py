"""An answer's head goes out with the first piece of its body, and goes out in every case."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from thinmesh_core.address import parse
from thinmesh_core.http import Asgi, Message, Receive, Send, serve_http
from thinmesh_core.http_head import BoundedHead

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


async def test_a_head_and_a_body_are_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[bytes] = []

    class Written:
        def __init__(self, transport: Any) -> None:
            self._transport = transport

        def __getattr__(self, name: str) -> Any:
            return getattr(self._transport, name)

        def write(self, data: bytes) -> None:
            writes.append(bytes(data))
            self._transport.write(data)

    written: Any = Written
    made = BoundedHead.connection_made
    monkeypatch.setattr(BoundedHead, "connection_made", lambda self, transport: made(self, written(transport)))

    async def pieces(scope: Message, receive: Receive, send: Send) -> None:
        await send(started())
        for piece in (b"one", b"two"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async with connected(pieces) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await answered(reader, len(b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"))
    first, *others = writes
    assert first.startswith(HELLO)
    assert first.endswith(b"\r\n\r\n3\r\none\r\n")
    assert others == [b"3\r\ntwo\r\n", b"0\r\n\r\n"]


async def test_an_answer_without_a_body_is_sent() -> None:
    async def nothing(scope: Message, receive: Receive, send: Send) -> None:
        await send(started(204))
        await send({"type": "http.response.body", "body": b""})

    async with connected(nothing) as (reader, writer):
        for _ in range(2):
            writer.write(b"DELETE / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert (await answered(reader))[0].startswith(b"HTTP/1.1 204")


async def test_a_head_is_answered_by_a_head() -> None:
    async with connected(hello) as (reader, writer):
        for _ in range(2):
            writer.write(b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert (await answered(reader))[0].startswith(HELLO)


async def test_a_client_that_asks_whether_to_go_on_is_told_first() -> None:
    async with connected(hello) as (reader, writer):
        writer.write(b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n")
        assert (await answered(reader))[0] == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"12345")
        head, body = await answered(reader, 4)
        assert head.startswith(HELLO)
        assert body == b"/a 5"


async def test_requests_that_come_together_are_answered_in_their_order() -> None:
    async with connected(hello) as (reader, writer):
        writer.write(b"".join(b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % number for number in range(5)))
        for number in range(5):
            head, body = await answered(reader, 4)
            assert head.startswith(HELLO)
            assert body == b"/%d 0" % number


async def test_the_head_of_an_answer_that_breaks_off_is_sent() -> None:
    async def broken(scope: Message, receive: Receive, send: Send) -> None:
        await send(started(content_length="5"))

    async with connected(broken) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        async with asyncio.timeout(10):
            assert (await reader.read()).startswith(HELLO)
