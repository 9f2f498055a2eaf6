"""Texts that end an answer, found wherever the pieces are cut."""

from __future__ import annotations

from collections.abc import Sequence


class Stops:
    """Lets text through until a stop text begins; the stop text and what follows it are left out."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.hit: str | None = None
        """The stop text that was met."""

    def feed(self, text: str) -> str:
        """What can be let go: all but an end that may begin a stop text."""
        if self.hit is not None or not self._stops:
            return "" if self.hit is not None else text
        self._held += text
        found = [(at, stop) for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            at, self.hit = min(found)
            said, self._held = self._held[:at], ""
            return said
        keep = max(overlap(self._held, stop) for stop in self._stops)
        said, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return said

    def end(self) -> str:
        """What was held back, and begins no stop text after all."""
        said, self._held = self._held, ""
        return said


def overlap(text: str, mark: str) -> int:
    """How many characters at the end of `text` begin `mark` without being all of it."""
    for length in range(min(len(text), len(mark) - 1), 0, -1):
        if mark.startswith(text[-length:]):
            return length
    return 0
