"""The keys that this gateway knows: looked up in memory, read beside the calls, and good for a time without a database."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from thinmesh_core.errors import MeshError
from thinmesh_gateway.identity.database import cause, gone
from thinmesh_gateway.identity.key import plausible
from thinmesh_gateway.identity.principal import Principal
from thinmesh_gateway.identity.snapshot import Snapshot, load, save
from thinmesh_gateway.keys import KeyStore

log = logging.getLogger(__name__)

REFRESH_SECONDS = 1.0
"""How soon a new key is known, and a revoked one no more."""

BEHIND_SECONDS = 60.0
"""How far the snapshot, and what the database knows of the keys' last use, may be behind."""


UNREAD = "the keys are not read yet"


class Keyring:
    """Whose key it is. While the database is gone known keys stay good for `stale_seconds`; `unix` is seconds since 1970."""

    def __init__(
        self, store: KeyStore, state: Path, stale_seconds: float = 3600.0, unix: Callable[[], float] = time.time
    ) -> None:
        self.stale_seconds = stale_seconds
        self.trouble: str | None = UNREAD
        self._store = store
        self._state = state
        self._unix = unix
        self._holders: dict[bytes, Principal] = {}
        self._principals: dict[tuple[str, str], list[Principal]] = {}
        self._used: set[str] = set()
        self._changes: int | None = None
        self._read: float | None = None
        self._saved = self._noted = 0.0

    @property
    def empty(self) -> bool:
        """Whether nothing is known, so that no key can be told from another."""
        return self._read is None

    def holder(self, key: str) -> Principal | None:
        """Who holds the key; none where it is not known. IDENTITY_UNAVAILABLE where nothing is known any more."""
        if not plausible(key):
            return None
        holder = self._holders.get(self._store.digest(key))
        if holder is None:
            if self.empty:
                raise gone()
            return None
        if holder.expires is not None and holder.expires <= self._unix():
            return None
        if holder.key is not None:
            self._used.add(holder.key)
        return holder

    def roles(self, tenant: str, principal: str) -> frozenset[str]:
        """What the keys of a principal are worth now; IDENTITY_UNAVAILABLE where nothing is known any more."""
        if self.empty:
            raise gone()
        now = self._unix()
        there = self._principals.get((tenant, principal), ())
        return frozenset(role for one in there if one.expires is None or one.expires > now for role in one.roles)

    def refresh(self) -> None:
        """Reads what has changed; where that fails, keeps what is known for as long as it may be kept."""
        now = self._unix()
        try:
            changes = self._store.changes()  # before the keys: what changes in between is read again next time
            if changes != self._changes:
                self._know(self._store.read(now))
                self._changes = changes
                self._saved = 0.0
            if self._used and now - self._noted >= BEHIND_SECONDS:
                self._note(now)
        except MeshError as error:
            self._lost(now, cause(error))
            return
        if self.trouble not in {None, UNREAD}:
            log.warning("the keys can be read again")
        self.trouble, self._read = None, now
        if now - self._saved >= BEHIND_SECONDS:
            self._save(now)

    async def follow(self) -> None:
        """Keeps the keys fresh for ever."""
        while True:
            await asyncio.to_thread(self.refresh)
            await asyncio.sleep(REFRESH_SECONDS)

    def _know(self, holders: dict[bytes, Principal]) -> None:
        self._holders = holders
        principals: dict[tuple[str, str], list[Principal]] = {}
        for one in holders.values():
            principals.setdefault((one.tenant, one.name), []).append(one)
        self._principals = principals

    def _note(self, now: float) -> None:
        used, self._used = self._used, set()
        self._store.used(dict.fromkeys(used, now))
        self._noted = now

    def _save(self, now: float) -> None:
        self._saved = now
        try:
            save(self._state, Snapshot(now, self._holders))
        except OSError as error:
            log.warning("what is known of the keys can't be saved, a start without the database would know none: %s", error)

    def _lost(self, now: float, why: str) -> None:
        if self._read is None:
            saved = load(self._state)
            if saved is not None and now - saved.read <= self.stale_seconds:
                self._know(saved.holders)
                self._read = min(saved.read, now)
        elif now - self._read > self.stale_seconds:
            self._know({})
            self._read = self._changes = None
        known = "known keys stay good for a time" if self._read is not None else "no key is good"
        trouble = f"the keys can't be read, {known}: {why}"
        if trouble != self.trouble:
            log.warning("%s", trouble)
        self.trouble = trouble
