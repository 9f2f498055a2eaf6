"""A channel over mutual TLS whose next calls use the certificate of the moment: gRPC's own keeps that of its beginning."""

from __future__ import annotations

import asyncio
from typing import Any, Self

import grpc
from grpc.aio import (
    Channel,
    StreamStreamMultiCallable,
    StreamUnaryMultiCallable,
    UnaryStreamMultiCallable,
    UnaryUnaryMultiCallable,
)

from thinmesh_core.peers import SUFFIX
from thinmesh_core.tls import Certificates
from thinmesh_core.wire import Options

OLD_SECONDS = 600.0
"""How long calls on the channel of an old certificate may go on."""


class _Method:
    """A method of the channel of the moment."""

    def __init__(self, channel: RenewedChannel, kind: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        self._channel = channel
        self._kind = kind
        self._arguments = arguments
        self._options = options
        self._of: Channel | None = None
        self._call: Any = None

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        channel = self._channel.current()
        if channel is not self._of:
            self._of, self._call = channel, getattr(channel, self._kind)(*self._arguments, **self._options)
        return self._call(*arguments, **options)


class _UnaryUnary(_Method, UnaryUnaryMultiCallable[Any, Any]):
    pass


class _UnaryStream(_Method, UnaryStreamMultiCallable[Any, Any]):
    pass


class _StreamUnary(_Method, StreamUnaryMultiCallable[Any, Any]):
    pass


class _StreamStream(_Method, StreamStreamMultiCallable[Any, Any]):
    pass


class RenewedChannel(Channel):
    """Connects anew when the certificates have changed; calls that run go on where they are."""

    def __init__(self, target: str, certificates: Certificates, options: Options) -> None:
        self._target = target
        self._certificates = certificates
        self._options = options
        self._generation = certificates.generation
        self._channel = self._make()
        self._closing: set[asyncio.Task[None]] = set()

    def current(self) -> Channel:
        """The channel of the certificate of the moment."""
        if self._generation != self._certificates.generation:
            closing = asyncio.get_running_loop().create_task(self._channel.close(OLD_SECONDS))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
            self._generation = self._certificates.generation
            self._channel = self._make()
        return self._channel

    async def __aenter__(self) -> Self:
        """The channel itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes it."""
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        """Ends the calls that run after `grace` seconds, those of old certificates too."""
        await self._channel.close(grace)
        for task in self._closing:
            task.cancel()
        if self._closing:
            await asyncio.wait(self._closing)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """That of the channel of the moment."""
        return self.current().get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Likewise."""
        await self.current().wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Likewise."""
        await self.current().channel_ready()

    def unary_unary(self, *arguments: Any, **options: Any) -> UnaryUnaryMultiCallable[Any, Any]:
        """A method with one answer."""
        return _UnaryUnary(self, "unary_unary", arguments, options)

    def unary_stream(self, *arguments: Any, **options: Any) -> UnaryStreamMultiCallable[Any, Any]:
        """A method with streamed answers."""
        return _UnaryStream(self, "unary_stream", arguments, options)

    def stream_unary(self, *arguments: Any, **options: Any) -> StreamUnaryMultiCallable[Any, Any]:
        """A method with streamed requests."""
        return _StreamUnary(self, "stream_unary", arguments, options)

    def stream_stream(self, *arguments: Any, **options: Any) -> StreamStreamMultiCallable[Any, Any]:
        """A method with streamed requests and answers."""
        return _StreamStream(self, "stream_stream", arguments, options)

    def _make(self) -> Channel:
        return grpc.aio.secure_channel(self._target, self._certificates.channel(), options=self._options)


def named(role: str) -> Options:
    """What a peer's certificate has to be for, whatever its address."""
    return (("grpc.ssl_target_name_override", role + SUFFIX),)
