"""Server-sent events: one write per event of the contract, the end told exactly once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from thinmesh_core.errors import MeshError, internal
from thinmesh_gateway.openai import errors
from thinmesh_gateway.openai.attendance import Attendance

DONE = b"data: [DONE]\n\n"


class EventStream(Response):
    """A streamed answer.

    Its first piece is awaited before the status is sent, so that what fails until then has its proper status; what
    fails later is an error event and the end, without `[DONE]`. Leaving it closes `pieces`, which stops the engine.
    """

    media_type = "text/event-stream"

    def __init__(self, pieces: AsyncGenerator[bytes, None], headers: dict[str, str]) -> None:
        super().__init__(headers=headers | {"cache-control": "no-cache", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._pieces = pieces
        self._first = b""

    async def opened(self, receive: Receive) -> EventStream:
        """Waits for the first piece; MeshError where there is none."""
        async with Attendance(receive):
            try:
                self._first = await anext(self._pieces)
            except BaseException:
                await self._pieces.aclose()
                raise
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends everything; a slow reader slows the engine, through every hop, and no buffer grows."""
        try:
            async with Attendance(receive), aclosing(self._pieces):
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                async for piece in self._told():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except MeshError:
            return  # the client went away: nobody is left to tell

    async def _told(self) -> AsyncIterator[bytes]:
        """The pieces and `[DONE]`, or an error in their place."""
        yield self._first
        try:
            async for piece in self._pieces:
                yield piece
        except MeshError as error:
            yield b"data: " + errors.body(error) + b"\n\n"
        except Exception:
            yield b"data: " + errors.body(internal()) + b"\n\n"
            raise
        else:
            yield DONE
