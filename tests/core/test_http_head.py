"""What comes behind the body of a request is bounded as what comes in front of it is."""

from __future__ import annotations

import asyncio

import pytest
from core.served import HELLO, answered, connected, hello, started

from thinmesh_core.http import Asgi, Message, Receive, Send
from thinmesh_core.wire import MAX_METADATA_BYTES

CHUNKED = b"POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
PIECE = b"x" * 1000


async def refused(scope: Message, receive: Receive, send: Send) -> None:
    """Answers without a look at the body."""
    await send(started(401, content_length="2"))
    await send({"type": "http.response.body", "body": b"no"})


@pytest.mark.parametrize("app", [hello, refused])
@pytest.mark.parametrize("piece", [PIECE, b"a: b\r\n" * 200], ids=["one value", "many trailers"])
async def test_trailers_without_an_end_close_the_connection(app: Asgi, piece: bytes) -> None:
    async with connected(app) as (_, writer):
        writer.write(CHUNKED + b"2\r\n{}\r\n0\r\nx: ")
        with pytest.raises(ConnectionError):
            await _repeated(writer, piece)


async def test_no_body_is_taken_for_trailers() -> None:
    chunk = PIECE * (2 * MAX_METADATA_BYTES // len(PIECE))
    async with connected(hello) as (reader, writer):
        for _ in range(2):  # its connection is used again
            writer.write(CHUNKED)
            for _ in range(3):
                writer.write(b"%x\r\n" % len(chunk))
                for start in range(0, len(chunk), 5000):
                    writer.write(chunk[start : start + 5000])
                    await writer.drain()
                writer.write(b"\r\n")
            writer.write(b"0\r\nlate: r\r\n\r\n")
            said = b"/a %d" % (3 * len(chunk))
            head, body = await answered(reader, len(said))
            assert head.startswith(HELLO)
            assert body == said


async def _repeated(writer: asyncio.StreamWriter, piece: bytes) -> None:
    async with asyncio.timeout(10):
        for _ in range(10_000):
            writer.write(piece)
            await writer.drain()
