"""The serving end: handlers and interceptors as a grpc.aio server has them, found by method."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn, Protocol, TypeAlias

import grpc
from grpc.aio import ServerInterceptor, UsageError

from thinmesh_core.deadlines import Deadlines
from thinmesh_core.inprocess.context import Pairs

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Continuation: TypeAlias = "Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]"


class RunningCall(Protocol):
    """What the server must know of a call to end it."""

    def interrupt(self, code: grpc.StatusCode, details: str) -> bool:
        """Ends the call with this status, at once where nobody waits for it; false if it has ended."""
        ...


@dataclass(slots=True)
class CallDetails:
    """What an interceptor may look at before the handler is chosen."""

    method: str
    invocation_metadata: Pairs


class InProcessServer(grpc.aio.Server):
    """Serves servicers to InProcessChannels of the event loop that it was made in; register with the generated functions.

    Streaming handlers must be async generators: context.read and context.write have no wire to use.
    """

    def __init__(self, name: str, interceptors: Sequence[ServerInterceptor] = ()) -> None:
        self.name = name
        self.loop = asyncio.get_running_loop()
        self.deadlines = Deadlines(self.loop)
        self.running: set[RunningCall] = set()
        self.refusing = False
        self._generic_handlers: list[grpc.GenericRpcHandler] = []
        self._handlers: dict[str, Handler] = {}
        self._idle = asyncio.Event()
        self._terminated = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()
        self._chain: Continuation = self._look_up
        for interceptor in reversed(interceptors):
            self._chain = partial(interceptor.intercept_service, self._chain)

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Adds handlers, as the generated registration does."""
        self._generic_handlers.extend(generic_rpc_handlers)
        self._handlers.clear()

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Handler]) -> None:
        """Nothing to do: the generated code adds the same handlers as generic ones."""

    def add_insecure_port(self, address: str) -> NoReturn:
        """Refused: this server has no port."""
        raise UsageError("an in-process server listens on no port")

    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> NoReturn:
        """Refused: this server has no port."""
        raise UsageError("an in-process server listens on no port")

    async def start(self) -> None:
        """Nothing to do: a channel can call as soon as servicers are added."""

    async def stop(self, grace: float | None) -> None:
        """Refuses new calls at once and ends those still running after `grace` seconds, as grpc.aio does."""
        self.refusing = True
        if grace and self.running:
            try:
                async with asyncio.timeout(grace):
                    await self._idle.wait()
            except TimeoutError:
                pass  # the grace is over
        for call in tuple(self.running):
            call.interrupt(grpc.StatusCode.UNAVAILABLE, "the server stopped")
        if self.running:
            await self._idle.wait()
        if self._closing:
            await asyncio.wait(self._closing)
        self._terminated.set()

    async def wait_for_termination(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109  # grpc.aio's signature
        """Waits until stopped; true if `timeout` seconds passed before."""
        try:
            async with asyncio.timeout(timeout):
                await self._terminated.wait()
        except TimeoutError:
            return True
        return False

    async def handler(self, details: CallDetails) -> Handler | None:
        """The handler of a method behind the interceptors; none where nothing serves it."""
        return await self._chain(details)

    def began(self, call: RunningCall) -> None:
        """Counts a call in."""
        self.running.add(call)

    def ended(self, call: RunningCall) -> None:
        """Counts a call out."""
        self.running.discard(call)
        if self.refusing and not self.running:
            self._idle.set()

    def close_later(self, closing: Coroutine[Any, Any, None]) -> None:
        """Runs the end of a stream that was left between two messages, when no task is inside it."""
        task = self.loop.create_task(closing)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _look_up(self, details: grpc.HandlerCallDetails) -> Handler | None:
        if (known := self._handlers.get(details.method)) is not None:
            return known
        for generic in self._generic_handlers:
            handler = generic.service(details)
            if handler is not None:
                return self._handlers.setdefault(details.method, handler)
        return None
