"""The audit log of one process: entries are taken without waiting, sealed and written beside the calls."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from thinmesh_core.telemetry import AUDIT_LOST
from thinmesh_gateway.audit import account
from thinmesh_gateway.audit.chain import Chain, Sealed, authentic, key_of
from thinmesh_gateway.audit.entry import Entry
from thinmesh_gateway.audit.lines import Lines
from thinmesh_gateway.audit.outbox import BATCH, Outbox
from thinmesh_gateway.audit.store import AuditStore
from thinmesh_gateway.audit.verify import DATABASE, FILE
from thinmesh_gateway.identity.database import Database
from thinmesh_gateway.pepper import pepper

log = logging.getLogger(__name__)

WRITE_SECONDS = 0.5
"""How long an entry stays in memory alone."""

MOST = 20_000
"""Entries that may be in memory and not sealed yet."""

MOST_OF_STRANGERS = 20
"""Entries of callers that nobody knows, each time that is written; more are told as one, or they would fill the disk."""

MEMORY = "memory"


class AuditLog:
    """A writer with a chain of its own: each run of a process is another one, whose first entry names what it saw last."""

    def __init__(self, state: Path, database: Database, unix: Callable[[], float] = time.time) -> None:
        self._unix = unix
        self._key = key_of(pepper(state))
        self._chain = Chain(self._key, secrets.token_hex(8))
        self._lines = Lines(state)
        self._store = AuditStore(database)
        self._file = Outbox(FILE, self._lines.write)
        self._database = Outbox(DATABASE, self._keep)
        self._taken: list[Entry] = []
        self._lost = 0
        self._strangers = 0
        self._alike: dict[tuple[str, str], int] = {}
        self._taking = threading.Lock()
        self._sealing = threading.Lock()
        self._begun = self._restored = False

    def add(self, entry: Entry) -> None:
        """Takes an entry; it waits for nothing that takes time."""
        with self._taking:
            if not entry.tenant:
                self._strangers += 1
                if self._strangers > MOST_OF_STRANGERS:
                    alike = entry.surface, entry.decision
                    self._alike[alike] = self._alike.get(alike, 0) + 1
                    return
            if len(self._taken) < MOST:
                self._taken.append(entry)
                return
            self._lost += 1
        AUDIT_LOST.labels(MEMORY).inc()

    def troubles(self) -> list[str]:
        """What of the log is not written, for operators."""
        return [one.trouble for one in (self._file, self._database) if one.trouble is not None]

    async def follow(self) -> None:
        """Writes for ever. A database that is gone holds no line back."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_repeated(self.write_lines))
            tasks.create_task(_repeated(self.write_database))

    def write_lines(self) -> None:
        """Seals what was taken, and writes it to the file. It blocks."""
        with self._sealing:
            self._seal()
        self._file.send()

    def write_database(self) -> None:
        """Writes what is sealed to the database. It blocks."""
        self._database.send()

    def close(self) -> None:
        """Writes what is left, and that it ends. It blocks."""
        self.write_lines()
        self.write_database()
        with self._sealing:
            self._seal()
            self._put(account.stopped(self._now()))
        self._file.send()
        if self._database.trouble is None:  # else it is gone still, and the next process gives it what the file has
            self._database.send()

    def _seal(self) -> None:
        """Puts what was taken into the chain, and what is not in it."""
        now = self._now()
        if not self._begun:
            self._begun = True
            self._put(account.started(now, self._last_line()))
        with self._taking:
            taken, self._taken = self._taken, []
            lost, self._lost = self._lost, 0
            alike, self._alike, self._strangers = self._alike, {}, 0
        for entry in taken:
            self._put(entry)
        if lost:
            self._put(account.lost(now, lost))
        for (surface, decision), times in alike.items():
            self._put(Entry(now, surface, "", decision, times=times))
        for box in (self._file, self._database):
            for first, last in box.missed():
                self._put(account.missed(now, box.place, first, last))

    def _put(self, entry: Entry) -> None:
        sealed = self._chain.seal(entry)
        self._file.put(sealed)
        self._database.put(sealed)

    def _last_line(self) -> Sealed | None:
        try:
            return self._lines.last()
        except OSError as error:
            log.warning("the audit log's last line can't be read: %s", error)
            return None

    def _keep(self, batch: Sequence[Sealed]) -> None:
        """Gives the database a batch, after what earlier processes could not."""
        if not self._restored:
            try:
                self._restore()
            except OSError as error:
                log.warning("what earlier processes wrote to the audit log's file can't be read: %s", error)
            self._restored = True
        self._store.add(batch)

    def _restore(self) -> None:
        """Gives the database the ends of chains that the file alone has: their processes were killed, or it was gone."""
        numbers = self._store.last_numbers()
        batch: list[Sealed] = []
        restored = 0
        for _, sealed, _ in self._lines.read(older=1):
            if sealed is None or sealed.writer == self._chain.writer or sealed.number <= numbers.get(sealed.writer, -1):
                continue
            if not authentic(self._key, sealed):
                continue
            batch.append(sealed)
            restored += 1
            if len(batch) == BATCH:
                self._store.add(batch)
                batch = []
        if batch:
            self._store.add(batch)
        if restored:
            log.warning("%d audit entries of earlier processes were in the file alone, and are put in the database", restored)

    def _now(self) -> int:
        return int(self._unix() * 1000)


async def _repeated(write: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(WRITE_SECONDS)
        await asyncio.to_thread(write)
