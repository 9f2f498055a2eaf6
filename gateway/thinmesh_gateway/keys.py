"""API keys: made at random, kept in the database only as HMAC-SHA256 under a pepper that is not in it.

A slow hash would buy nothing: a key carries 256 random bits.
"""

from __future__ import annotations

import hmac
import os
import secrets
import sqlite3
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

_SCHEMA = """
create table if not exists keys (
    id text primary key,
    tenant text not null,
    digest blob not null unique,
    created_unix_seconds integer not null
) strict
"""

PREFIX = "tm_live"
PEPPER_BYTES = 32
BUSY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Principal:
    """Who holds a key."""

    id: str
    tenant: str


class KeyStore:
    """The keys in a state folder: `keys.db`, and `pepper` beside it, readable by their owner only."""

    def __init__(self, state: Path) -> None:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = state / "keys.db"
        self._peppered = hmac.new(pepper(state), digestmod="sha256")
        with closing(self._connect()) as database, database:
            database.execute(_SCHEMA)
        self._path.chmod(0o600)

    def create(self, tenant: str, now: float) -> str:
        """Makes a key for a tenant and gives it, the only time that it is seen; `now` in seconds since 1970."""
        key_id = secrets.token_hex(6)
        key = f"{PREFIX}_{key_id}_{secrets.token_hex(32)}"
        with closing(self._connect()) as database, database:
            database.execute("insert into keys values (?, ?, ?, ?)", (key_id, tenant, self.digest(key), int(now)))
        return key

    def read(self) -> dict[bytes, Principal]:
        """Every key's holder by the key's digest."""
        with closing(self._connect()) as database:
            rows = database.execute("select digest, id, tenant from keys").fetchall()
        return {digest: Principal(key_id, tenant) for digest, key_id, tenant in rows}

    def digest(self, key: str) -> bytes:
        """What of a key is stored. Looking the digest up tells nothing about the key by its timing."""
        mac = self._peppered.copy()  # to begin a new one would look the algorithm up, which costs ten times as much
        mac.update(key.encode(errors="replace"))
        return mac.digest()

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=BUSY_SECONDS)


def pepper(state: Path) -> bytes:
    """A state folder's pepper, made on first use.

    It appears whole or not at all, and whoever is first wins: nobody ever has two.
    """
    path = state / "pepper"
    if not path.exists():
        descriptor, name = tempfile.mkstemp(dir=path.parent)  # its owner's alone
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(PEPPER_BYTES))
        with suppress(FileExistsError):
            os.link(name, path)
        Path(name).unlink()
    return path.read_bytes()
