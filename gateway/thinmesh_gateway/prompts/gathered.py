"""Texts of a call, gathered as they come, up to so many characters; redacted later and elsewhere. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from thinmesh_gateway.guardrails.contract import Kind
from thinmesh_gateway.prompts.redaction import Redaction


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """A text, and where it stands; in an answer of which choice. `cut`: more was said than is kept."""

    kind: Kind
    text: str
    choice: int = 0
    cut: bool = False


@dataclass(slots=True)
class _Kept:
    json: bool
    pieces: list[str] = field(default_factory=list)
    cut: bool = False


class Gathered:
    """Each text by its choice, its kind and its number beside others of that kind."""

    __slots__ = ("_left", "_most", "_texts")

    def __init__(self, most: int) -> None:
        self._most = self._left = most
        self._texts: dict[tuple[int, Kind, int], _Kept] = {}

    @property
    def characters(self) -> int:
        """How many are kept."""
        return self._most - self._left

    def add(self, choice: int, kind: Kind, number: int, text: str, *, json: bool = False) -> None:
        """Takes a piece, or what there is room for."""
        kept = self._texts.get((choice, kind, number))
        if kept is None:
            kept = self._texts[choice, kind, number] = _Kept(json)
        if kept.cut:
            return
        kept.cut = len(text) > self._left
        kept.pieces.append(text[: self._left])
        self._left -= len(kept.pieces[-1])

    def join(self) -> None:
        """Makes one string of each text's pieces, a tenth of the memory; nothing may be added any more."""
        for kept in self._texts.values():
            kept.pieces = ["".join(kept.pieces)]

    def redacted(self, redaction: Redaction) -> list[Said]:
        """All of it, masked."""
        return [
            Said(kind, redaction.redacted("".join(kept.pieces), json=kept.json, cut=kept.cut), choice, kept.cut)
            for (choice, kind, _), kept in self._texts.items()
        ]
