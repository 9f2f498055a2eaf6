"""How much of requests a server holds at once: what many callers send together must not be more than its memory. Pure."""

from __future__ import annotations

from thinmesh_core.errors import MeshError, Reason

MAX_HELD_BYTES = 128 * 1024 * 1024
"""32 bodies of the largest kind, or some ten thousand usual ones; what is made of a body is about as large again."""


class Intake:
    """Room for bodies, taken as their bytes come and given back when their calls end."""

    __slots__ = ("_left",)

    def __init__(self, most: int = MAX_HELD_BYTES) -> None:
        self._left = most

    def take(self, size: int) -> None:
        """Takes room for so many bytes; OVERLOADED where there is none."""
        if size > self._left:
            raise MeshError(Reason.OVERLOADED, "The server holds as many requests as it can; try again shortly.", retry_after=1)
        self._left -= size

    def give(self, size: int) -> None:
        """Gives it back."""
        self._left += size
