"""Connections as they come to a listener, and a rest where the process may hold no more of them.

uvloop accepts by libuv, which has a descriptor to spare for the moment when there is no other. Another thread, such as gRPC's,
may take that in the moment in which it is free; the loop would be busy from then on.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable

log = logging.getLogger(__name__)

AT_ONCE = 100
"""Connections that are accepted before others have their turn."""

REST_SECONDS = 0.5
"""How long nothing is accepted after there was no descriptor for it."""

USED_UP = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Accepting:
    """A listener whose connections are served until it is closed; it is closed with this."""

    def __init__(
        self, listener: socket.socket, protocol: Callable[[], asyncio.Protocol], tls: ssl.SSLContext | None = None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._protocol = protocol
        self._tls = tls
        self._greeting: set[asyncio.Task[None]] = set()
        self._rest: asyncio.TimerHandle | None = None
        self._listen()

    def close(self) -> None:
        """Takes no more; what was accepted goes on."""
        if self._rest is not None:
            self._rest.cancel()
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener)
            self._listener.close()

    async def wait_closed(self) -> None:
        """Lets go whoever is still amid a handshake."""
        for task in self._greeting:
            task.cancel()
        if self._greeting:
            await asyncio.wait(self._greeting)

    def _listen(self) -> None:
        self._rest = None
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in USED_UP:
                    raise
                log.warning("no more connections can be held: %s", error.strerror)
                self._loop.remove_reader(self._listener)
                self._rest = self._loop.call_later(REST_SECONDS, self._listen)
                return
            task = self._loop.create_task(self._greet(connection))
            self._greeting.add(task)
            task.add_done_callback(self._greeting.discard)

    async def _greet(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection, ssl=self._tls)
        except OSError:  # it is gone already, or does not speak TLS as we do
            connection.close()
