"""Who calls: a bearer key looked up in memory; the database is read beside the calls, never for one."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Collection
from typing import Any

import grpc

from thinmesh_core.call import AUTHORIZATION, REQUEST_ID, TRACEPARENT, Call, request_id, traceparent
from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.keys import KeyStore, Principal

log = logging.getLogger(__name__)

REFRESH_SECONDS = 1.0
"""How soon a new key is known."""


class Authenticator:
    """Turns a key into a Call. Deny unless known: no key, no tenant in thinmesh.yaml, no call."""

    def __init__(self, store: KeyStore, tenants: Collection[str]) -> None:
        self._store = store
        self.tenants = frozenset(tenants)
        self._holders: dict[bytes, Principal] = {}
        self.trouble: str | None = "the keys are not read yet"

    def call(self, authorization: str | None, *, request: str | None, trace: str | None) -> Call:
        """The call of whoever holds the key in an Authorization value; INVALID_KEY without one that is known.

        Of what strangers send beside the key only the request id and the trace context are taken.
        """
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise MeshError(Reason.INVALID_KEY, "Send a key: `Authorization: Bearer tm_live_...`.")
        principal = self._holders.get(self._store.digest(key.strip()))
        if principal is None or principal.tenant not in self.tenants:
            raise MeshError(Reason.INVALID_KEY, "The key is not known; `thinmesh key create --tenant T` makes one.")
        return Call(request_id(request), principal.tenant, principal.id, traceparent(trace))

    def admit(self, context: grpc.aio.ServicerContext[Any, Any]) -> Call:
        """The call of whoever holds the key in a gRPC call's metadata; its request id goes back as trailing metadata."""
        sent = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        known = request_id(sent.get(REQUEST_ID))
        context.set_trailing_metadata(((REQUEST_ID, known),))
        return self.call(sent.get(AUTHORIZATION), request=known, trace=sent.get(TRACEPARENT))

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
