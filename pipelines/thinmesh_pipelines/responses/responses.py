"""Kept responses in the object store. A record's name tells when it goes, so that it can be removed without its key."""

from __future__ import annotations

import re
import time
from datetime import datetime
from hashlib import sha256

from thinmesh_core.errors import MeshError, Reason
from thinmesh_pipelines.files.vault import Vault
from thinmesh_pipelines.payloads.objects import MissingError, Objects

RECORDS = "responses"
"""What the names of all records begin with."""

_ID = re.compile(r"resp_[0-9a-f]{24,32}")
_NAME = re.compile(r"responses/[0-9a-f]{32}/resp_[0-9a-f]{24,32}/([0-9]{12,})")


def new_id(now: float, rest: bytes) -> str:
    """A response's id: those that are made later come later in the order of ids."""
    return f"resp_{int(now * 1000):012x}{sha256(rest).hexdigest()[:20]}"


def known_id(text: str) -> bool:
    """Whether it may be a response's id."""
    return _ID.fullmatch(text) is not None


def over(name: str, now: float) -> bool:
    """Whether the time of a record is over, by its name; what is no record's never is."""
    found = _NAME.fullmatch(name)
    return found is not None and int(found[1]) <= now


class Responses:
    """The kept responses of every tenant. NOT_FOUND where a tenant has no such response."""

    def __init__(self, vault: Vault, keep_days: int) -> None:
        self._vault = vault
        self._seconds = keep_days * 86_400

    async def put(self, tenant: str, response_id: str, record: bytes, *, known: bool) -> None:
        """Keeps a record, as long as the one before it would have been kept; with `known` there must be one."""
        name = await self._name(tenant, response_id)
        if name is None:
            if known:
                raise missing()
            name = f"{_place(tenant, response_id)}/{int(time.time()) + self._seconds:012d}"
        await self._vault.put(tenant, name, record)

    async def get(self, tenant: str, response_id: str) -> bytes:
        """A record."""
        try:
            return await self._vault.get(tenant, await self._named(tenant, response_id))
        except MissingError:
            raise missing() from None

    async def remove(self, tenant: str, response_id: str) -> None:
        """The end of a record."""
        await self._vault.objects.drop([await self._named(tenant, response_id)])

    async def _named(self, tenant: str, response_id: str) -> str:
        name = await self._name(tenant, response_id)
        if name is None:
            raise missing()
        return name

    async def _name(self, tenant: str, response_id: str) -> str | None:
        """The name of a record whose time is not over."""
        if not known_id(response_id):
            raise missing()
        names = await self._vault.objects.names(_place(tenant, response_id))
        return next((name for name in names if not over(name, time.time())), None)


async def collect(objects: Objects, now: datetime) -> None:
    """Removes the records whose time is over, once."""
    await objects.drop([name for name in await objects.names(RECORDS) if over(name, now.timestamp())])


def missing() -> MeshError:
    """That there is no such response."""
    return MeshError(Reason.NOT_FOUND, "There is no response of this id, or none any more.", param="id")


def _place(tenant: str, response_id: str) -> str:
    return f"{RECORDS}/{sha256(tenant.encode()).hexdigest()[:32]}/{response_id}"
