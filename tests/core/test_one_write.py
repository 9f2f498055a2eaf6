"""An answer's head goes out with the first piece of its body, and goes out in every case."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest
from core.served import HELLO, answered, connected, hello, started

from thinmesh_core.http import Message, Receive, Send
from thinmesh_core.http_head import BoundedHead


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


async def test_a_body_that_reads_like_an_interim_head_is_a_body() -> None:
    said = b"HTTP/1.1 100 Continue\r\n\r\n"

    async def quoting(scope: Message, receive: Receive, send: Send) -> None:
        await send(started(content_length=str(len(said))))
        await send({"type": "http.response.body", "body": said})

    async with connected(quoting) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        head, body = await answered(reader, len(said))
        assert head.startswith(HELLO)
        assert body == said


async def test_an_answer_that_nobody_waits_for_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    cycles: list[weakref.ref[Any]] = []
    begun, left = asyncio.Event(), asyncio.Event()
    complete = BoundedHead.on_headers_complete

    def remembered(self: BoundedHead) -> None:
        complete(self)
        cycles.append(weakref.ref(self.cycle))

    monkeypatch.setattr(BoundedHead, "on_headers_complete", remembered)

    async def slow(scope: Message, receive: Receive, send: Send) -> None:
        await send(started())
        await receive()
        begun.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        left.set()

    gc.disable()
    try:
        async with connected(slow) as (_, writer):
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            await begun.wait()
            writer.close()
            await left.wait()
        assert [one() for one in cycles] == [None]
    finally:
        gc.enable()
