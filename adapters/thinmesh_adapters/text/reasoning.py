"""What a model thinks, told apart from what it says."""

from __future__ import annotations

from typing import NamedTuple

from thinmesh_adapters.text.stops import overlap

OPEN, CLOSE = "<think>", "</think>"


class Split(NamedTuple):
    """A piece of an answer: what is thought, and what is said."""

    reasoning: str
    text: str


class Reasoning:
    """Splits an answer at its think tags, wherever they are cut; `inside` where the template has opened the tag already.

    Whitespace behind a tag, and before the closing one, belongs to the tag.
    """

    def __init__(self, *, inside: bool = False) -> None:
        self._inside = inside
        self._trim = inside
        self._held = ""

    def feed(self, text: str) -> Split:
        """What can be let go: all but an end that may begin a tag."""
        self._held += text
        pieces = {True: "", False: ""}
        while True:
            tag = CLOSE if self._inside else OPEN
            passed, found, rest = self._held.partition(tag)
            if not found:
                break
            pieces[self._inside] += self._trimmed(passed.rstrip() if self._inside else passed)
            self._inside, self._trim, self._held = not self._inside, True, rest
        passed = self._held[: len(self._held) - overlap(self._held, tag)]
        if self._inside:
            passed = passed.rstrip()
        self._held = self._held[len(passed) :]
        pieces[self._inside] += self._trimmed(passed)
        return Split(pieces[True], pieces[False])

    def end(self) -> Split:
        """What was held back, and begins no tag after all."""
        held, self._held = self._held, ""
        return Split(held, "") if self._inside else Split("", self._trimmed(held))

    def _trimmed(self, text: str) -> str:
        if self._trim:
            text = text.lstrip()
            self._trim = not text
        return text
