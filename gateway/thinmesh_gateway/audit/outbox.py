"""Sealed entries on their way to one place: in order, bounded, and waiting while that is gone."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

from thinmesh_core.errors import MeshError
from thinmesh_core.telemetry import AUDIT_LOST
from thinmesh_gateway.audit.chain import Sealed
from thinmesh_gateway.identity.database import cause

log = logging.getLogger(__name__)

BATCH = 500
"""The most that is written at once."""

MOST = 20_000
"""The most that may wait."""


class Outbox:
    """Where the place has been gone for too long, what comes is dropped, counted, and told in `missed` once it is back."""

    def __init__(self, place: str, write: Callable[[Sequence[Sealed]], None], most: int = MOST) -> None:
        self.place = place
        self.trouble: str | None = None
        self._write = write
        self._most = most
        self._waiting: deque[Sealed] = deque()
        self._missed: list[tuple[int, int]] = []
        self._sending = threading.Lock()

    def put(self, sealed: Sealed) -> None:
        """Takes one more, unless too many wait."""
        if len(self._waiting) < self._most:
            self._waiting.append(sealed)
            return
        AUDIT_LOST.labels(self.place).inc()
        if self._missed and self._missed[-1][1] == sealed.number - 1:
            self._missed[-1] = (self._missed[-1][0], sealed.number)
        else:
            self._missed.append((sealed.number, sealed.number))

    def send(self) -> None:
        """Writes what waits, until that is nothing or the place is gone. It blocks."""
        with self._sending:
            while self._waiting:
                batch = list(islice(self._waiting, BATCH))
                try:
                    self._write(batch)
                except (MeshError, OSError) as error:
                    self._lost(cause(error) if isinstance(error, MeshError) else str(error))
                    return
                for _ in batch:
                    self._waiting.popleft()
            if self.trouble is not None:
                log.warning("the audit log is written to the %s again", self.place)
            self.trouble = None

    def missed(self) -> list[tuple[int, int]]:
        """The first and last numbers of what the place will never have, told once; nothing while it is gone."""
        if not self._missed or self.trouble is not None or len(self._waiting) >= self._most:
            return []
        missed, self._missed = self._missed, []
        return missed

    def _lost(self, why: str) -> None:
        trouble = f"the audit log can't be written to the {self.place}, entries wait: {why}"
        if trouble != self.trouble:
            log.warning("%s", trouble)
        self.trouble = trouble
