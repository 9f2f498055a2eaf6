"""Server-sent events: one write per event of the contract, the end told exactly once."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Generic, Self, TypeVar

from thinmesh_core.errors import MeshError, internal
from thinmesh_core.http import Message, Receive, Send
from thinmesh_gateway.attendance import Attendance
from thinmesh_gateway.exchange import raw
from thinmesh_gateway.openai import errors

E = TypeVar("E")

log = logging.getLogger(__name__)

DONE = b"data: [DONE]\n\n"
_HEADERS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", "x-accel-buffering": "no"}


class EventStream(Generic[E]):
    """A streamed answer: what `encode` makes of each event, where that is anything.

    Its first piece is awaited before the status is sent, so that what fails until then has its proper status; what
    fails later is an error event and the end, without `done`. Leaving it closes `events`, which stops the engine.
    """

    def __init__(self, events: AsyncGenerator[E, None], encode: Callable[[E], bytes], done: bytes = DONE) -> None:
        self.headers = dict(_HEADERS)
        self._done = done
        self._events = events
        self._encode = encode
        self._first = b""

    async def opened(self, receive: Receive) -> Self:
        """Waits for the first piece; MeshError where there is none."""
        async with Attendance(receive):
            try:
                while not self._first:
                    self._first = self._encode(await anext(self._events))
            except BaseException:
                await self._events.aclose()
                raise
        return self

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Sends everything; a slow reader slows the engine, through every hop, and no buffer grows."""
        try:
            async with Attendance(receive), aclosing(self._events):
                await send({"type": "http.response.start", "status": 200, "headers": raw(self.headers)})
                await send({"type": "http.response.body", "body": self._first, "more_body": True})
                last = await self._rest(send)
                await send({"type": "http.response.body", "body": last, "more_body": False})
        except MeshError:
            return  # the client went away: nobody is left to tell

    async def _rest(self, send: Send) -> bytes:
        """Sends the pieces; gives how they ended: `done`, or an error in its place."""
        try:
            async for event in self._events:
                piece = self._encode(event)
                if piece:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except MeshError as error:
            return b"data: " + errors.body(error) + b"\n\n"
        except Exception:
            log.exception("a stream failed")
            return b"data: " + errors.body(internal()) + b"\n\n"
        return self._done
