"""Files as the object store holds them: written piece by piece, there once they are whole, gone when their time is over."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator

import msgspec

from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_pipelines.files.config import FilesConfig
from thinmesh_pipelines.files.record import PIECE_BYTES, Record, Recorded, Shelf, known_id, recorded
from thinmesh_pipelines.files.vault import Vault
from thinmesh_pipelines.payloads.objects import MissingError

log = logging.getLogger(__name__)

READ_AT_ONCE = 16
"""Records of a list that are read together."""


class Writing:
    """A file that is being written: nothing of it is seen before it is kept, and a repeat writes the same over it."""

    def __init__(self, vault: Vault, tenant: str, file_id: str) -> None:
        self._vault = vault
        self._tenant = tenant
        self._shelf = Shelf(tenant)
        self._id = file_id
        self._held = bytearray()
        self._pieces = 0
        self.size = 0

    async def write(self, data: bytes) -> None:
        """Adds bytes."""
        self._held += data
        self.size += len(data)
        while len(self._held) >= PIECE_BYTES:
            await self._put(bytes(self._held[:PIECE_BYTES]))
            del self._held[:PIECE_BYTES]

    async def keep(self, name: str, purpose: str, created: int, seconds: int) -> Record:
        """Makes it a file."""
        if self._held:
            await self._put(bytes(self._held))
        record = Record(self._id, name, purpose, self.size, created, created + seconds)
        at = self._shelf.record(self._id, record.expires)
        await self._vault.put(self._tenant, at, msgspec.json.encode(record))
        return record

    async def drop(self) -> None:
        """Leaves nothing of it."""
        objects = self._vault.objects
        await objects.drop(await objects.names(self._shelf.content(self._id)))

    async def _put(self, piece: bytes) -> None:
        await self._vault.put(self._tenant, self._shelf.piece(self._id, self._pieces), piece)
        self._pieces += 1


class Files:
    """The files of every tenant. NOT_FOUND where a tenant has no such file."""

    def __init__(self, vault: Vault, config: FilesConfig) -> None:
        self._vault = vault
        self._config = config

    def writing(self, tenant: str, file_id: str) -> Writing:
        """A file that is to be."""
        return Writing(self._vault, tenant, file_id)

    async def room(self, tenant: str) -> None:
        """INVALID_REQUEST where the tenant has as many files as it may."""
        if len(await self._recorded(tenant)) >= self._config.max_files:
            raise invalid("file", f"There are {self._config.max_files} files, as many as may be; remove some of them.")

    async def get(self, tenant: str, file_id: str) -> Record:
        """What is known of a file."""
        try:
            return await self._read(tenant, await self._found(tenant, file_id))
        except MissingError:
            raise missing(file_id) from None

    async def page(
        self, tenant: str, limit: int, after: str | None, purpose: str | None, *, oldest_first: bool
    ) -> tuple[list[Record], bool]:
        """Some of a tenant's files in the order of their making, and whether there are more."""
        known = sorted(await self._recorded(tenant), key=lambda one: one.file_id, reverse=not oldest_first)
        if after is not None:
            known = [one for one in known if (one.file_id > after) == oldest_first and one.file_id != after]
        found: list[Record] = []
        for start in range(0, len(known), READ_AT_ONCE):
            read = [self._unless_lost(tenant, one) for one in known[start : start + READ_AT_ONCE]]
            found += [one for one in await asyncio.gather(*read) if one is not None and purpose in {None, one.purpose}]
            if len(found) > limit:
                break
        return found[:limit], len(found) > limit

    async def remove(self, tenant: str, file_id: str) -> None:
        """Removes a file, also one that can't be opened: first what is known of it, then what is in it."""
        one, objects = await self._found(tenant, file_id), self._vault.objects
        await objects.drop([one.name])
        await objects.drop(await objects.names(one.content))

    async def content(
        self, tenant: str, record: Record, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """What is in a file, from a byte on, so many bytes or all that follow."""
        shelf = Shelf(tenant)
        end = record.size if length is None else start + length
        for index in range(start // PIECE_BYTES, -(-end // PIECE_BYTES)):
            begin = index * PIECE_BYTES
            try:
                piece = await self._vault.get(tenant, shelf.piece(record.id, index))
            except MissingError:
                raise missing(record.id) from None
            yield piece[max(0, start - begin) : end - begin]

    async def _found(self, tenant: str, file_id: str) -> Recorded:
        if known_id(file_id):
            for one in map(recorded, await self._vault.objects.names(f"{Shelf(tenant).records}/{file_id}")):
                if one is not None and one.expires > time.time():
                    return one
        raise missing(file_id)

    async def _recorded(self, tenant: str) -> list[Recorded]:
        now = time.time()
        names = map(recorded, await self._vault.objects.names(Shelf(tenant).records))
        return [one for one in names if one is not None and one.expires > now]

    async def _unless_lost(self, tenant: str, one: Recorded) -> Record | None:
        """What is known of a file; none of one that is gone, or that nobody can open any more."""
        try:
            return await self._read(tenant, one)
        except MissingError:
            return None
        except MeshError as error:
            if error.reason is not Reason.INTERNAL:
                raise
            log.warning("the file %s is left out of a list: %s", one.file_id, error.message)
            return None

    async def _read(self, tenant: str, one: Recorded) -> Record:
        return msgspec.json.decode(await self._vault.get(tenant, one.name), type=Record)


def missing(file_id: str) -> MeshError:
    """That there is no such file."""
    return MeshError(Reason.NOT_FOUND, f"There is no file {file_id[:64]!r}.", param="file_id")
