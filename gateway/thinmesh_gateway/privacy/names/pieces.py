"""Texts in portions that a tagger answers in time: long ones are cut at line ends. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

MOST_CHARACTERS = 16 * 1024
"""Of one portion; in Korean's three bytes below 64 KiB."""


class Piece(NamedTuple):
    """A part of a text: of which, and where it begins."""

    of: int
    start: int
    text: str


def portions(texts: Iterable[str]) -> Iterator[list[Piece]]:
    """All of the texts, in order."""
    portion: list[Piece] = []
    room = MOST_CHARACTERS
    for piece in _pieces(texts):
        if len(piece.text) > room:
            yield portion
            portion, room = [], MOST_CHARACTERS
        portion.append(piece)
        room -= len(piece.text)
    if portion:
        yield portion


def _pieces(texts: Iterable[str]) -> Iterator[Piece]:
    for index, text in enumerate(texts):
        start = 0
        while start < len(text):
            end = _cut(text, start)
            yield Piece(index, start, text[start:end])
            start = end


def _cut(text: str, start: int) -> int:
    """Where a piece ends: behind a line, else behind a word, else anywhere."""
    limit = start + MOST_CHARACTERS
    if limit >= len(text):
        return len(text)
    for mark in "\n ":
        if (at := text.rfind(mark, start, limit)) >= 0:
            return at + 1
    return limit
