"""Objects that are sealed for their tenant and bound to their name, each with the name of its key in front."""

from __future__ import annotations

import asyncio

from thinmesh_core.errors import MeshError, Reason
from thinmesh_pipelines.payloads.keys import ID_BYTES, KeyRing, UnknownKeyError
from thinmesh_pipelines.payloads.objects import Objects
from thinmesh_pipelines.payloads.seal import ForgedError, seal

_KEY = 2 * ID_BYTES


class Vault:
    """What lies in the store beside the payloads. It fails as the store does, or as INTERNAL where one can't be opened."""

    def __init__(self, ring: KeyRing, objects: Objects) -> None:
        self._ring = ring
        self.objects = objects

    async def put(self, tenant: str, name: str, plain: bytes) -> None:
        """Keeps an object in the place of one of this name."""
        ours = seal(self._ring.newest, tenant)
        data = await asyncio.to_thread(ours.sealed, plain, name)
        await self.objects.put(name, ours.key.encode() + data)

    async def get(self, tenant: str, name: str) -> bytes:
        """An object; MissingError where there is none."""
        data = memoryview(await self.objects.read(name))
        try:
            theirs = seal(self._ring.find(bytes(data[:_KEY]).decode(errors="replace")), tenant)
            return await asyncio.to_thread(theirs.opened, data[_KEY:], name)
        except (UnknownKeyError, ForgedError) as error:
            raise MeshError(
                Reason.INTERNAL, "A file can't be opened: it was altered, or its key is not in this worker's payload-keys."
            ) from error
