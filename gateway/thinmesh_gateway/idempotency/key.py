"""The idempotency key of a call: what it may be, what it stands for, and how its misuse is told. Pure."""

from __future__ import annotations

import re
from hashlib import sha256

from thinmesh_core.errors import MeshError, Reason, invalid

KEY = "idempotency-key"
"""The header, and the metadata, that carries it."""

REPLAYED = "idempotent-replayed"
"""The header, and the initial metadata, of an answer that was not made for this call: `true`."""

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def checked(key: str) -> str:
    """The key; INVALID_REQUEST unless it is 1 to 255 visible ASCII characters."""
    if not _KEY.fullmatch(key):
        raise invalid(KEY, f"{KEY} must be 1 to 255 visible ASCII characters.")
    return key


def name(tenant: str, key: str) -> bytes:
    """What a tenant's key is known by; no other tenant's can be the same."""
    return sha256(f"{len(tenant)}:{tenant}:{key}".encode()).digest()


def fingerprint(what: str, body: bytes) -> bytes:
    """What tells one request from another: a path or a message's type, and the bytes."""
    return sha256(f"{len(what)}:{what}:".encode() + body).digest()


def unstreamed() -> MeshError:
    """The refusal of a streamed answer under a key."""
    return invalid(KEY, f"{KEY} is for whole answers: leave it out, or leave `stream` out.")


def conflict() -> MeshError:
    """The refusal of another request under the same key."""
    return MeshError(
        Reason.IDEMPOTENCY_CONFLICT,
        f"The {KEY} was used before, with another request; use a new key for a new request.",
        param=KEY,
    )
