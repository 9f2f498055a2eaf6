"""The results of a batch while it runs: objects by range and attempt, so that nothing that was done is done again or lost."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator

from thinmesh_pipelines.batches.results import Result, packed, unpacked
from thinmesh_pipelines.files.vault import Vault
from thinmesh_pipelines.payloads.place import Place

PARTS = "batches"
"""What the names of all parts begin with."""

HELD_BYTES = 1024 * 1024
"""Results that wait to be kept; as soon as there are more they are."""


class Parts:
    """Those of one batch."""

    def __init__(self, vault: Vault, at: Place) -> None:
        self._vault = vault
        self._tenant = at.tenant
        self._folder = f"{PARTS}/{at.prefix}"

    def keeper(self, index: int) -> Keeper:
        """Keeps the results of one attempt at a range."""
        return Keeper(self._vault, self._tenant, f"{self._folder}/{index:06d}/{secrets.token_hex(4)}")

    async def results(self, index: int) -> AsyncGenerator[Result, None]:
        """The results of a range, each line's once: two attempts may have run beside each other, unknown to themselves."""
        seen: set[int] = set()
        for name in await self._vault.objects.names(f"{self._folder}/{index:06d}"):
            for result in unpacked(await self._vault.get(self._tenant, name)):
                if result.number not in seen:
                    seen.add(result.number)
                    yield result

    async def drop(self) -> None:
        """Removes all of them."""
        await self._vault.objects.drop(await self._vault.objects.names(self._folder))


class Keeper:
    """Keeps results as they come, several in one object."""

    def __init__(self, vault: Vault, tenant: str, prefix: str) -> None:
        self._vault = vault
        self._tenant = tenant
        self._prefix = prefix
        self._count = 0
        self._held: list[Result] = []
        self._bytes = 0
        self._turn = asyncio.Lock()

    async def add(self, result: Result) -> None:
        """Takes a result; it waits while there is too much that is not kept."""
        self._held.append(result)
        self._bytes += len(result.line)
        if self._bytes >= HELD_BYTES:
            await self.keep()

    async def keep(self) -> None:
        """Keeps what is not kept yet."""
        async with self._turn:
            held = list(self._held)
            if held:
                await self._vault.put(self._tenant, f"{self._prefix}-{self._count:06d}", packed(held))
                self._count += 1
                del self._held[: len(held)]
                self._bytes = sum(len(one.line) for one in self._held)
