"""Who calls: a bearer key looked up in memory; the database is read beside the calls, never for one."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Mapping

from thinmesh_core.call import AUTHORIZATION, TRACEPARENT, Call, traceparent
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.priority import PRIORITIES, Priority
from thinmesh_core.tenants import TenantConfig
from thinmesh_gateway.keys import KeyStore, Principal
from thinmesh_gateway.wishes import Names, Sent, heeded

log = logging.getLogger(__name__)

REFRESH_SECONDS = 1.0
"""How soon a new key is known."""


class Authenticator:
    """Turns a key into a Call. Deny unless known: no key, no tenant in thinmesh.yaml, no call."""

    def __init__(self, store: KeyStore, tenants: Mapping[str, TenantConfig]) -> None:
        self.trouble: str | None = "the keys are not read yet"
        self._store = store
        self._holders: dict[bytes, Principal] = {}
        self._best: dict[str, Priority] = {}
        self.know(tenants)

    def know(self, tenants: Mapping[str, TenantConfig]) -> None:
        """Puts other tenants in force, each with the best class that its calls may have."""
        self._best = {name: PRIORITIES[tenant.priority] for name, tenant in tenants.items()}

    def call(self, sent: Sent, names: Names, request_id: str) -> Call:
        """The call of whoever holds the key that was sent; INVALID_KEY without one that is known.

        Of what strangers send beside the key only the trace context and the wishes are taken.
        """
        scheme, _, key = (sent(AUTHORIZATION) or "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise MeshError(Reason.INVALID_KEY, "Send a key: `Authorization: Bearer tm_live_...`.")
        principal = self._holders.get(self._store.digest(key.strip()))
        best = None if principal is None else self._best.get(principal.tenant)
        if principal is None or best is None:
            raise MeshError(Reason.INVALID_KEY, "The key is not known; `thinmesh key create --tenant T` makes one.")
        call = Call(request_id, principal.tenant, principal.id, traceparent(sent(TRACEPARENT)), priority=best)
        return heeded(call, sent, names)

    def refresh(self) -> None:
        """Reads the keys; those known so far stay good while the database can't be read."""
        try:
            self._holders = self._store.read()
            self.trouble = None
        except sqlite3.Error as error:
            if self.trouble is None:
                log.warning("the keys can't be read, those known so far stay good: %s", error)
            self.trouble = f"the keys can't be read: {error}"

    async def follow(self) -> None:
        """Keeps the keys fresh for ever."""
        while True:
            await asyncio.to_thread(self.refresh)
            await asyncio.sleep(REFRESH_SECONDS)
