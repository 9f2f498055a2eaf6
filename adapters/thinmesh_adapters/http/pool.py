"""Connections to one engine, kept for the next request for a short time."""

from __future__ import annotations

import asyncio

from thinmesh_adapters.http.connection import Connection
from thinmesh_adapters.http.origin import Origin


class Pool:
    """Idle connections, the last used first; how many there are at once is the host's to say, by the calls that it lets in.

    `keep_seconds` is how long one may be idle; 0: each serves one request.
    """

    def __init__(self, origin: Origin, keep_seconds: float) -> None:
        self._origin = origin
        self._keep_seconds = keep_seconds
        self._idle: list[Connection] = []
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    def idle(self) -> Connection | None:
        """One that was used before and is open as far as can be known, if there is one."""
        while self._idle:
            connection = self._idle.pop()
            if connection.open:
                return connection
        return None

    async def connect(self) -> Connection:
        """A new one."""
        return await self._origin.connect()

    def give_back(self, connection: Connection) -> None:
        """Keeps it, where its answer was read to the end, or else closes it."""
        if not connection.release():
            return
        if self._keep_seconds == 0 or self._closed:
            connection.close()
            return
        self._idle.append(connection)
        if self._sweep is None:
            self._sweep_at(connection.idle_since)

    def close(self) -> None:
        """Closes what is idle, and what calls give back from now on."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def _sweep_at(self, oldest: float) -> None:
        self._sweep = asyncio.get_running_loop().call_at(oldest + self._keep_seconds, self._close_old)

    def _close_old(self) -> None:
        """Closes those whose time is over: they stand in front."""
        self._sweep = None
        until = asyncio.get_running_loop().time() - self._keep_seconds
        old = 0
        while old < len(self._idle) and self._idle[old].idle_since <= until:
            self._idle[old].close()
            old += 1
        del self._idle[:old]
        if self._idle:
            self._sweep_at(self._idle[0].idle_since)
