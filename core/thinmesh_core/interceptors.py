"""What stands outermost around every servicer: whatever a handler raises leaves the process as one clear status."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, NoReturn

import grpc
from grpc.aio import AbortError, AioRpcError, ServicerContext

from thinmesh_core.errors import MeshError, Reason, internal
from thinmesh_core.peers import Services, check
from thinmesh_core.readable import Reader, each_readable, readable
from thinmesh_core.status import from_rpc_error, to_trailer

log = logging.getLogger(__name__)

Context = ServicerContext[Any, Any]

NO_SERVICES: Services = {}


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Turns MeshError into google.rpc.Status, and every other exception into INTERNAL without its text.

    A handler that raises CancelledError although nobody cancelled it would leave a network caller waiting for its
    deadline; it counts as a fault like any other. Peers over TLS need one of the roles that `services` has for theirs.
    """

    def __init__(self, services: Services = NO_SERVICES) -> None:
        self._services = services
        self._wrapped: dict[str, tuple[Any, Any]] = {}

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """The handler wrapped, once a method and not once a call."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        known = self._wrapped.get(handler_call_details.method)
        if known is None or known[0] is not handler:
            known = self._wrapped[handler_call_details.method] = (handler, self._wrap(handler, handler_call_details.method))
        return known[1]

    def _wrap(self, handler: Any, method: str) -> Any:
        """Unary or generator; other kinds (health's Watch, reflection) answer for themselves."""
        allowed = self._services.get(method.split("/")[1])
        read, write = Reader(handler.request_deserializer), handler.response_serializer
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(_unary(handler.unary_unary, allowed), read, write)
        if inspect.isasyncgenfunction(handler.unary_stream):
            return grpc.unary_stream_rpc_method_handler(_stream(handler.unary_stream, allowed, readable), read, write)
        if inspect.isasyncgenfunction(handler.stream_stream):
            return grpc.stream_stream_rpc_method_handler(_stream(handler.stream_stream, allowed, each_readable), read, write)
        return handler


def _unary(
    handler: Callable[[Any, Context], Awaitable[Any]], allowed: frozenset[str] | None
) -> Callable[[Any, Context], Awaitable[Any]]:
    async def answer(request: Any, context: Context) -> Any:
        try:
            if allowed is not None:
                check(context, allowed)
            return await handler(readable(request), context)
        except BaseException as error:  # noqa: BLE001  # cancellation too must leave as a status
            failed = _failed(error)
        del request
        return await _abort(failed, context)

    return answer


def _stream(
    handler: Callable[[Any, Context], Any], allowed: frozenset[str] | None, read: Callable[[Any], Any]
) -> Callable[[Any, Context], AsyncIterator[Any]]:
    async def answer(request: Any, context: Context) -> AsyncIterator[Any]:
        try:
            if allowed is not None:
                check(context, allowed)
            async with aclosing(handler(read(request), context)) as events:
                async for event in events:
                    yield event
            return
        except BaseException as error:  # noqa: BLE001  # cancellation too must leave as a status
            failed = _failed(error)
        del request
        await _abort(failed, context)

    return answer


def _failed(error: BaseException) -> MeshError:
    """What is told of an error; what is no fault is raised again.

    It keeps no frames, nor what lies in them: grpc's context and its AbortError hold each other, and a request of megabytes
    would live on with them until garbage is looked for.
    """
    if isinstance(error, AioRpcError):
        error = from_rpc_error(error)
    if not isinstance(error, MeshError):
        if isinstance(error, AbortError) or not is_fault(error):
            raise error
        if isinstance(error, NotImplementedError):  # the generated servicers' own refusal of what a servicer does not have
            error = MeshError(Reason.CAPABILITY_MISSING, "This method is not served here.")
        else:
            log.error("a handler failed", exc_info=error)
            error = internal()
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


async def _abort(error: MeshError, context: Context) -> NoReturn:
    trailer = (*(context.trailing_metadata() or ()), *error.headers, to_trailer(error))
    await context.abort(error.row.grpc, error.message, trailer)


def is_fault(error: BaseException) -> bool:
    """Whether it is an error, and not the end of the task that it is raised in; a cancellation that nobody asked for is one."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and task.cancelling() == 0
    return isinstance(error, Exception)
