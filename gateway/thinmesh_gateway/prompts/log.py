"""The log of prompts of one process: records are taken without waiting, redacted and written beside the calls."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from pathlib import Path

from thinmesh_core.telemetry import PROMPTS_DROPPED
from thinmesh_gateway.prompts.file import PromptsFile
from thinmesh_gateway.prompts.record import Record

log = logging.getLogger(__name__)

WRITE_SECONDS = 0.5
"""How long a record stays in memory."""

MOST_CHARACTERS = 8 << 20
"""The most that may wait, of all records together."""

MOST_RECORDS = 10_000

BATCH = 100
"""The most that is written at once."""


class PromptsLog:
    """A record for which there is no room, or no disk, is dropped and counted: no call waits for this log, or fails for it."""

    def __init__(self, state: Path, most_characters: int = MOST_CHARACTERS) -> None:
        self.trouble: str | None = None
        self._file = PromptsFile(state)
        self._most = most_characters
        self._waiting: deque[Record] = deque()
        self._characters = 0
        self._writing = threading.Lock()

    def take(self, record: Record) -> None:
        """Takes a record; it waits for nothing. For the event loop's thread alone."""
        if self._characters + record.characters > self._most or len(self._waiting) >= MOST_RECORDS:
            PROMPTS_DROPPED.inc()
            return
        self._characters += record.characters
        self._waiting.append(record)

    async def follow(self) -> None:
        """Writes for ever."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            while self._waiting:
                await self._write_some()

    async def aclose(self) -> None:
        """Writes what is left."""
        while self._waiting:
            await self._write_some()

    async def _write_some(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        try:
            await asyncio.to_thread(self._write, batch)
        finally:
            self._characters -= sum(record.characters for record in batch)

    def _write(self, batch: list[Record]) -> None:
        with self._writing:
            try:
                self._file.write([record.line() for record in batch])
            except Exception as error:  # noqa: BLE001  # a text that masking can't bear must not end the process, or be told
                PROMPTS_DROPPED.inc(len(batch))
                why = error.strerror if isinstance(error, OSError) else type(error).__name__
                trouble = f"the log of prompts can't be written, calls are missing in it: {why}"
                if trouble != self.trouble:
                    log.warning("%s", trouble)
                self.trouble = trouble
            else:
                self.trouble = None
