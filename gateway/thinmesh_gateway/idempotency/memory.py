"""Answers kept in this process."""

from __future__ import annotations

from collections.abc import Callable

from thinmesh_gateway.idempotency.answers import Answers
from thinmesh_gateway.idempotency.key import conflict


class MemoryStore:
    """Answers of one gateway process; `clock` gives seconds, monotonic. Nobody else makes any, so nothing is claimed."""

    def __init__(self, answers: Answers, clock: Callable[[], float]) -> None:
        self._answers = answers
        self._clock = clock

    async def claim(self, name: bytes, fingerprint: bytes) -> bytes | None:
        """The answer kept under the name."""
        kept = self._answers.find(name, self._clock())
        if kept is None:
            return None
        if kept.fingerprint != fingerprint:
            raise conflict()
        return kept.answer

    async def keep(self, name: bytes, fingerprint: bytes, answer: bytes) -> None:
        """Keeps the answer."""
        self._answers.keep(name, fingerprint, answer, self._clock())

    async def free(self, name: bytes) -> None:
        """Nothing to do."""

    async def follow(self) -> None:
        """Nothing to do."""

    async def aclose(self) -> None:
        """Nothing to do."""
