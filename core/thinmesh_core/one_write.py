"""An answer's head and the first piece of its body in one write: uvicorn makes two, and each is a system call and a packet."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Writing(Protocol):
    """What writes an answer."""

    transport: asyncio.Transport


class OneWrite(asyncio.Transport):
    """An answer's transport until its head is out, which is kept for what follows; from then on the one behind it is used."""

    def __init__(self, answer: Writing) -> None:
        super().__init__()
        self._answer = answer
        self._transport = answer.transport
        self._head: bytes | None = None

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Keeps the head, and sends it with what is written next."""
        if self._head is not None:
            self._answer.transport = self._transport
            self._transport.write(self._head + data)
        elif data == _CONTINUE:
            self._transport.write(data)
        else:
            self._head = bytes(data)

    def close(self) -> None:
        """Closes behind what is kept."""
        if self._head is not None:
            self._answer.transport = self._transport
            self._transport.write(self._head)
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether the transport does."""
        return self._transport.is_closing()
