"""Connections as they come to a listener; those that the process can't hold are closed at once, or wait where that can't be.

To close one takes a descriptor, so one is kept for that. libuv, by which uvloop accepts, does the same. But another thread,
such as gRPC's, may take it in the moment in which it is free, and libuv's loop is busy from then on; here it rests.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

log = logging.getLogger(__name__)

AT_ONCE = 100
"""Connections that are accepted before others have their turn."""

SHORTEST_REST, LONGEST_REST = 0.01, 0.5
"""Seconds for which nothing is accepted where there is no descriptor at all: twice as long each time that there is none yet."""

TELL_SECONDS = 60.0
"""How often that is told at the most."""

NOBODY = (BlockingIOError, InterruptedError, ConnectionAbortedError)
USED_UP = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Accepting:
    """A listener whose connections are served until it is closed; it is closed with this.

    `tls` is asked at each connection: certificates change.
    """

    def __init__(
        self,
        listener: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        tls: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._protocol = protocol
        self._tls = tls
        self._greeting: set[asyncio.Task[None]] = set()
        self._rest = SHORTEST_REST
        self._resting: asyncio.TimerHandle | None = None
        self._told = -TELL_SECONDS
        self._spare: int | None = None
        self._listen()

    def close(self) -> None:
        """Takes no more; what was accepted goes on."""
        if self._resting is not None:
            self._resting.cancel()
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener)
            self._listener.close()
        self._let_go()

    async def wait_closed(self) -> None:
        """Lets go whoever is still amid a handshake."""
        for task in self._greeting:
            task.cancel()
        if self._greeting:
            await asyncio.wait(self._greeting)

    def _listen(self) -> None:
        self._resting = None
        with suppress(OSError):  # another one may have it still
            self._spare = _spare() if self._spare is None else self._spare
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection = self._next()
            except NOBODY:
                return
            except OSError as error:
                if error.errno not in USED_UP:
                    raise
                self._pause()
                return
            if connection is not None:
                self._rest = SHORTEST_REST
                task = self._loop.create_task(self._greet(connection))
                self._greeting.add(task)
                task.add_done_callback(self._greeting.discard)

    def _next(self) -> socket.socket | None:
        """Whoever is next, none where it had to be turned away; OSError where nobody is, or no descriptor even for that."""
        try:
            return self._listener.accept()[0]
        except OSError as error:
            if error.errno not in USED_UP:
                raise
            self._tell(error)
        self._let_go()
        try:
            self._listener.accept()[0].close()
        finally:
            self._spare = _spare()
        return None

    def _let_go(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None

    def _tell(self, error: OSError) -> None:
        now = self._loop.time()
        if now - self._told >= TELL_SECONDS:
            self._told = now
            log.warning("no more connections can be held, whoever comes is turned away: %s", error.strerror)

    def _pause(self) -> None:
        self._loop.remove_reader(self._listener)
        self._resting = self._loop.call_later(self._rest, self._listen)
        self._rest = min(2 * self._rest, LONGEST_REST)

    async def _greet(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        tls = None if self._tls is None else self._tls()
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection, ssl=tls)
        except OSError:  # it is gone already, or does not speak TLS as we do
            connection.close()


def _spare() -> int:
    return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
