"""What a shared store sees of keys and answers: digests under a secret, and AES-GCM. Pure but for its random nonces."""

from __future__ import annotations

import hmac
import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12
DIGEST_BYTES = 32


class Cipher:
    """Made from the state folder's pepper; two keys are drawn from it by HKDF (RFC 5869), neither of use for the other."""

    def __init__(self, pepper: bytes) -> None:
        self._digest_key = _derived(pepper, b"thinmesh idempotency digest")
        self._aead = AESGCM(_derived(pepper, b"thinmesh idempotency answer"))

    def digest(self, data: bytes) -> bytes:
        """What stands for a name or a fingerprint: nobody without the pepper can try guesses against it."""
        return hmac.digest(self._digest_key, data, "sha256")

    def sealed(self, answer: bytes, name: bytes) -> bytes:
        """The answer encrypted, good under this name alone."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, answer, name)

    def opened(self, sealed: bytes, name: bytes) -> bytes:
        """The answer; cryptography.exceptions.InvalidTag where it was sealed otherwise."""
        return self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], name)


def _derived(pepper: bytes, use: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=use).derive(pepper)
