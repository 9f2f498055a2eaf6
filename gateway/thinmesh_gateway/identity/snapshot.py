"""The keys as they were last read, in a file of the state folder: a gateway that starts without its database knows them.

It holds digests, no key. Whoever can write it could as well read the pepper.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from thinmesh_gateway.identity.principal import Principal

FILE = "keys.snapshot"


class Snapshot(msgspec.Struct, frozen=True):
    """Who held which key, by its digest, when they were `read` (seconds since 1970)."""

    read: float
    holders: dict[bytes, Principal]


def load(state: Path) -> Snapshot | None:
    """What was saved; none where there is nothing, or nothing that makes sense."""
    try:
        return msgspec.msgpack.decode((state / FILE).read_bytes(), type=Snapshot)
    except (OSError, msgspec.DecodeError):
        return None


def save(state: Path, snapshot: Snapshot) -> None:
    """Saves it, whole or not at all; OSError where the disk does not take it."""
    unfinished = state / f"{FILE}.{os.getpid()}"
    unfinished.touch(mode=0o600)
    unfinished.write_bytes(msgspec.msgpack.encode(snapshot))
    unfinished.replace(state / FILE)
