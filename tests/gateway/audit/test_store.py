"""The table of the audit log, on SQLite and on PostgreSQL: entries are added, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from thinmesh_core.errors import MeshError
from thinmesh_gateway.audit.chain import Chain, Sealed
from thinmesh_gateway.audit.entry import Entry
from thinmesh_gateway.audit.store import DAY_MS, AuditStore, Used
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


def call(unix_ms: int, request_id: str, model: str = "m", tenant: str = "t", **more: Any) -> Entry:
    return Entry(unix_ms, "rest", "o", "ALLOWED", tenant=tenant, model=model, request_id=request_id, total_ms=1.5, **more)


def test_a_call_is_found_by_its_request_id(log: AuditStore) -> None:
    chain = Chain(b"key", "w")
    log.add([chain.seal(call(number, f"r-{number % 3}", tenant="ab"[number % 2])) for number in range(6)])
    found = [sealed.opened().unix_ms for _, sealed in log.newest(10, request_id="r-1")]
    assert found == [4, 1]
    assert [sealed.opened().unix_ms for _, sealed in log.newest(10, "b", request_id="r-1")] == [1]
    assert log.newest(10, request_id="r-9") == []


def test_what_was_used_is_summed_by_tenant_model_and_day(log: AuditStore) -> None:
    chain = Chain(b"key", "w")
    served: dict[str, Any] = {"backend": "b", "input_tokens": 10, "output_tokens": 2}
    log.add(
        [
            chain.seal(call(DAY_MS - 1, "r", **served)),
            chain.seal(call(DAY_MS, "r", **served)),
            chain.seal(call(DAY_MS + 1, "r", input_tokens=3, output_tokens=1)),  # its caller left
            chain.seal(call(DAY_MS + 2, "r", "other", "u", **served)),
            chain.seal(call(DAY_MS + 3, "r")),  # it was refused
            chain.seal(call(2 * DAY_MS, "r", **served)),
        ]
    )
    assert log.used(0, 2 * DAY_MS) == [
        Used("t", "m", 0, 1, 10, 2),
        Used("t", "m", 1, 2, 13, 3),
        Used("u", "other", 1, 1, 10, 2),
    ]
    assert log.used(0, 2 * DAY_MS, "u") == [Used("u", "other", 1, 1, 10, 2)]


@pytest.mark.parametrize("column", ["request_id = 'other'", "model = null", "input_tokens = 0", "output_tokens = null"])
def test_what_a_row_is_searched_by_is_what_was_sealed(log: AuditStore, store: KeyStore, column: str) -> None:
    log.add([Chain(b"key", "w").seal(call(1, "r", backend="b", input_tokens=10, output_tokens=2))])
    assert [found.sound for found in log.read()] == [True]
    with store.database.changing() as database:
        drop = "drop trigger audit_unchanged" if database.dialect.name == "sqlite" else "drop trigger audit_kept on audit"
        database.execute(text(drop))
        database.execute(text(f"update audit set {column}"))  # the test's own
    assert [found.sound for found in log.read()] == [False]


def test_entries_of_before_are_sound_without_what_they_had_not(log: AuditStore, store: KeyStore) -> None:
    old = Chain(b"key", "w").seal(Entry(1, "rest", "o", "ALLOWED", tenant="t", model="m", request_id="r"))
    columns = "writer, number, unix_ms, tenant, previous, entry, hash"
    row = {"writer": "w", "number": 0, "previous": "", "entry": bytes(old.entry).decode(), "hash": old.hash}
    with store.database.changing() as database:
        values = ":writer, :number, 1, 't', :previous, :entry, :hash"
        database.execute(text(f"insert into audit ({columns}) values ({values})"), row)  # the test's own
    assert [found.sound for found in log.read()] == [True]
    assert log.used(0, DAY_MS) == []


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
