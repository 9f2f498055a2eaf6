"""Which placeholder stands for which value in one call. It is never kept, and dies with the call. Pure."""

from __future__ import annotations

import re

from thinmesh_core.errors import invalid

LAST = 99_999
"""Placeholders of one entity in one call; more are refused."""

_LONGEST = 26
"""Characters of a placeholder at most."""

_LOOK_ALIKE = re.compile(r"<<[A-Z][A-Z0-9_]{0,15}_[0-9]{1,5}>>")


class Vault:
    """Hands out placeholders, the same for the same value, and none that the caller wrote itself."""

    __slots__ = ("_last", "_placeholders", "_taken", "_values")

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._last: dict[str, int] = {}
        self._placeholders: dict[tuple[str, str], str] = {}
        self._values: dict[str, str] = {}

    def avoid(self, text: str) -> str:
        """Never hands out what a text of the caller already has; it would come back as somebody's number.

        What it gives must stand before the text's next piece.
        """
        if "<<" in text:
            self._taken.update(_LOOK_ALIKE.findall(text))
        return text[-_LONGEST:]

    def placeholder(self, kind: str, value: str, *, reversible: bool) -> str:
        """What stands for a value, exactly as it is written; INVALID_REQUEST where there are too many."""
        known = self._placeholders.get((kind, value))
        if known is not None:
            return known
        number = self._last.get(kind, 0) + 1
        while (placeholder := f"<<{kind.upper()}_{number}>>") in self._taken:
            number += 1
        if number > LAST:
            raise invalid("input", f"The request holds more than {LAST} different values of one kind that must be masked.")
        self._last[kind] = number
        self._placeholders[kind, value] = placeholder
        if reversible:
            self._values[placeholder] = value
        return placeholder

    def restored(self, placeholder: str) -> str:
        """The value that it stands for, or itself where this vault did not hand it out to be restored."""
        return self._values.get(placeholder, placeholder)
