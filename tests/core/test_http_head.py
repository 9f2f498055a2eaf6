"""What comes behind the body of a request is bounded as what comes in front of it is."""

from __future__ import annotations

import asyncio

import pytest
from core.served import HELLO, answered, connected, hello, started

from thinmesh_core import http_head
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


@pytest.mark.parametrize("framing", [b"content-length: 4", b"transfer-encoding: chunked"])
async def test_an_upgrade_with_a_body_is_refused_for_its_body_would_be_the_next_request(framing: bytes) -> None:
    async with connected(hello) as (reader, writer):
        writer.write(b"POST /a HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n" + framing + b"\r\n\r\n")
        writer.write(b"GET /b HTTP/1.1\r\nhost: x\r\n\r\n")
        async with asyncio.timeout(10):
            said = await reader.read()
        assert said.startswith(b"HTTP/1.1 400 ")
        assert said.count(b"HTTP/1.1 4") == 1
        assert b"without the header Upgrade" in said


async def test_whoever_asks_for_another_protocol_is_answered_by_this_one(caplog: pytest.LogCaptureFixture) -> None:
    async with connected(hello) as (reader, writer):
        writer.write(b"GET /a HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n")
        assert (await answered(reader, 4))[1] == b"/a 0"
    assert not caplog.records


@pytest.mark.parametrize("sent", [b"", b"GET /a HTTP/1.1\r\nhost: x\r\n"])
async def test_a_head_that_does_not_come_closes_the_connection(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_head, "HEAD_SECONDS", 0.05)
    async with connected(hello) as (reader, writer):
        writer.write(sent)
        async with asyncio.timeout(10):
            assert await reader.read() == b""


async def test_nor_is_the_next_one_waited_for_where_an_empty_line_came(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(hello) as (reader, writer):
        writer.write(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n")
        await answered(reader, 4)
        monkeypatch.setattr(http_head, "HEAD_SECONDS", 0.05)
        writer.write(b"\r\n")  # uvicorn does not count the silence behind it
        async with asyncio.timeout(10):
            assert await reader.read() == b""


@pytest.mark.parametrize(
    "behind", [b"\0garbage\r\n\r\n", b"GET / HTTP/1.1\r\nx: " + PIECE * 10 + b"\r\n\r\n"], ids=["none", "large"]
)
async def test_what_is_wrong_behind_a_request_is_not_read_as_its_answer(behind: bytes) -> None:
    running = asyncio.Event()

    async def slow(scope: Message, receive: Receive, send: Send) -> None:
        running.set()
        await asyncio.Event().wait()

    async with connected(slow) as (reader, writer):
        writer.write(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        await running.wait()
        writer.write(behind)
        async with asyncio.timeout(10):
            assert await reader.read() == b""


async def _repeated(writer: asyncio.StreamWriter, piece: bytes) -> None:
    async with asyncio.timeout(10):
        for _ in range(10_000):
            writer.write(piece)
            await writer.drain()
