"""The access log: a line of JSON on standard error for each call of somebody known, the same that the audit log has of it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress

import msgspec

from thinmesh_core.log_lines import ACCESS
from thinmesh_core.telemetry import LOG_LINES_DROPPED
from thinmesh_gateway.audit.entry import Entry
from thinmesh_gateway.audit.trail import Add

WRITE_SECONDS = 0.5
"""How long a line stays in memory."""

MOST = 20_000
"""Lines that may wait; more are dropped and counted."""

_log = logging.getLogger(ACCESS)


class AccessLog:
    """Takes entries on their way to the audit log; a thread writes them. `on` is whether it does."""

    def __init__(self, add: Add, *, on: bool) -> None:
        self.on = on
        self._add = add
        self._waiting: deque[Entry] = deque()

    def add(self, entry: Entry) -> None:
        """Takes an entry, and passes it on; it waits for nothing."""
        self._add(entry)
        if self.on and entry.tenant and _log.isEnabledFor(logging.INFO):
            if len(self._waiting) < MOST:
                self._waiting.append(entry)
            else:
                LOG_LINES_DROPPED.inc()

    async def follow(self) -> None:
        """Writes for ever."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            if self._waiting:
                await asyncio.to_thread(self.write)

    def write(self) -> None:
        """Writes what waits. It blocks; at a stop the one before it may not have come to its end, and takes its share."""
        with suppress(IndexError):
            while True:
                _log.info("%s", msgspec.json.encode(self._waiting.popleft()).decode())
