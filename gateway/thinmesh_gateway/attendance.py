"""Work that ends when the client leaves."""

from __future__ import annotations

import asyncio
from types import TracebackType

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.http import Receive

LISTEN_AFTER_SECONDS = 0.02
"""A client's leaving is listened for by a task; one that is answered sooner needs none."""


class Attendance:
    """Cancels the block when the client disconnects, and turns that into MeshError CANCELLED.

    Enter it once the request's body is read: what ASGI then receives can only be the disconnect.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left = False
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        """Starts to listen for the client's leaving."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        self._task = task
        self._cancels_before = task.cancelling()
        self._timer = loop.call_later(LISTEN_AFTER_SECONDS, self._listen, loop)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops listening."""
        self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()
        if self._left and self._task.uncancel() <= self._cancels_before and isinstance(error, asyncio.CancelledError):
            raise MeshError(Reason.CANCELLED, "The client went away.") from None

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        self._watch = loop.create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left = True
        self._task.cancel()
