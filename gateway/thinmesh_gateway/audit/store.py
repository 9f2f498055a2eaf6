"""The audit log in the database of keys. The database itself refuses that an entry is changed or removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row, Select, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from thinmesh_gateway.audit.chain import Found, Sealed
from thinmesh_gateway.audit.entry import Entry
from thinmesh_gateway.identity.database import Database
from thinmesh_gateway.identity.tables import AUDIT

_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}

DAY_MS = 86_400_000

_FETCHED = 1000
"""Rows that are read at once."""


class Place(NamedTuple):
    """Where an entry stands among those of all writers, by time."""

    unix_ms: int
    writer: str
    number: int


class Used(NamedTuple):
    """What a tenant used of a model, as it was asked for, in a day of UTC, counted from 1970."""

    tenant: str
    model: str
    day: int
    calls: int
    input_tokens: int
    output_tokens: int


class AuditStore:
    """The table. It blocks: never call it on the loop. IDENTITY_UNAVAILABLE where the database is gone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, batch: Sequence[Sealed]) -> None:
        """Appends entries; those that are there already stay as they are."""
        with self._database.changing() as database:
            insert = _INSERTS[database.dialect.name](AUDIT).on_conflict_do_nothing()
            database.execute(insert, [_row(one) for one in batch])

    def last_numbers(self) -> dict[str, int]:
        """The last number of every writer."""
        with self._database.reading() as database:
            grouped = select(AUDIT.c.writer, func.max(AUDIT.c.number).label("number")).group_by(AUDIT.c.writer)
            return {row.writer: row.number for row in database.execute(grouped)}

    def read(self) -> Iterator[Found]:
        """Every entry, writer by writer."""
        for row in self._rows(select(AUDIT).order_by(AUDIT.c.writer, AUDIT.c.number)):
            sealed = _sealed(row)
            yield Found(f"database, writer {row.writer} number {row.number}", sealed, _agrees(row, sealed))

    def newest(
        self,
        most: int,
        tenant: str | None = None,
        since_ms: int | None = None,
        before: Place | None = None,
        request_id: str | None = None,
    ) -> list[tuple[Place, Sealed]]:
        """Entries with their places, newest first, of all, of a tenant or of one call; only those `before` a place."""
        place = (AUDIT.c.unix_ms, AUDIT.c.writer, AUDIT.c.number)
        chosen = select(AUDIT).order_by(*(column.desc() for column in place)).limit(most)
        if tenant is not None:
            chosen = chosen.where(AUDIT.c.tenant == tenant)
        if since_ms is not None:
            chosen = chosen.where(AUDIT.c.unix_ms >= since_ms)
        if request_id is not None:
            chosen = chosen.where(AUDIT.c.request_id == request_id)
        if before is not None:
            chosen = chosen.where(tuple_(*place) < tuple_(*before))
        return [(Place(row.unix_ms, row.writer, row.number), _sealed(row)) for row in self._rows(chosen)]

    def used(self, since_ms: int, until_ms: int, tenant: str | None = None) -> list[Used]:
        """What was used from then on, until then, by all or by a tenant."""
        given, made = AUDIT.c.input_tokens, AUDIT.c.output_tokens
        of = (AUDIT.c.tenant, AUDIT.c.model, (AUDIT.c.unix_ms // DAY_MS).label("day"))
        sums = (func.count().label("calls"), func.sum(given).label("given"), func.sum(made).label("made"))
        chosen = select(*of, *sums).where(given.is_not(None), since_ms <= AUDIT.c.unix_ms, AUDIT.c.unix_ms < until_ms)
        if tenant is not None:
            chosen = chosen.where(AUDIT.c.tenant == tenant)
        found = self._rows(chosen.group_by(*of).order_by(*of))
        return [Used(row.tenant, row.model, row.day, row.calls, int(row.given), int(row.made)) for row in found]

    def _rows(self, chosen: Select[Any]) -> Iterator[Row[Any]]:
        with self._database.reading() as database:
            yield from database.execution_options(yield_per=_FETCHED).execute(chosen)


def _row(sealed: Sealed) -> dict[str, Any]:
    entry = sealed.opened()
    return {
        "writer": sealed.writer,
        "number": sealed.number,
        "unix_ms": entry.unix_ms,
        "tenant": entry.tenant,
        "previous": sealed.previous,
        "entry": bytes(sealed.entry).decode(),
        "hash": sealed.hash,
        **_searched(entry),
    }


def _searched(entry: Entry) -> dict[str, Any]:
    used = bool(entry.backend or entry.output_tokens)
    return {
        "request_id": entry.request_id,
        "model": entry.model,
        "input_tokens": entry.input_tokens if used else None,
        "output_tokens": entry.output_tokens if used else None,
    }


def _sealed(row: Row[Any]) -> Sealed:
    return Sealed(row.writer, row.number, row.previous, msgspec.Raw(row.entry.encode()), row.hash)


def _agrees(row: Row[Any], sealed: Sealed) -> bool:
    """Whether what is searched by is what was sealed."""
    try:
        entry = sealed.opened()
    except msgspec.DecodeError:
        return False
    if (row.tenant, row.unix_ms) != (entry.tenant, entry.unix_ms):
        return False
    before = row.request_id is None and not entry.total_ms
    return before or all(getattr(row, name) == value for name, value in _searched(entry).items())
