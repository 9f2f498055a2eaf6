"""Where connections come in, shut so that none is lost: what has come is served, what comes later is refused at once.

A listener that is simply closed resets the connections that the kernel holds for it, with the requests that they brought.
"""

from __future__ import annotations

import ctypes
import logging
import os
import select
import socket
import stat
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from thinmesh_core.address import Address

log = logging.getLogger(__name__)

Pause = Callable[[float], Awaitable[None]]
"""Waits so many seconds, or less where the process is in a hurry."""

COMING_SECONDS = 0.1
"""What a connection takes from its first packet on until it can be accepted."""

LOOK_SECONDS = 0.01
LOOKS = 500

_DESCRIPTORS = Path("/proc/self/fd")
_SO_ATTACH_FILTER = 26
_NO_MORE_SYN = b"".join(
    struct.pack("HBBI", *step)
    for step in (
        (0x30, 0, 0, 13),  # the flags of the TCP header
        (0x45, 0, 1, 0x02),  # SYN?
        (0x06, 0, 0, 0),  # as if it never came: whoever sent it asks again, and is refused then
        (0x06, 0, 0, 0xFFFFFFFF),  # the rest of handshakes passes
    )
)


class Doors:
    """The listeners of a process that strangers' calls come through, shut together when it is told to stop.

    `kept_seconds` is how long those in front use the connections that they have before they make new ones.
    """

    def __init__(self, kept_seconds: float = 0) -> None:
        self._kept_seconds = kept_seconds
        self._open: list[_Door] = []

    def add(self, address: Address, close: Callable[[], None] | None = None) -> None:
        """One that listens there. `close` stops that where its owner must know."""
        self._open.append(_Door(address, close))

    async def shut(self, pause: Pause) -> None:
        """Lets nobody in any more; returns when whoever was in front of a door is in, and the others have gone elsewhere."""
        listeners = [(door, one) for door in self._open for one in _listeners(door.address)]
        try:
            for door, one in listeners:
                door.let_no_more_come(one)
            await pause(COMING_SECONDS)
            waiting = select.poll()
            for _, one in listeners:
                waiting.register(one, select.POLLIN)
            for _ in range(LOOKS):
                if not waiting.poll(0):
                    break
                await pause(LOOK_SECONDS)
            for door, one in listeners:
                door.refuse(one)
            for door in self._open:
                if door.close is not None:
                    door.close()
        finally:
            for _, one in listeners:
                one.close()
        await pause(self._kept_seconds)


@dataclass(frozen=True, slots=True)
class _Door:
    address: Address
    close: Callable[[], None] | None

    def let_no_more_come(self, listener: socket.socket) -> None:
        """From here on new connections find nobody; those that have begun go on.

        A system that allows no such filter loses what comes in the moment of `refuse`, and stops all the same.
        """
        if self.address.path is not None:
            self.address.free()
            return
        steps = ctypes.create_string_buffer(_NO_MORE_SYN, len(_NO_MORE_SYN))
        program = struct.pack("HL", len(_NO_MORE_SYN) // 8, ctypes.addressof(steps))
        try:
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
        except OSError as error:
            log.warning("connections that come to %s in this moment may be reset: %s", self.address, error.strerror)

    def refuse(self, listener: socket.socket) -> None:
        """From here on they are refused, if its owner does not see to that."""
        if self.close is None and self.address.path is None:
            listener.shutdown(socket.SHUT_RDWR)


def _listeners(address: Address) -> list[socket.socket]:
    """This process's sockets that listen there: gRPC shows nobody its own. None where there is no /proc (macOS)."""
    try:
        descriptors = [int(one.name) for one in _DESCRIPTORS.iterdir()]
    except OSError as error:
        log.warning("connections that come to %s in this moment may be reset: %s", address, error)
        return []
    found = []
    for descriptor in [one for one in descriptors if _is_socket(one)]:  # all before the first copy, which is none of them
        try:
            one = socket.socket(fileno=os.dup(descriptor))
        except OSError:  # closed meanwhile
            continue
        if _listens(one, address):
            found.append(one)
        else:
            one.close()
    return found


def _is_socket(descriptor: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:  # closed meanwhile
        return False


def _listens(one: socket.socket, address: Address) -> bool:
    if one.type != socket.SOCK_STREAM or not one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return False
    name = one.getsockname()
    if address.path is not None:
        return one.family == socket.AF_UNIX and name == str(address.path)
    return one.family in {socket.AF_INET, socket.AF_INET6} and bool(name[1] == address.port)
