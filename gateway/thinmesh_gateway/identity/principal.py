"""Who calls, and the keys by which a principal is known. Pure; times are seconds since 1970."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(r"[!-~]{1,128}")


def is_name(text: str) -> bool:
    """Whether a principal may have the name, which goes on as metadata: 1 to 128 visible ASCII characters."""
    return _NAME.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Principal:
    """An owner of keys, or the subject of a token, within its tenant; `key` is the id of the key that was sent.

    From `expires` on whatever was sent is worth nothing.
    """

    name: str
    tenant: str
    roles: tuple[str, ...]
    key: str | None = None
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept of a key beside its digest."""

    id: str
    tenant: str
    principal: str
    roles: tuple[str, ...]
    created: int
    expires: int | None = None
    last_used: int | None = None
    revoked: int | None = None

    def active(self, now: float) -> bool:
        """Whether it opens anything."""
        return self.revoked is None and (self.expires is None or self.expires > now)
