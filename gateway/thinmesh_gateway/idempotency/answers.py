"""Answers by name, for a time and up to a size. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

OVERHEAD_BYTES = 256
"""What an entry costs beside its answer, about."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer, the fingerprint of the request it was made for, and until when it is good: seconds, monotonic."""

    fingerprint: bytes
    answer: bytes
    until: float

    @property
    def size(self) -> int:
        """What it takes of the bound."""
        return len(self.answer) + OVERHEAD_BYTES


class Answers:
    """At most `max_bytes` of answers, each for `window` seconds; what was used longest ago goes first."""

    def __init__(self, window: float, max_bytes: int) -> None:
        self._window = window
        self._max_bytes = max_bytes
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()
        self.bytes = 0
        """What all of them take."""

    def __len__(self) -> int:
        """How many are kept, also those that are over and were not asked for since."""
        return len(self._kept)

    def find(self, name: bytes, now: float) -> Kept | None:
        """What is kept under the name, and good."""
        kept = self._kept.get(name)
        if kept is None:
            return None
        if kept.until <= now:
            self._drop(name)
            return None
        self._kept.move_to_end(name)
        return kept

    def keep(self, name: bytes, fingerprint: bytes, answer: bytes, now: float) -> None:
        """Keeps an answer; one that is larger than the bound is not kept."""
        if name in self._kept:
            self._drop(name)
        kept = Kept(fingerprint, answer, now + self._window)
        if kept.size > self._max_bytes:
            return
        self._kept[name] = kept
        self.bytes += kept.size
        while self.bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, name: bytes) -> None:
        self.bytes -= self._kept.pop(name).size
