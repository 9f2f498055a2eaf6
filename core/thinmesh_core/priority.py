"""Who goes first when not all can: three classes, named as in thinmesh.yaml and in metadata."""

from __future__ import annotations

from enum import IntEnum


class Priority(IntEnum):
    """A call's class; the lower number goes first."""

    CRITICAL = 1
    STANDARD = 2
    BATCH = 3

    @property
    def word(self) -> str:
        """Its name in lower case."""
        return self.name.lower()


PRIORITIES: dict[str, Priority] = {one.word: one for one in Priority}
"""By word."""
