"""A stream to a client that reads, stalls or leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.attendance import Attendance
from thinmesh_gateway.openai.sse import EventStream


class Socket:
    """ASGI's receive and send; `leave` is the client going away, `stall` keeps `send` waiting."""

    def __init__(self) -> None:
        self.leave = asyncio.Event()
        self.stall = asyncio.Event()
        self.stall.set()
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await self.stall.wait()
        self.sent.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


class Source:
    """Pieces 0, 1, ... up to `count`, then perhaps an error; knows how far it was asked and that it was closed."""

    def __init__(self, count: int = 3, error: Exception | None = None) -> None:
        self.count = count
        self.error = error
        self.asked = 0
        self.closed = asyncio.Event()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        try:
            for number in range(self.count):
                self.asked += 1
                await asyncio.sleep(0)
                yield b"data: %d\n\n" % number
            if self.error is not None:
                raise self.error
        finally:
            self.closed.set()


async def play(source: Source, socket: Socket) -> None:
    stream = await EventStream(source.pieces(), bytes).opened(socket.receive)
    await stream({}, socket.receive, socket.send)


async def test_a_whole_stream_ends_with_done_once() -> None:
    socket = Socket()
    await play(Source(), socket)
    assert socket.body == b"data: 0\n\ndata: 1\n\ndata: 2\n\ndata: [DONE]\n\n"
    assert [message.get("more_body") for message in socket.sent[1:]] == [True] * 3 + [False]
    headers = dict(socket.sent[0]["headers"])
    assert headers[b"content-type"].startswith(b"text/event-stream")
    assert b"content-length" not in headers


async def test_an_error_before_the_first_piece_is_raised_and_nothing_is_sent() -> None:
    socket, source = Socket(), Source(0, MeshError(Reason.ENGINE_ERROR, "failed"))
    with pytest.raises(MeshError):
        await play(source, socket)
    assert socket.sent == []


@pytest.mark.parametrize("error", [MeshError(Reason.ENGINE_UNAVAILABLE, "lost"), RuntimeError("secret")])
async def test_a_later_error_is_one_event_and_no_done(error: Exception) -> None:
    socket, source = Socket(), Source(2, error)
    await play(source, socket)
    first, second, told, rest = socket.body.split(b"\n\n")
    assert (first, second, rest) == (b"data: 0", b"data: 1", b"")
    assert told.startswith(b'data: {"error":{"message":')
    assert b"secret" not in socket.body
    assert b"[DONE]" not in socket.body


async def test_a_client_that_leaves_closes_the_source() -> None:
    socket, source = Socket(), Source(10**9)
    playing = asyncio.create_task(play(source, socket))
    while not socket.body:
        await asyncio.sleep(0)
    socket.leave.set()
    async with asyncio.timeout(10):
        await playing
    assert source.closed.is_set()


async def test_a_client_that_leaves_before_the_first_piece_closes_the_source() -> None:
    socket, closed = Socket(), asyncio.Event()

    async def never() -> AsyncGenerator[bytes, None]:
        try:
            await asyncio.Event().wait()
            yield b""
        finally:
            closed.set()

    opening = asyncio.create_task(EventStream(never(), bytes).opened(socket.receive))
    await asyncio.sleep(0)
    socket.leave.set()
    with pytest.raises(MeshError) as raised:
        await opening
    assert raised.value.reason is Reason.CANCELLED
    assert closed.is_set()


async def test_a_client_that_does_not_read_stops_the_source_from_running_ahead() -> None:
    socket, source = Socket(), Source(10**9)
    playing = asyncio.create_task(play(source, socket))
    while not socket.body:
        await asyncio.sleep(0)
    socket.stall.clear()
    await asyncio.sleep(0.05)
    asked = source.asked
    await asyncio.sleep(0.05)
    assert source.asked == asked
    socket.leave.set()
    await playing
    assert source.closed.is_set()


async def attended(socket: Socket) -> asyncio.Task[None]:
    """Work that never ends by itself, in attendance of the socket's client."""
    began = asyncio.Event()

    async def work() -> None:
        async with Attendance(socket.receive):
            began.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await began.wait()
    return task


async def test_a_cancelled_server_task_stays_cancelled() -> None:
    socket = Socket()
    task = await attended(socket)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_leaving_and_cancelling_at_once_is_a_cancellation() -> None:
    socket = Socket()
    task = await attended(socket)
    socket.leave.set()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises((asyncio.CancelledError, MeshError)):
        await task


async def test_leaving_in_the_turn_of_the_answer_leaves_no_cancellation_behind() -> None:
    socket, release, began = Socket(), asyncio.Event(), asyncio.Event()

    async def attended() -> str:
        async with Attendance(socket.receive):
            began.set()
            await release.wait()
        await asyncio.sleep(0)
        return "answered"

    task = asyncio.create_task(attended())
    await began.wait()
    release.set()
    socket.leave.set()
    result = await asyncio.gather(task, return_exceptions=True)
    assert result[0] == "answered" or isinstance(result[0], MeshError)
