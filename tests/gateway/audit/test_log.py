"""The log of a process, on the way to its file and its database, either of which may be gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.audit import log as audit_log
from thinmesh_gateway.audit.chain import key_of
from thinmesh_gateway.audit.entry import Entry
from thinmesh_gateway.audit.lines import Lines
from thinmesh_gateway.audit.log import AuditLog
from thinmesh_gateway.audit.store import AuditStore
from thinmesh_gateway.audit.verify import YOUNG_MS, Report, verify
from thinmesh_gateway.identity.database import Database
from thinmesh_gateway.json_lines import JsonLines
from thinmesh_gateway.keys import KeyStore
from thinmesh_gateway.pepper import pepper

NOW = 1000.0

Begin = Callable[[], AuditLog]


@pytest.fixture
def begin(store: KeyStore, state: Path) -> Begin:
    """Begins the log of another process."""
    return lambda: AuditLog(state, store.database, lambda: NOW)


def call(number: int = 0, tenant: str = "t") -> Entry:
    return Entry(int(NOW * 1000), "rest", f"call {number}", "ALLOWED" if tenant else "INVALID_KEY", tenant=tenant)


def told(found: Any) -> list[tuple[str, int]]:
    """Operations and how often."""
    return [(entry.operation, entry.times) for entry in (one.sealed.opened() for one in found)]


def check(store: KeyStore, state: Path) -> Report:
    """Both places, long after."""
    found, lines = AuditStore(store.database).read(), Lines(state).read()
    return verify(key_of(pepper(state)), found, lines, int(NOW * 1000) + YOUNG_MS)


@contextmanager
def gone(what: type[Database | JsonLines], *names: str) -> Iterator[None]:
    """Makes a place unreachable."""

    def refuse(*_: object) -> None:
        lost = OSError("no route to host")
        raise (lost if what is JsonLines else MeshError(Reason.IDENTITY_UNAVAILABLE, "gone")) from lost

    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(what, name, refuse)
        yield


def test_both_places_have_every_entry_between_a_start_and_a_stop(begin: Begin, store: KeyStore, state: Path) -> None:
    for _ in range(2):
        log = begin()
        log.add(call(1))
        log.write_lines()
        log.write_database()
        log.add(call(2))
        log.close()
    wanted = [("start", 1), ("call 1", 1), ("call 2", 1), ("stop", 1)] * 2
    assert told(Lines(state).read()) == told(AuditStore(store.database).read()) == wanted
    report = check(store, state)
    assert (report.faults, report.notes) == ([], [])


def test_without_the_database_the_lines_go_on_and_it_has_them_later(begin: Begin, store: KeyStore, state: Path) -> None:
    log = begin()
    with gone(Database, "reading", "changing"):
        log.add(call(1))
        log.write_lines()
        log.write_database()
        assert told(Lines(state).read()) == [("start", 1), ("call 1", 1)]
        assert "can't be written to the database" in log.troubles()[0]
    log.close()
    assert log.troubles() == []
    assert check(store, state).faults == []


def test_without_the_file_the_database_goes_on(begin: Begin, store: KeyStore, state: Path) -> None:
    log = begin()
    with gone(JsonLines, "locked"):
        log.add(call(1))
        log.write_lines()
        log.write_database()
        assert told(AuditStore(store.database).read()) == [("start", 1), ("call 1", 1)]
        assert "can't be written to the file" in log.troubles()[0]
    log.close()
    assert check(store, state).faults == []


def test_what_the_database_never_gets_is_told_by_the_log_itself(begin: Begin, store: KeyStore, state: Path) -> None:
    log = begin()
    log._database._most = 3
    with gone(Database, "changing"):
        for number in range(5):
            log.add(call(number))
        log.write_lines()
        log.write_database()
    log.close()
    kept = told(AuditStore(store.database).read())
    assert kept == [("start", 1), ("call 0", 1), ("call 1", 1), ("missed", 3), ("stop", 1)]
    assert check(store, state).faults == []


def test_more_than_memory_holds_is_counted_in_the_chain(begin: Begin, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "MOST", 2)
    log = begin()
    for number in range(5):
        log.add(call(number))
    log.close()
    assert told(Lines(state).read())[1:] == [("call 0", 1), ("call 1", 1), ("lost", 3), ("stop", 1)]


def test_strangers_are_told_as_one_where_there_are_many(begin: Begin, state: Path) -> None:
    log = begin()
    for _ in range(2):
        for _ in range(10_000):
            log.add(call(tenant=""))
        log.add(call(1))
        log.write_lines()
    each = [*[("call 0", 1)] * audit_log.MOST_OF_STRANGERS, ("call 1", 1), ("", 10_000 - audit_log.MOST_OF_STRANGERS)]
    assert told(Lines(state).read()) == [("start", 1), *each, *each]


def test_what_a_killed_process_left_in_the_file_alone_is_put_in_the_database(
    begin: Begin, store: KeyStore, state: Path
) -> None:
    killed = begin()
    killed.add(call(1))
    killed.write_lines()
    killed.write_database()
    killed.add(call(2))
    killed.write_lines()
    (fault,) = check(store, state).faults
    assert fault.startswith("database: entries 2 to 2 of writer ")
    begin().close()
    report = check(store, state)
    assert (report.faults, len(report.notes)) == ([], 1)


async def test_it_follows_until_it_is_cancelled(
    begin: Begin, store: KeyStore, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "WRITE_SECONDS", 0.01)
    log = begin()
    following = asyncio.create_task(log.follow())
    log.add(call(1))
    async with asyncio.timeout(10):
        while len(list(AuditStore(store.database).read())) < 2:
            await asyncio.sleep(0.01)
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    await asyncio.to_thread(log.close)
    assert check(store, state).faults == []
