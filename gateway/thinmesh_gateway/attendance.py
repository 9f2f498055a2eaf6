"""Work that ends when the client leaves."""

from __future__ import annotations

import asyncio
from types import TracebackType

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.http import Receive


class Attendance:
    """Cancels the block when the client disconnects, and turns that into MeshError CANCELLED.

    Enter it once the request's body is read: what ASGI then receives can only be the disconnect.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left = False

    async def __aenter__(self) -> None:
        """Starts to listen for the client's leaving."""
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancels_before = task.cancelling()
        self._watch = asyncio.create_task(self._wait())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops listening."""
        self._watch.cancel()
        if self._left and self._task.uncancel() <= self._cancels_before and isinstance(error, asyncio.CancelledError):
            raise MeshError(Reason.CANCELLED, "The client went away.") from None

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left = True
        self._task.cancel()
