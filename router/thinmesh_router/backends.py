"""The live set of backends, each followed for as long as the configuration names it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from random import Random
from typing import Self

from thinmesh_core.channel import Channels
from thinmesh_router.backend import Backend
from thinmesh_router.breaker import Breaker, FailureRate

CLOSE_SECONDS = 600.0
"""How long the calls of a dropped backend may go on."""


class Backends(Mapping[str, Backend]):
    """All backends by name; enter it to watch them."""

    def __init__(self, addresses: Mapping[str, str], channels: Channels, random: Random) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self._channels = channels
        self._random = random
        self._failures = FailureRate()
        self._backends = {name: self._make(name, address) for name, address in addresses.items()}
        self._watches: dict[str, asyncio.Task[None]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._tasks = asyncio.TaskGroup()
        self._stack = AsyncExitStack()

    def __getitem__(self, name: str) -> Backend:
        """The backend of that name."""
        return self._backends[name]

    def __iter__(self) -> Iterator[str]:
        """Names."""
        return iter(self._backends)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._backends)

    async def __aenter__(self) -> Self:
        """Starts a watch on each."""
        await self._stack.enter_async_context(self._tasks)
        self._stack.callback(self._stop)
        for backend in self._backends.values():
            self._watch(backend)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Ends the watches, and the waits for what runs on dropped backends."""
        await self._stack.aclose()

    def update(self, addresses: Mapping[str, str]) -> None:
        """Adds, replaces and drops backends; one at its old address stays as it is, and what runs on a dropped one goes on."""
        for name, backend in tuple(self._backends.items()):
            if addresses.get(name) != backend.address:
                self._watches.pop(name).cancel()
                self._backends.pop(name).forget()
                closing = self._tasks.create_task(backend.channel.close(CLOSE_SECONDS))
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)
        for name, address in addresses.items():
            if name not in self._backends:
                self._backends[name] = self._make(name, address)
                self._watch(self._backends[name])

    def _make(self, name: str, address: str) -> Backend:
        return Backend(name, address, self._channels(address), Breaker(self._random, self._failures))

    def _watch(self, backend: Backend) -> None:
        self._watches[backend.name] = self._tasks.create_task(backend.watch(self._changed))

    def _stop(self) -> None:
        for task in (*self._watches.values(), *self._closing):
            task.cancel()

    def _changed(self) -> None:
        self.on_change()
