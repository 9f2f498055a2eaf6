"""What a gRPC server holds of messages at once: what many callers send together must not be more than its memory.

grpc reads a call's message before its handler runs, whatever its size: 200 of 4 MiB at once ended a process of a gibibyte. Here
a call is read when it is its turn. One whose message takes long lets others go on beside it; where too many do, the oldest is
ended. What has come counts until its call ends, and what there is no room for is refused. A caller that streams may be silent
for as long as it likes: its messages are counted as they come, and have no turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import grpc

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.grpc_server import REFUSE
from thinmesh_core.intake import Intake
from thinmesh_core.readable import END, RECEIPT, Reader

AT_ONCE = 4
"""Calls whose turn it is. A small message comes with its call, and takes no longer than a moment."""

TURN_SECONDS = 0.05
"""After that it is another's turn."""

SLOW = 24
"""Calls whose message is on its way for longer than their turn."""

LARGE = 256 * 1024
"""A message above this keeps its turn until its call ends, or for as long again: in memory it may be fifteen times its size."""

MAX_FRESH_BYTES = 16 * 1024 * 1024
"""Such messages that came just now: whatever is wrong with them is found, and they are let go, within that time."""

TOO_SLOW = "The message did not come in time, and too many others are on their way; try again shortly."


class Turns:
    """Who may be read, and who is read still."""

    def __init__(self) -> None:
        self.waiting = asyncio.Semaphore(AT_ONCE)
        self.slow: dict[Receipt, None] = {}
        self.intake = Intake()
        self.fresh = Intake(MAX_FRESH_BYTES)
        self._refusing: set[asyncio.Task[None]] = set()

    async def turn(self, task: asyncio.Task[Any], *, streamed: bool) -> Receipt:
        """Waits for the turn of the call that runs in the task; one whose caller streams needs none, and is counted alone."""
        if not streamed:
            await self.waiting.acquire()
        receipt = Receipt(self, task, turn=not streamed)
        task.add_done_callback(receipt.end)
        return receipt

    def refuse(self, refusing: Coroutine[Any, Any, None]) -> None:
        """Ends a call beside all others."""
        task = asyncio.get_running_loop().create_task(refusing)
        self._refusing.add(task)
        task.add_done_callback(self._refusing.discard)


class Receipt:
    """One call's turn, and what it has sent."""

    __slots__ = ("_end", "_fresh", "_held", "_refuse", "_task", "_timer", "_turn", "_turns")

    def __init__(self, turns: Turns, task: asyncio.Task[Any], *, turn: bool) -> None:
        self._turns = turns
        self._task = task
        self._refuse = REFUSE.get()
        self._end = END.get()
        self._held = self._fresh = 0
        self._turn = turn
        self._timer = task.get_loop().call_later(TURN_SECONDS, self._late) if turn else None

    def came(self, size: int) -> None:
        """A message came, in the place of the one before it; OVERLOADED where there is no room for it."""
        turns, large = self._turns, size > LARGE
        self._settle(turn=large)
        turns.intake.give(self._held)
        self._held = 0
        if large:
            turns.fresh.take(size)
            self._fresh = size
            self._timer = asyncio.get_running_loop().call_later(TURN_SECONDS, self._settle)
        turns.intake.take(size)
        self._held = size

    def end(self, _: object = None) -> None:
        """The call ended: nothing is on its way, or held."""
        self._settle()
        self._turns.intake.give(self._held)
        self._held = 0

    def _settle(self, *, turn: bool = False) -> None:
        """Nothing is awaited, or new; a turn that it has goes on only where `turn` says so."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._turns.slow.pop(self, None)
        self._turns.fresh.give(self._fresh)
        self._fresh = 0
        if self._turn and not turn:
            self._turn = False
            self._turns.waiting.release()

    def _late(self) -> None:
        """Its turn is over, and its message is not there."""
        self._settle()
        slow = self._turns.slow
        slow[self] = None
        if len(slow) > SLOW:
            next(iter(slow)).abandon()

    def abandon(self) -> None:
        """Refuses the call; its task would else wait on, and take being refused for a fault."""
        self.end()
        if self._end is not None:
            self._end(MeshError(Reason.OVERLOADED, TOO_SLOW))
        self._task.cancel()
        self._turns.refuse(self._refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, TOO_SLOW))


class Receiving(grpc.aio.ServerInterceptor):
    """Gives calls their turn. It stands outermost; health and reflection, which have no Reader, are not its business."""

    def __init__(self) -> None:
        self._turns = Turns()

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """The method's handler, once it is its turn."""
        handler = await continuation(handler_call_details)
        if handler is not None and isinstance(handler.request_deserializer, Reader):
            task = asyncio.current_task()
            assert task is not None
            if (end := END.get()) is not None:
                task.add_done_callback(lambda _: end(asyncio.CancelledError()))  # for a caller that leaves before its turn
            RECEIPT.set(await self._turns.turn(task, streamed=handler.request_streaming))
        return handler
