"""The store of keys, on SQLite and on PostgreSQL."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.identity.database import cause
from thinmesh_gateway.identity.key import id_of
from thinmesh_gateway.identity.principal import Principal
from thinmesh_gateway.keys import ACTIVE_KEYS, KeyStore

OLD_SCHEMA = """
create table if not exists keys (
    id text primary key,
    tenant text not null,
    digest blob not null unique,
    created_unix_seconds integer not null
) strict
"""


def holder(store: KeyStore, key: str, now: float) -> Principal | None:
    return store.read(now).get(store.digest(key))


def test_a_key_has_a_holder_until_it_expires(store: KeyStore) -> None:
    key = store.create("t", 100, principal="alice", roles=("user", "auditor"), expires=200)
    assert holder(store, key, 199) == Principal("alice", "t", ("user", "auditor"), id_of(key), 200)
    assert holder(store, key, 200) is None


def test_a_key_without_a_principal_is_its_own(store: KeyStore) -> None:
    key = store.create("t", 100)
    assert holder(store, key, 100) == Principal(id_of(key), "t", ("user",), id_of(key))


def test_a_principal_has_two_active_keys_at_most_and_others_are_not_counted(store: KeyStore) -> None:
    first, second = (store.create("t", 100, principal="alice") for _ in range(ACTIVE_KEYS))
    for _ in range(ACTIVE_KEYS):
        store.create("other", 100, principal="alice")
    with pytest.raises(MeshError, match="2 active keys"):
        store.create("t", 100, principal="alice")
    assert store.revoke(id_of(first), 101).revoked == 101
    third = store.create("t", 102, principal="alice", expires=200)
    assert [holder(store, key, 102) is not None for key in (first, second, third)] == [False, True, True]
    store.create("t", 200, principal="alice")  # the third has expired


def test_many_at_once_still_make_two(store: KeyStore) -> None:
    def attempt(_: int) -> bool:
        try:
            store.create("t", 100, principal="alice")
        except MeshError as error:
            assert error.reason is Reason.INVALID_REQUEST
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(attempt, range(6))) == ACTIVE_KEYS


def test_rotation_makes_an_equal_key_and_ends_the_old_one_later(store: KeyStore) -> None:
    old = store.create("t", 100, principal="alice", roles=("auditor",), expires=5000)
    new = store.rotate(id_of(old), 200, overlap=60)
    assert holder(store, new, 200) == Principal("alice", "t", ("auditor",), id_of(new), 5000)
    assert [holder(store, old, now) is not None for now in (259, 260)] == [True, False]
    with pytest.raises(MeshError, match="2 active keys"):
        store.rotate(id_of(new), 210, overlap=60)
    with pytest.raises(MeshError, match="expired"):
        store.rotate(id_of(old), 300, overlap=60)


def test_what_is_not_there_is_not_found(store: KeyStore) -> None:
    for missing in (lambda: store.get("x"), lambda: store.revoke("x", 1), lambda: store.rotate("x", 1, overlap=1)):
        with pytest.raises(MeshError) as raised:
            missing()
        assert raised.value.reason is Reason.NOT_FOUND


def test_only_what_changes_a_keys_worth_is_a_change(store: KeyStore) -> None:
    key = store.create("t", 100)
    counted = store.changes()
    store.used({id_of(key): 130.5})
    assert (store.changes(), store.get(id_of(key)).last_used) == (counted, 130)
    store.revoke(id_of(key), 150)
    store.revoke(id_of(key), 160)
    assert store.changes() > counted
    assert store.get(id_of(key)).revoked == 150


def test_keys_are_listed_by_tenant_and_principal(store: KeyStore) -> None:
    for number, (tenant, principal) in enumerate([("a", "x"), ("a", "y"), ("b", "x")]):
        store.create(tenant, number, principal=principal)
    assert [(key.tenant, key.principal) for key in store.all()] == [("a", "x"), ("a", "y"), ("b", "x")]
    assert [(key.tenant, key.principal) for key in store.all("a", "x")] == [("a", "x")]


def test_a_failed_change_leaves_nothing(store: KeyStore) -> None:
    key = store.create("t", 100)
    counted = store.changes()
    with pytest.raises(MeshError):
        store.revoke("x", 1)
    assert (store.changes(), len(store.all()), store.get(id_of(key)).revoked) == (counted, 1, None)


def test_keys_of_the_first_schema_go_on(state: Path) -> None:
    store = KeyStore(state)
    key = "tm_live_0123456789ab_" + "7" * 64
    with closing(sqlite3.connect(state / "keys.db")) as database, database:
        database.execute(OLD_SCHEMA)
        database.execute("insert into keys values (?, ?, ?, ?)", ("0123456789ab", "dev", store.digest(key), 50))
    assert holder(store, key, 100) == Principal("0123456789ab", "dev", ("user",), "0123456789ab")
    new = store.create("dev", 100)
    assert {one.created for one in KeyStore(state).all()} == {50, 100}
    assert holder(KeyStore(state), new, 100) is not None


def test_two_processes_that_migrate_at_once_get_on(state: Path, emptied: str) -> None:
    for url in (None, emptied):
        stores = [KeyStore(state, url) for _ in range(4)]
        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(KeyStore.changes, stores)) == [0] * 4
        for store in stores:
            store.close()


def test_a_database_that_is_gone_is_told_without_what_was_sent_to_it(state: Path) -> None:
    store = KeyStore(state)
    key = store.create("t", 1)
    (state / "keys.db").unlink()
    with pytest.raises(MeshError) as raised:
        store.create("secret-tenant", 2)
    assert raised.value.reason is Reason.IDENTITY_UNAVAILABLE
    assert "unable to open" in cause(raised.value)
    assert "secret-tenant" not in repr(raised.value.__cause__)
    assert not (state / "keys.db").exists()
    (state / "keys.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(MeshError):
        store.read(3)
    assert key


def test_a_schema_from_the_future_is_left_alone(state: Path) -> None:
    KeyStore(state).create("t", 1)
    with closing(sqlite3.connect(state / "keys.db")) as database, database:
        database.execute("update thinmesh_schema set version_num = '9999'")
    with pytest.raises(MeshError) as raised:
        KeyStore(state).read(1)
    assert "schema" in cause(raised.value)
