"""A network between two parts that is slow, thin, cuts, or swallows: TCP passed on by a proxy with faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random


@dataclass
class BadNetwork:
    """What is wrong with it; may change while connections are open.

    `latency` is added each way, in seconds; `bytes_per_second` bounds each direction of each connection; of the reads `resets`
    is the share that cuts the connection with a reset, `truncates` that which loses half of what was read and then ends it.
    While `swallows` is true nothing passes, and nobody is told: a peer that is half open.
    """

    latency: float = 0
    bytes_per_second: float | None = None
    resets: float = 0
    truncates: float = 0
    swallows: bool = False
    random: Random = field(default_factory=lambda: Random(32))
    port: int = 0

    def heal(self) -> None:
        """Nothing is wrong with it any more."""
        self.latency = self.resets = self.truncates = 0
        self.bytes_per_second, self.swallows = None, False

    async def connect(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Passes one connection on."""
        there, away = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pass(reader, away))
                tasks.create_task(self._pass(there, writer))
        except* (ConnectionError, _CutError):
            pass
        finally:
            writer.transport.abort()
            away.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        delayed: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)
        loop = asyncio.get_running_loop()

        async def read() -> None:
            while True:
                data = await reader.read(16384)
                await delayed.put((loop.time() + self.latency, data))
                if not data:
                    return

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(read())
            while True:
                at, data = await delayed.get()
                await asyncio.sleep(at - loop.time())
                while self.swallows:
                    await asyncio.sleep(0.05)
                if not data or self.random.random() < self.resets:
                    raise _CutError
                if self.random.random() < self.truncates:
                    writer.write(data[: len(data) // 2])
                    writer.close()
                    await writer.wait_closed()
                    raise _CutError
                writer.write(data)
                await writer.drain()
                if self.bytes_per_second is not None:
                    await asyncio.sleep(len(data) / self.bytes_per_second)


class _CutError(Exception):
    """The connection is over."""


@asynccontextmanager
async def bad_network(port: int, network: BadNetwork) -> AsyncIterator[BadNetwork]:
    """The network in front of a port of this machine; `port` of it is where it listens."""
    connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(network.connect(port, reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    network.port = server.sockets[0].getsockname()[1]
    try:
        yield network
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
