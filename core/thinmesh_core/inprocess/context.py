"""What a handler sees of an in-process call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import grpc
from grpc.aio import AbortError, ServicerContext, UsageError

if TYPE_CHECKING:
    from thinmesh_core.inprocess.call import InProcessCall


Pairs: TypeAlias = tuple[tuple[str, str | bytes], ...]
"""Metadata, as a grpc.aio handler is given it."""


class InProcessContext(ServicerContext[Any, Any]):
    """The serving end of one call; the status a handler sets or aborts with is read when its handler ends.

    It knows its call and the call does not know it: a cycle would wait for the garbage collector, with both messages.
    """

    __slots__ = ("_call",)

    def __init__(self, call: InProcessCall) -> None:
        self._call = call

    async def read(self) -> NoReturn:
        """Refused: the request is the handler's argument."""
        raise UsageError("in-process handlers take their request as an argument")

    async def write(self, message: object) -> NoReturn:
        """Refused: nothing would carry the message."""
        raise UsageError("in-process handlers yield their messages")

    async def send_initial_metadata(self, initial_metadata: object) -> None:
        """Sets what the caller reads as initial metadata."""
        self._call.initial = pairs(initial_metadata)

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: object = ()) -> NoReturn:
        """Ends the call with this status."""
        self._call.told = (code, details)
        if trailing_metadata:
            self._call.trailer = pairs(trailing_metadata)
        raise AbortError("Locally aborted.")

    async def abort_with_status(self, status: grpc.Status) -> NoReturn:
        """Ends the call with this status."""
        await self.abort(status.code, status.details, status.trailing_metadata or ())

    def set_trailing_metadata(self, trailing_metadata: object) -> None:
        """Sets what the caller reads after the end."""
        self._call.trailer = pairs(trailing_metadata)

    def invocation_metadata(self) -> Pairs:  # type: ignore[override]  # grpc.aio too gives pairs, whatever its stubs say
        """What the caller sent."""
        return self._call.metadata

    def set_code(self, code: grpc.StatusCode) -> None:
        """Sets the status code."""
        self._call.told = (code, self._call.told[1])

    def set_details(self, details: str) -> None:
        """Sets the status text."""
        self._call.told = (self._call.told[0], details)

    def set_compression(self, compression: grpc.Compression) -> None:
        """Nothing to do: nothing is serialized."""

    def disable_next_message_compression(self) -> None:
        """Nothing to do: nothing is serialized."""

    def peer(self) -> str:
        """Names the in-process server; no network peer can be called so."""
        return f"inprocess:{self._call.server.name}"

    def peer_identities(self) -> Iterable[bytes] | None:
        """None: no transport vouches for the caller."""
        return None

    def peer_identity_key(self) -> str | None:
        """None: no transport vouches for the caller."""
        return None

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Empty: no transport vouches for the caller."""
        return {}

    def time_remaining(self) -> float | None:  # type: ignore[override]  # grpc.aio too gives None without a deadline
        """Seconds to the deadline, if there is one."""
        return self._call.time_remaining()

    def trailing_metadata(self) -> Pairs:  # type: ignore[override]  # grpc.aio too gives pairs, whatever its stubs say
        """What was set so far."""
        return self._call.trailer

    def code(self) -> grpc.StatusCode:
        """What was set so far."""
        return self._call.told[0]

    def details(self) -> str:
        """What was set so far."""
        return self._call.told[1]

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Calls back when the call ends."""
        self._call.add_done_callback(callback)

    def cancelled(self) -> bool:
        """Whether the caller cancelled."""
        return self._call.cancelled()

    def done(self) -> bool:
        """Whether the call has ended."""
        return self._call.done()


def pairs(metadata: Any) -> Pairs:
    """What grpc.aio accepts as metadata: Metadata, a sequence of pairs, or none."""
    return tuple(metadata or ())
