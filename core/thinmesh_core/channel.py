"""The seam between parts: a part asks for a channel by address and does not know whether there is a network behind it."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

import grpc

from thinmesh_core import address
from thinmesh_core.wire import CLIENT_OPTIONS, ENGINE_OPTIONS

if TYPE_CHECKING:
    from thinmesh_core.tls import Certificates

Channels = Callable[[str], grpc.aio.Channel]
"""Gives the channel to an address."""


class Cancellable(Protocol):
    """A call that can be ended by its caller."""

    def cancel(self) -> bool:
        """Ends the call; false if it has ended."""
        ...


C = TypeVar("C", bound=Cancellable)
A_co = TypeVar("A_co", covariant=True)


class Responses(Cancellable, AsyncIterable[A_co], Protocol[A_co]):
    """A call that is answered by a stream."""


def dial(target: str) -> grpc.aio.Channel:
    """A network channel to `host:port` or `unix:/path`; it connects, and connects again, by itself.

    Several addresses, separated by commas, serve calls in turn, and one that can't be reached is passed over.
    """
    return grpc.aio.insecure_channel(address.target(target.split(",")), options=CLIENT_OPTIONS)


def dial_tls(role: str, certificates: Certificates, target: str) -> grpc.aio.Channel:
    """The same; where the addresses are not this machine's own over mutual TLS, with a peer that has the role."""
    several = target.split(",")
    if all(address.parse(one).local for one in several):
        return dial(target)
    from thinmesh_core.renewal import RenewedChannel, named  # noqa: PLC0415  # it needs the extra `tls`

    return RenewedChannel(address.target(several), certificates, (*CLIENT_OPTIONS, *named(role)))


def dial_engine(target: str) -> grpc.aio.Channel:
    """A network channel to an engine at `host:port` or `unix:/path`, which keeps gRPC's default manners."""
    return grpc.aio.insecure_channel(str(address.parse(target)), options=ENGINE_OPTIONS)


@asynccontextmanager
async def cancelling(call: C) -> AsyncIterator[C]:
    """Cancels the call on the way out: leaving a loop over its messages does not end it."""
    try:
        yield call
    finally:
        call.cancel()
