"""Signing as Standard Webhooks has it: HMAC-SHA256 over id, time and body. Pure but for `new_secret`."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

PREFIX = "whsec_"
MIN_BYTES, MAX_BYTES = 24, 64


@dataclass(frozen=True, slots=True)
class Secret:
    """What a receiver knows too."""

    key: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """A secret as it is written; ValueError, which does not repeat it, where it is none."""
        try:
            key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not text.startswith(PREFIX) or not MIN_BYTES <= len(key) <= MAX_BYTES:
            raise ValueError(f"a secret is {PREFIX} and {MIN_BYTES} to {MAX_BYTES} bytes as base64")
        return cls(key)

    def sign(self, event_id: str, seconds: int, body: bytes) -> str:
        """The signature of one attempt."""
        digest = hmac.digest(self.key, f"{event_id}.{seconds}.".encode() + body, "sha256")
        return f"v1,{base64.b64encode(digest).decode()}"


def signed(keys: Sequence[Secret], event_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """The headers of an attempt; with several secrets, of which the receiver knows one, there are as many signatures."""
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(key.sign(event_id, seconds, body) for key in keys),
    }


def new_secret() -> str:
    """A secret that nobody has had."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
