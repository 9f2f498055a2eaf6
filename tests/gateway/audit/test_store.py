"""The table of the audit log, on SQLite and on PostgreSQL: entries are added, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from thinmesh_core.errors import MeshError
from thinmesh_gateway.audit.chain import Chain, Sealed
from thinmesh_gateway.audit.entry import Entry
from thinmesh_gateway.audit.store import AuditStore
from thinmesh_gateway.keys import KeyStore


@pytest.fixture
def log(store: KeyStore) -> AuditStore:
    return AuditStore(store.database)


def entries(count: int, writer: str = "w", tenant: str = "t") -> list[Sealed]:
    chain = Chain(b"key", writer)
    return [chain.seal(Entry(number, "rest", "한국어 \x00 'quoted'", "ALLOWED", tenant=tenant)) for number in range(count)]


def test_what_is_added_is_read_byte_for_byte(log: AuditStore) -> None:
    added = [*entries(1200, "a"), *entries(3, "b")]
    for start in range(0, len(added), 500):
        log.add(added[start : start + 500])
    assert [(found.sealed, found.sound) for found in log.read()] == [(one, True) for one in added]
    assert log.last_numbers() == {"a": 1199, "b": 2}


def test_a_batch_that_is_added_twice_is_there_once(log: AuditStore) -> None:
    added = entries(5)
    log.add(added[:3])
    log.add(added)
    assert [found.sealed for found in log.read()] == added


def test_the_newest_are_found_by_tenant_and_time(log: AuditStore) -> None:
    mine, theirs = entries(10, "a"), entries(10, "b", "other")
    log.add([*mine, *theirs])

    def newest(*chosen: Any, **more: Any) -> list[Sealed]:
        return [sealed for _, sealed in log.newest(*chosen, **more)]

    assert newest(3, "t") == mine[:-4:-1]
    assert newest(100, "t", since_ms=8) == mine[:7:-1]
    assert newest(4) == [theirs[9], mine[9], theirs[8], mine[8]]


def test_pages_have_every_entry_once(log: AuditStore) -> None:
    log.add([*entries(10, "a"), *entries(10, "b")])
    pages, before = [], None
    while page := log.newest(3, before=before):
        pages += page
        before = page[-1][0]
    assert pages == log.newest(100)
    assert len(pages) == 20


@pytest.mark.parametrize(
    "statement",
    [
        "update audit set entry = '{}'",
        "delete from audit",
        "delete from audit where number = 1",
        "truncate audit",
        "insert or replace into audit select writer, number, unix_ms, tenant, previous, '{}', hash from audit",
    ],
)
def test_the_database_itself_refuses_to_forget(log: AuditStore, store: KeyStore, statement: str) -> None:
    added = entries(3)
    log.add(added)
    try:
        with store.database.changing() as database:
            database.execute(text(statement))
    except MeshError as error:
        assert isinstance(error.__cause__, SQLAlchemyError)
    assert [found.sealed for found in log.read()] == added


def test_a_row_that_says_another_thing_than_its_entry_is_found(log: AuditStore, store: KeyStore) -> None:
    log.add(entries(2))
    with store.database.changing() as database:
        sqlite = database.dialect.name == "sqlite"
        database.execute(text("drop trigger audit_unchanged" if sqlite else "drop trigger audit_kept on audit"))
        database.execute(text("update audit set tenant = 'another' where number = 0"))
        database.execute(text("update audit set entry = 'none' where number = 1"))
    assert [found.sound for found in log.read()] == [False, False]
