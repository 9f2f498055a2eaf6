"""A JSON Web Key Set: the public keys that tokens may be signed with. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

SHORTEST_RSA_BITS = 2048


class Signer(NamedTuple):
    """A public key, and the one algorithm it is for where the set says so."""

    key: Any
    algorithm: str | None


class _Set(msgspec.Struct):
    keys: list[dict[str, Any]]


def parse(document: bytes) -> dict[str, Signer]:
    """The usable keys by their id; ValueError where it is no key set, or has none.

    A key without an id, for anything but signatures, secret, or too weak is passed over, and so is one of a kind that is
    not known here.
    """
    try:
        found = msgspec.json.decode(document, type=_Set).keys
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"it is no key set: {error}") from error
    signers = {}
    for one in found:
        signer = _signer(one)
        if signer is not None:
            signers[one["kid"]] = signer
    if not signers:
        raise ValueError("it has no key that could be used")
    return signers


def _signer(one: dict[str, Any]) -> Signer | None:
    secret = one.get("kty") == "oct" or "d" in one
    if secret or not isinstance(one.get("kid"), str) or one.get("use", "sig") != "sig":
        return None
    try:
        key = PyJWK(one).key
    except (PyJWTError, ValueError, TypeError):
        return None
    if isinstance(key, RSAPublicKey) and key.key_size < SHORTEST_RSA_BITS:
        return None
    algorithm = one.get("alg")
    return Signer(key, algorithm if isinstance(algorithm, str) else None)
