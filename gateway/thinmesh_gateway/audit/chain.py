"""The chain: each entry sealed together with the seal before it, under a key that no database holds. Pure.

A writer is one run of one process. Its chain begins with number 0, and whoever lacks the key can neither make an entry nor
change one; what is taken out leaves a gap in the numbers.
"""

from __future__ import annotations

import hmac
from typing import NamedTuple

import msgspec

from thinmesh_gateway.audit.entry import Entry

_PURPOSE = b"thinmesh audit chain"

FIRST = ""
"""What stands in the place of the hash before a chain's first entry."""


class Sealed(msgspec.Struct, frozen=True):
    """An entry in its place. `entry` is its JSON as it was sealed; `previous` and `hash` are hexadecimal."""

    writer: str
    number: int
    previous: str
    entry: msgspec.Raw
    hash: str

    def opened(self) -> Entry:
        """The entry; msgspec.DecodeError where somebody made it one that is none."""
        return msgspec.json.decode(self.entry, type=Entry)


class Found(NamedTuple):
    """What was read at a place; `sealed` is None where that is no entry. `sound`: what is kept beside it says the same."""

    place: str
    sealed: Sealed | None
    sound: bool = True


def key_of(pepper: bytes) -> bytes:
    """The key of the chains of all who share a pepper."""
    return hmac.digest(pepper, _PURPOSE, "sha256")


def authentic(key: bytes, sealed: Sealed) -> bool:
    """Whether it is what a holder of the key wrote."""
    return hmac.compare_digest(_hash(key, sealed.writer, sealed.number, sealed.previous, bytes(sealed.entry)), sealed.hash)


class Chain:
    """One writer's chain, as it grows."""

    def __init__(self, key: bytes, writer: str) -> None:
        self.writer = writer
        self._key = key
        self._number = 0
        self._last = FIRST

    def seal(self, entry: Entry) -> Sealed:
        """Puts an entry at the end."""
        data = msgspec.json.encode(entry)
        sealed = Sealed(
            self.writer,
            self._number,
            self._last,
            msgspec.Raw(data),
            _hash(self._key, self.writer, self._number, self._last, data),
        )
        self._number += 1
        self._last = sealed.hash
        return sealed


def _hash(key: bytes, writer: str, number: int, previous: str, entry: bytes) -> str:
    """Each part but the last is told by its end, so that nothing can move from one to the next."""
    head = msgspec.json.encode((writer, number, previous))
    return hmac.digest(key, head + entry, "sha256").hex()
