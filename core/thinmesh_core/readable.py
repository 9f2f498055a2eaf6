"""Messages that are refused: told to their sender as such, where grpc.aio would log each with a traceback and say UNKNOWN."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.message import DecodeError

from thinmesh_core.errors import MeshError, invalid


class Receipt(Protocol):
    """What counts a call's messages."""

    def came(self, size: int) -> None:
        """A message came; MeshError where it is not taken."""
        ...


RECEIPT: ContextVar[Receipt | None] = ContextVar("receipt", default=None)
"""Of the call that runs in this task, where its server counts messages."""


END: ContextVar[Callable[[BaseException], None] | None] = ContextVar("end", default=None)
"""Is told how the call of this task ends where its handler is never asked, and can't tell. Told again, it does nothing."""


@dataclass(frozen=True, slots=True)
class _Refused:
    error: MeshError


class Reader:
    """Deserializes for a handler that asks for its message by `readable`: only there can a failure be told."""

    __slots__ = ("_deserialize",)

    def __init__(self, deserialize: Callable[[bytes], Any]) -> None:
        self._deserialize = deserialize

    def __call__(self, data: bytes) -> Any:
        """The message, or why it is refused."""
        receipt = RECEIPT.get()
        try:
            if receipt is not None:
                receipt.came(len(data))
            return self._deserialize(data)
        except DecodeError:
            return _Refused(invalid("message", "The message is no protobuf of the method's kind."))
        except MeshError as error:
            return _Refused(error)


def readable(message: Any) -> Any:
    """The message; MeshError where it was refused: INVALID_REQUEST where the bytes were none."""
    if isinstance(message, _Refused):
        if (end := END.get()) is not None:
            end(message.error)
        raise message.error
    return message


async def each_readable(messages: AsyncIterable[Any]) -> AsyncIterator[Any]:
    """The messages of a stream, up to one that is none."""
    async for message in messages:
        yield readable(message)
