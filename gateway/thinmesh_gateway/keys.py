"""API keys: made at random, kept in the database only as HMAC-SHA256 under a pepper that is not in it.

A slow hash would buy nothing: a key carries 256 random bits.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, or_, select, update

from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_gateway.identity.database import Database
from thinmesh_gateway.identity.key import ID_BYTES, SECRET_BYTES, text
from thinmesh_gateway.identity.principal import Key, Principal
from thinmesh_gateway.identity.tables import CHANGES, KEYS
from thinmesh_gateway.pepper import pepper

USER = ("user",)
"""The roles of a key that is made without any."""

ACTIVE_KEYS = 2
"""The most that a principal may have at once: the one it uses and the one it changes to."""

_COLUMNS = [column for column in KEYS.c if column.name != "digest"]


class KeyStore:
    """The keys in a database, and what is done with them. It blocks: never call it on the loop.

    Every method raises IDENTITY_UNAVAILABLE where the database is gone. `now` is seconds since 1970.
    """

    def __init__(self, state: Path, url: str | None = None) -> None:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._peppered = hmac.new(pepper(state), digestmod="sha256")
        self.database = Database(state.absolute(), url)
        self.close = self.database.close

    def digest(self, key: str) -> bytes:
        """What of a key is stored. Looking the digest up tells nothing about the key by its timing."""
        mac = self._peppered.copy()  # to begin a new one would look the algorithm up, which costs ten times as much
        mac.update(key.encode(errors="replace"))
        return mac.digest()

    def create(
        self,
        tenant: str,
        now: float,
        *,
        principal: str | None = None,
        roles: Iterable[str] = USER,
        expires: float | None = None,
    ) -> str:
        """Makes a key and gives it, the only time that it is seen; without a principal its id is one."""
        with self.database.changing() as database:
            _count_change(database)
            return self._create(database, tenant, principal, tuple(roles), now, expires)

    def rotate(self, key_id: str, now: float, *, overlap: float) -> str:
        """Makes another key for the principal of an active one, worth the same; the old one ends `overlap` seconds from now."""
        with self.database.changing() as database:
            _count_change(database)
            old = _found(database, key_id)
            if not old.active(now):
                raise invalid("id", f"The key {key_id} is revoked or expired; make a new one instead.")
            new = self._create(database, old.tenant, old.principal, old.roles, now, old.expires)
            end = now + overlap if old.expires is None else min(old.expires, now + overlap)
            database.execute(update(KEYS).where(KEYS.c.id == key_id).values(expires_unix_seconds=int(end)))
            return new

    def revoke(self, key_id: str, now: float) -> Key:
        """Makes a key worthless, at every gateway within seconds; one that is revoked stays so."""
        with self.database.changing() as database:
            _count_change(database)
            _found(database, key_id)
            unless_revoked = (KEYS.c.id == key_id) & KEYS.c.revoked_unix_seconds.is_(None)
            database.execute(update(KEYS).where(unless_revoked).values(revoked_unix_seconds=int(now)))
            return _found(database, key_id)

    def get(self, key_id: str) -> Key:
        """One key; NOT_FOUND where there is none."""
        with self.database.reading() as database:
            return _found(database, key_id)

    def all(self, tenant: str | None = None, principal: str | None = None) -> list[Key]:
        """Every key, or a tenant's, or a principal's, in the order they were made."""
        chosen = select(*_COLUMNS).order_by(KEYS.c.created_unix_seconds, KEYS.c.id)
        if tenant is not None:
            chosen = chosen.where(KEYS.c.tenant == tenant)
        if principal is not None:
            chosen = chosen.where(KEYS.c.principal == principal)
        with self.database.reading() as database:
            return [_key(row) for row in database.execute(chosen)]

    def changes(self) -> int:
        """How often keys have changed so far."""
        with self.database.reading() as database:
            return int(database.execute(select(CHANGES.c.number)).scalar_one())

    def read(self, now: float) -> dict[bytes, Principal]:
        """The holder of every active key by the key's digest."""
        unexpired = or_(KEYS.c.expires_unix_seconds.is_(None), KEYS.c.expires_unix_seconds > now)
        with self.database.reading() as database:
            rows = database.execute(select(KEYS).where(KEYS.c.revoked_unix_seconds.is_(None), unexpired)).all()
        return {bytes(row.digest): _principal(_key(row)) for row in rows}

    def used(self, last: Mapping[str, float]) -> None:
        """Notes when keys were last used, by their ids."""
        when = update(KEYS).where(KEYS.c.id == bindparam("key")).values(last_used_unix_seconds=bindparam("at"))
        with self.database.changing() as database:
            database.execute(when, [{"key": key, "at": int(at)} for key, at in sorted(last.items())])

    def _create(
        self,
        database: Connection,
        tenant: str,
        principal: str | None,
        roles: tuple[str, ...],
        now: float,
        expires: float | None,
    ) -> str:
        key_id = secrets.token_hex(ID_BYTES)
        owner = key_id if principal is None else principal
        owned = select(*_COLUMNS).where(KEYS.c.tenant == tenant, KEYS.c.principal == owner)
        if sum(_key(row).active(now) for row in database.execute(owned)) >= ACTIVE_KEYS:
            raise invalid("principal", f"{owner} of {tenant} has {ACTIVE_KEYS} active keys; revoke one of them first.")
        key = text(key_id, secrets.token_hex(SECRET_BYTES))
        row = {
            "id": key_id,
            "tenant": tenant,
            "digest": self.digest(key),
            "created_unix_seconds": int(now),
            "principal": owner,
            "roles": " ".join(roles),
            "expires_unix_seconds": None if expires is None else int(expires),
        }
        database.execute(insert(KEYS).values(row))
        return key


def _count_change(database: Connection) -> None:
    """Counts a change. It locks the one row, so that changes wait for each other: none overlooks another's key."""
    database.execute(update(CHANGES).values(number=CHANGES.c.number + 1))


def _found(database: Connection, key_id: str) -> Key:
    row = database.execute(select(*_COLUMNS).where(KEYS.c.id == key_id)).one_or_none()
    if row is None:
        raise MeshError(Reason.NOT_FOUND, f"There is no key {key_id}.", param="id")
    return _key(row)


def _key(row: Row[Any]) -> Key:
    return Key(
        row.id,
        row.tenant,
        row.principal,
        tuple(row.roles.split()),
        row.created_unix_seconds,
        row.expires_unix_seconds,
        row.last_used_unix_seconds,
        row.revoked_unix_seconds,
    )


def _principal(key: Key) -> Principal:
    return Principal(key.principal, key.tenant, key.roles, key.id, key.expires)
