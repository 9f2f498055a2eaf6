"""grpc.aio's server, made to outlive calls of methods that it does not have.

It spells the path of such a call as UTF-8 in the one loop that accepts calls, and where the path is none, a single request
of any stranger ends that loop, the listener and every running call (grpcio 1.85). Here these calls never come to the loop:
they are refused as they arrive, whatever their path is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any, cast

import grpc
from grpc._cython import cygrpc
from grpc.aio import AbortError, ServerInterceptor, _server

from thinmesh_core.wire import Options


def server(interceptors: Sequence[ServerInterceptor], options: Options) -> grpc.aio.Server:
    """A server without generic handlers: what is served is registered by name, as generated code does."""
    return cast("grpc.aio.Server", _Server(interceptors, options))


class _Server(_server.Server):
    def __init__(self, interceptors: Sequence[ServerInterceptor], options: Options) -> None:
        self._loop = cygrpc.get_working_loop()
        self._server = _Accepting(self._loop, None, (), interceptors, options, None)


class _Accepting(cygrpc.AioServer):  # type: ignore[misc]  # it has no types
    def _make_request_call_future(self, method: bytes | None) -> asyncio.Future[Any]:
        """The next call of a registered method; for those of no such method a future that gives none."""
        if method is not None:
            return _Arriving(super()._make_request_call_future(method))
        return asyncio.ensure_future(self._refuse())

    async def _refuse(self) -> None:
        try:
            async with asyncio.TaskGroup() as refusing:
                while True:
                    refusing.create_task(_refused(await self._request_call()))
        except ExceptionGroup as failed:  # the server stops, which its loop knows by the error alone
            raise failed.exceptions[0] from None


class _Arriving(asyncio.Future[Any]):
    """The next call. Where the server's loop takes it, what refuses it is left to the task that is made for it there."""

    def __init__(self, coming: asyncio.Future[Any]) -> None:
        super().__init__()
        self._coming = coming
        coming.add_done_callback(self._came)
        self.add_done_callback(lambda _: coming.cancel())

    def result(self) -> Any:
        state = super().result()
        REFUSE.set(partial(_refused, state))
        return state

    def _came(self, coming: asyncio.Future[Any]) -> None:
        if self.done():
            return
        if coming.cancelled():
            self.cancel()
        elif (error := coming.exception()) is not None:
            self.set_exception(error)
        else:
            self.set_result(coming.result())


Refuse = Callable[..., Coroutine[Any, Any, None]]
"""Ends a call with a status, whatever it does."""

REFUSE: ContextVar[Refuse] = ContextVar("refuse")
"""For the call that runs in this task."""


async def _refused(
    state: Any, code: grpc.StatusCode = grpc.StatusCode.UNIMPLEMENTED, details: str = "This method is not served here."
) -> None:
    try:
        context = cygrpc._ServicerContext(state, None, None, asyncio.get_running_loop())  # noqa: SLF001
        await context.abort(code, details)
    except (AbortError, asyncio.CancelledError, cygrpc.ExecuteBatchError):
        return  # it is told, or its caller is gone
