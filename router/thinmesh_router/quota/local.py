"""Counts of this router alone; those of days and months are kept in a file, so that a restart forgets little."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Self

from thinmesh_core.config import ConfigError
from thinmesh_router.quota.meters import Calendar, Meter, Moment
from thinmesh_router.quota.plan import Subject, made

log = logging.getLogger(__name__)

SAVE_SECONDS = 1.0
"""How often changes are saved: what was granted since is forgotten where the process is killed."""

BUSY_SECONDS = 5.0

_SCHEMA = """
create table if not exists totals (
    router text not null,
    quota text not null,
    window integer not null,
    granted integer not null,
    primary key (router, quota)
) strict
"""
_SAVE = "insert or replace into totals values (?, ?, ?, ?)"

Row = tuple[str, str, int, int]


class LocalCounts:
    """Enter it to go on from what the file `ledger` has of this router, and to save to it; without one nothing is kept."""

    refill = None

    def __init__(self, ledger: Path | None = None, router: str = "") -> None:
        self._ledger = ledger
        self._router = router
        self._totals: dict[str, Calendar] = {}
        self._saved: dict[str, tuple[int, int]] = {}
        self._closing = asyncio.Event()
        self._tasks = asyncio.TaskGroup()

    async def look(self) -> None:
        """All that is known is here."""

    async def __aenter__(self) -> Self:
        """Reads what was saved."""
        await self._tasks.__aenter__()
        if self._ledger is not None:
            try:
                self._saved = await asyncio.to_thread(_read, self._ledger, self._router)
            except sqlite3.Error as error:
                raise ConfigError(f"{self._ledger} can't be used ({error}): move it away, and totals begin anew") from error
            self._tasks.create_task(self._save_on(self._ledger))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Saves the last changes, after what is being saved now: a thread can't be cancelled, and would write over them."""
        self._closing.set()
        await self._tasks.__aexit__(None, None, None)
        if self._ledger is not None:
            await self._save(self._ledger)

    def meter(self, subject: Subject, limit: int) -> Meter:
        """The count of a quota, as far as it was when it was saved."""
        meter = made(subject.measure, limit)
        if isinstance(meter, Calendar):
            name = subject.name
            if name in self._saved:
                meter.restore(*self._saved[name], Moment(time.monotonic(), time.time()))
            self._totals[name] = meter
        return meter

    async def _save_on(self, ledger: Path) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), SAVE_SECONDS)
                return
            await self._save(ledger)

    async def _save(self, ledger: Path) -> None:
        changed = {name: saved for name, meter in self._totals.items() if (saved := meter.saved()) != self._saved.get(name)}
        if not changed:
            return
        try:
            await asyncio.to_thread(_write, ledger, [(self._router, name, *saved) for name, saved in changed.items()])
        except sqlite3.Error as error:
            log.warning("totals of quotas can't be saved to %s: %s", ledger, error)
            return
        self._saved |= changed


def _read(ledger: Path, router: str) -> dict[str, tuple[int, int]]:
    with closing(sqlite3.connect(ledger, timeout=BUSY_SECONDS)) as database, database:
        ledger.chmod(0o600)
        database.execute(_SCHEMA)
        rows = database.execute("select quota, window, granted from totals where router = ?", (router,))
        return {name: (window, granted) for name, window, granted in rows}


def _write(ledger: Path, rows: Sequence[Row]) -> None:
    with closing(sqlite3.connect(ledger, timeout=BUSY_SECONDS)) as database, database:
        database.executemany(_SAVE, rows)
