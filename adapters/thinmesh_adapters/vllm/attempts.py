"""Ids at an engine that aborts by them: a call's own, and for a job's step the same in every attempt, of which one runs."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from thinmesh_core.call import Call
from thinmesh_core.errors import MeshError, Reason

AGAIN_SECONDS = 0.5
"""How long an attempt that is to end may take before the engine is told so again: it may not have been there yet."""


class Attempts:
    """What runs at one engine of jobs' steps. It takes an id twice without a word, and aborts both by it.

    So a later attempt has the earlier one aborted before it begins: whoever waits for that is dead, or gave it up. `abort`
    does no harm where the engine knows no such id.
    """

    def __init__(self, abort: Callable[[Sequence[str]], Awaitable[object]]) -> None:
        self._abort = abort
        self._ended: dict[str, asyncio.Event] = {}

    @asynccontextmanager
    async def ids(self, call: Call, parts: int = 1) -> AsyncIterator[Sequence[str]]:
        """The ids of a call's requests, which are its own until it is left; CANCELLED where a later attempt has come."""
        if call.step is None:
            yield _ids(f"{call.request_id}-{secrets.token_hex(4)}", parts)
            return
        names = _ids(call.step, parts)
        earlier, mine = self._ended.get(call.step), asyncio.Event()
        self._ended[call.step] = mine
        try:
            await self._abort(names)  # an adapter that died may have left it running
            while earlier is not None and not earlier.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(AGAIN_SECONDS):
                        await earlier.wait()
                if not earlier.is_set():
                    await self._abort(names)
            if self._ended[call.step] is not mine:
                raise MeshError(Reason.CANCELLED, "Another attempt of this step has begun.")
            yield names
        finally:
            mine.set()
            if self._ended[call.step] is mine:
                del self._ended[call.step]


def _ids(stem: str, parts: int) -> list[str]:
    return [stem] if parts == 1 else [f"{stem}-{part}" for part in range(parts)]
