"""One in-process call: its deadline, its cancellation and its one end, shared by all kinds of call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import grpc
from grpc import StatusCode
from grpc.aio import AbortError, AioRpcError, Metadata, UsageError

from thinmesh_core.inprocess.context import Pairs
from thinmesh_core.inprocess.server import CallDetails, Handler, InProcessServer
from thinmesh_core.wire import MAX_METADATA_BYTES, METADATA_PAIR_OVERHEAD

log = logging.getLogger(__name__)


class InProcessCall(grpc.aio.Call):
    """What all kinds of call share. Exactly one status ends it: the first of the handler's, a cancel's, a deadline's.

    The handler runs in whichever task awaits the call. An interrupt cancels that task's wait and turns the
    CancelledError back into a status on the way out, the way asyncio.timeout does.
    """

    def __init__(self, server: InProcessServer, method: str, metadata: Pairs, timeout: float | None) -> None:
        self.server = server
        self.metadata = metadata
        self.initial: Pairs = ()
        self.trailer: Pairs = ()
        self.told: tuple[StatusCode, str] = (StatusCode.OK, "")  # what the handler set
        self._method = method
        self._loop = server.loop  # asking for the running one is a system call each time (getpid, until Python 3.12)
        self._status: tuple[StatusCode, str] | None = None
        self._interrupted: tuple[StatusCode, str] | None = None
        self._runner: asyncio.Task[Any] | None = None
        self._callbacks: list[Callable[[Any], None]] = []
        self._deadline = None if timeout is None else self._loop.time() + timeout
        if self._deadline is not None:
            server.deadlines.add(self._expire, self._deadline)
        server.began(self)

    # What a caller may ask of a call.

    def cancelled(self) -> bool:
        """Whether it ended by cancellation."""
        return self._status is not None and self._status[0] is StatusCode.CANCELLED

    def done(self) -> bool:
        """Whether it has ended."""
        return self._status is not None

    def time_remaining(self) -> float | None:
        """Seconds to the deadline, if there is one."""
        return None if self._deadline is None else max(self._deadline - self._loop.time(), 0.0)

    def cancel(self) -> bool:
        """Cancels; false if it has ended."""
        return self.interrupt(StatusCode.CANCELLED, "Locally cancelled by application!")

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Calls back with the call when it ends, at once if it has."""
        if self.done():
            callback(self)
        else:
            self._callbacks.append(callback)

    async def initial_metadata(self) -> Metadata:
        """What the handler sent before its first message."""
        return Metadata(*self.initial)

    async def trailing_metadata(self) -> Metadata:
        """What the handler sent at its end; waits for the end."""
        await self._end()
        return Metadata(*self.trailer)

    async def code(self) -> StatusCode:
        """The status code; waits for the end."""
        return (await self._end())[0]

    async def details(self) -> str:
        """The status text; waits for the end."""
        return (await self._end())[1]

    async def wait_for_connection(self) -> None:
        """Returns at once: there is nothing to connect."""

    def interrupt(self, code: StatusCode, details: str) -> bool:
        """Ends the call from outside its handler with this status; false if it has ended."""
        if self.done() or self._interrupted is not None:
            return False
        self._interrupted = (code, details)
        if self._runner is None:
            self._settle(code, details)
            self._abandon()
        elif self._runner is not asyncio.current_task():
            self._runner.cancel()
        return True

    # What the kinds of call build on.

    def _abandon(self) -> None:
        """Ends a handler that no task is inside of."""

    async def _start(self) -> Handler:
        """Checks what a wire would check, and finds the handler."""
        if self.server.refusing:
            raise self.refuse(StatusCode.UNAVAILABLE, "the server stopped")
        size = sum([len(key) + len(value) + METADATA_PAIR_OVERHEAD for key, value in self.metadata])
        if size > MAX_METADATA_BYTES:
            raise self.refuse(StatusCode.RESOURCE_EXHAUSTED, f"metadata of {size} bytes, {MAX_METADATA_BYTES} are allowed")
        handler = await self.server.handler(CallDetails(self._method, self.metadata))
        if handler is None:
            raise self.refuse(StatusCode.UNIMPLEMENTED, "Method not found!")
        return handler

    def _enter(self) -> int:
        """A step of the handler begins: its task is whose wait an interrupt cancels. How often that was cancelled before."""
        if self._status is not None:
            raise self._error()
        if self._runner is not None:
            raise UsageError("the call is awaited by another task")
        self._runner = task = asyncio.current_task(self._loop)
        assert task is not None
        return task.cancelling()

    def _leave(self) -> None:
        """The step ended well."""
        task, self._runner = self._runner, None
        if self._interrupted is not None and task is not None:  # the handler swallowed the cancellation
            task.uncancel()
            raise self.refuse(*self._interrupted)

    def _failure(self, error: BaseException, cancels_before: int) -> BaseException:
        """What the caller is to see of what a step raised; whatever way it ends badly, the call is settled once."""
        task, self._runner = self._runner, None
        assert task is not None
        match error:
            case asyncio.CancelledError():
                if self._interrupted is not None and task.uncancel() <= cancels_before:
                    return self.refuse(*self._interrupted)
                if task.cancelling() <= cancels_before and self._interrupted is None:
                    log.error("%s raised CancelledError though nobody cancelled it", self._method, exc_info=error)
                    return self.refuse(StatusCode.UNKNOWN, "the handler cancelled itself")
                self._settle(StatusCode.CANCELLED, "the caller's task was cancelled")
                return error
            case AbortError():
                told = self.told
            case AioRpcError() if self._status is not None:  # what settled it
                return error
            case Exception():
                log.error("%s failed", self._method, exc_info=error)
                told = StatusCode.UNKNOWN, f"Unexpected {type(error)}: {error}"
            case _:
                return error
        if self._interrupted is not None:  # the handler had its own answer to it, which nobody waits for any more
            task.uncancel()
            told = self._interrupted
        return self.refuse(*told)

    def _finish(self) -> None:
        """Settles with the status the handler left; an error if that is not OK."""
        self._settle(*self.told)
        if self.told[0] is not StatusCode.OK:
            raise self._error()

    def refuse(self, code: StatusCode, details: str) -> AioRpcError:
        """Settles with an error, and gives it."""
        self._settle(code, details)
        return self._error()

    def _settle(self, code: StatusCode, details: str) -> None:
        if self._status is not None:
            return
        self._status = (code, details)
        if self._deadline is not None:
            self.server.deadlines.discard(self._expire)
        self.server.ended(self)
        for callback in self._callbacks:
            callback(self)

    def _error(self) -> AioRpcError:
        assert self._status is not None
        code, details = self._status
        return AioRpcError(code, Metadata(*self.initial), Metadata(*self.trailer), details)

    def _expire(self) -> None:
        self.interrupt(StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")

    async def _end(self) -> tuple[StatusCode, str]:
        if self._status is None:
            ended: asyncio.Future[None] = self._loop.create_future()
            self.add_done_callback(partial(_resolve, ended))
            await ended
        assert self._status is not None
        return self._status


def _resolve(ended: asyncio.Future[None], call: object) -> None:
    if not ended.done():
        ended.set_result(None)
