"""Messages that are none: told to their sender as such, where grpc.aio would log each with a traceback and say UNKNOWN."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any

from google.protobuf.message import DecodeError

from thinmesh_core.errors import invalid

_UNREADABLE = object()


def reader(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Deserializes for a handler that asks for its message by `readable`: only there can a failure be told."""

    def read(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return _UNREADABLE

    return read


def readable(message: Any) -> Any:
    """The message; INVALID_REQUEST where the bytes were none."""
    if message is _UNREADABLE:
        raise invalid("message", "The message is no protobuf of the method's kind.")
    return message


async def each_readable(messages: AsyncIterable[Any]) -> AsyncIterator[Any]:
    """The messages of a stream, up to one that is none."""
    async for message in messages:
        yield readable(message)
