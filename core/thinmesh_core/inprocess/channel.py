"""The calling end: what the generated stubs ask of a channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, Self

import grpc
from google.protobuf.message import Message
from grpc.aio import Channel, StreamStreamMultiCallable, UnaryStreamMultiCallable, UnaryUnaryMultiCallable, UsageError

from thinmesh_core.inprocess.context import pairs
from thinmesh_core.inprocess.kinds import InProcessBidiCall, InProcessStreamCall, InProcessUnaryCall
from thinmesh_core.inprocess.server import InProcessServer


class _Method:
    """A method of a server, ready to be called."""

    __slots__ = ("_method", "_server")

    def __init__(self, server: InProcessServer, method: str) -> None:
        self._server = server
        self._method = method


class _UnaryUnary(_Method, UnaryUnaryMultiCallable[Any, Any]):
    def __call__(
        self, request: Message, *, timeout: float | None = None, metadata: Any = None, **_: object
    ) -> InProcessUnaryCall:
        return InProcessUnaryCall(request, self._server, self._method, pairs(metadata), timeout)


class _UnaryStream(_Method, UnaryStreamMultiCallable[Any, Any]):
    def __call__(
        self, request: Message, *, timeout: float | None = None, metadata: Any = None, **_: object
    ) -> InProcessStreamCall:
        return InProcessStreamCall(request, self._server, self._method, pairs(metadata), timeout)


class _StreamStream(_Method, StreamStreamMultiCallable[Any, Any]):
    def __call__(
        self,
        request_iterator: Any = None,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: object = None,
        wait_for_ready: object = None,
        compression: object = None,
    ) -> InProcessBidiCall:
        return InProcessBidiCall(request_iterator, self._server, self._method, pairs(metadata), timeout)


class InProcessChannel(Channel):
    """A channel to an InProcessServer. Messages are handed over, not copied: nobody changes one after sending it.

    Credentials, compression and wait_for_ready are accepted and mean nothing: there is no transport.
    """

    def __init__(self, server: InProcessServer) -> None:
        self._server = server

    async def __aenter__(self) -> Self:
        """The channel itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to do."""

    async def close(self, grace: float | None = None) -> None:
        """Nothing to do: the channel holds nothing open."""

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """READY until the server stops."""
        return grpc.ChannelConnectivity.SHUTDOWN if self._server.refusing else grpc.ChannelConnectivity.READY

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Waits for the server's end, the one change there is."""
        if self.get_state() is last_observed_state:
            await self._server.wait_for_termination()

    async def channel_ready(self) -> None:
        """Returns at once."""

    def unary_unary(self, method: str, *_: Callable[..., Any] | None, **__: object) -> _UnaryUnary:
        """A method with one answer."""
        return _UnaryUnary(self._server, method)

    def unary_stream(self, method: str, *_: Callable[..., Any] | None, **__: object) -> _UnaryStream:
        """A method with streamed answers."""
        return _UnaryStream(self._server, method)

    def stream_unary(self, method: str, *_: Callable[..., Any] | None, **__: object) -> NoReturn:
        """Refused: no contract of the mesh has such a method."""
        raise UsageError("one answer to streamed requests is not served in-process")

    def stream_stream(self, method: str, *_: Callable[..., Any] | None, **__: object) -> _StreamStream:
        """A method with streamed requests and answers."""
        return _StreamStream(self._server, method)
