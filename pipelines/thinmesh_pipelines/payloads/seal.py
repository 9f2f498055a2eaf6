"""AES-256-GCM under a key for each tenant, which is drawn from a master key by HKDF (RFC 5869). Pure but for random nonces."""

from __future__ import annotations

import hmac
import secrets
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from thinmesh_pipelines.payloads.keys import KEY_BYTES, MasterKey

NONCE_BYTES = 12

REMEMBERED = 4096
"""Seals that are kept made."""


class ForgedError(Exception):
    """The bytes are not what was sealed for this tenant and use: altered, cut, moved, or another tenant's."""


class Seal:
    """One tenant's, under one master key: what it seals for a use opens for that use alone."""

    def __init__(self, master: MasterKey, tenant: str) -> None:
        self.key = master.id
        self._tenant = tenant
        self._aead = AESGCM(_drawn(master, f"payload-seal {tenant}"))
        self._digest_key = _drawn(master, f"payload-digest {tenant}")

    def sealed(self, plain: bytes, use: str) -> bytes:
        """The bytes encrypted."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, plain, self._bound(use))

    def opened(self, sealed: bytes | memoryview, use: str) -> bytes:
        """The plain bytes; ForgedError where they were sealed otherwise."""
        view = memoryview(sealed)
        try:
            return self._aead.decrypt(view[:NONCE_BYTES], view[NONCE_BYTES:], self._bound(use))
        except (InvalidTag, ValueError) as error:  # ValueError: there is not even a whole nonce
            raise ForgedError from error

    def digest(self, plain: bytes) -> str:
        """The same for the same bytes; it tells nothing of them to who has not the key."""
        return hmac.digest(self._digest_key, plain, "sha256").hex()

    def _bound(self, use: str) -> bytes:
        """What is authenticated beside the bytes: no two tenants and uses have the same."""
        return f"{len(self._tenant)} {self._tenant} {use}".encode()


@lru_cache(maxsize=REMEMBERED)
def seal(master: MasterKey, tenant: str) -> Seal:
    """The seal of a tenant."""
    return Seal(master, tenant)


def _drawn(master: MasterKey, use: str) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"thinmesh {use}".encode()).derive(master.secret)
