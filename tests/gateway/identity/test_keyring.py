"""What a gateway knows of the keys, with and without its database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.identity.key import id_of, text
from thinmesh_gateway.identity.keyring import BEHIND_SECONDS, Keyring
from thinmesh_gateway.keys import KeyStore


class Clock:
    """Seconds since 1970, as a test has them."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ring(store: KeyStore, state: Path, clock: Clock) -> Keyring:
    return Keyring(store, state, 3600, clock)


def lose(store: KeyStore) -> Callable[[], None]:
    """Makes the database unreachable, until what is given is called."""

    def gone(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    patch = pytest.MonkeyPatch()
    patch.setattr(store.database._engine, "connect", gone)
    return patch.undo


def trouble(ring: Keyring) -> str | None:
    return ring.trouble


def reason(ring: Keyring, key: str) -> Reason | None:
    try:
        return None if ring.holder(key) is not None else Reason.INVALID_KEY
    except MeshError as error:
        return error.reason


def test_a_new_key_is_known_and_a_revoked_one_is_not_after_one_look(ring: Keyring, store: KeyStore) -> None:
    key = store.create("t", 1000)
    assert reason(ring, key) is Reason.IDENTITY_UNAVAILABLE
    ring.refresh()
    assert (reason(ring, key), trouble(ring)) == (None, None)
    assert reason(ring, text("0" * 12, "0" * 64)) is Reason.INVALID_KEY
    store.revoke(id_of(key), 1001)
    ring.refresh()
    assert reason(ring, key) is Reason.INVALID_KEY


def test_nothing_is_read_again_where_nothing_changed(ring: Keyring, store: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    key = store.create("t", 1000)
    ring.refresh()
    monkeypatch.setattr(store, "read", None)
    ring.refresh()
    assert (reason(ring, key), trouble(ring)) == (None, None)


def test_a_key_expires_on_its_second_without_any_look(ring: Keyring, store: KeyStore, clock: Clock) -> None:
    key = store.create("t", 1000, expires=1010)
    ring.refresh()
    clock.now = 1009.9
    assert reason(ring, key) is None
    clock.now = 1010
    assert reason(ring, key) is Reason.INVALID_KEY


def test_last_use_is_written_behind(ring: Keyring, store: KeyStore, clock: Clock) -> None:
    used, unused = store.create("t", 1000), store.create("t", 1000)
    ring.refresh()
    ring.holder(used)
    assert store.get(id_of(used)).last_used is None
    ring.refresh()
    assert [store.get(id_of(key)).last_used for key in (used, unused)] == [1000, None]
    ring.holder(used)
    clock.now += BEHIND_SECONDS - 1
    ring.refresh()
    assert store.get(id_of(used)).last_used == 1000
    clock.now += 1
    ring.refresh()
    assert store.get(id_of(used)).last_used == 1000 + BEHIND_SECONDS


def test_without_the_database_known_keys_stay_good_for_a_bounded_time(ring: Keyring, store: KeyStore, clock: Clock) -> None:
    key = store.create("t", 1000)
    ring.refresh()
    back = lose(store)
    clock.now += 3600
    ring.refresh()
    assert reason(ring, key) is None
    assert "no route to host" in str(trouble(ring))
    clock.now += 1
    ring.refresh()
    assert reason(ring, key) is Reason.IDENTITY_UNAVAILABLE
    back()
    ring.refresh()
    assert reason(ring, key) is None
    assert trouble(ring) is None


def test_a_gateway_that_starts_without_its_database_knows_what_one_before_it_knew(
    ring: Keyring, store: KeyStore, state: Path, clock: Clock
) -> None:
    key = store.create("t", 1000)
    ring.refresh()
    back = lose(store)
    later = Keyring(store, state, 3600, clock)
    clock.now += 3000
    later.refresh()
    assert reason(later, key) is None
    assert trouble(later) is not None
    clock.now += 601
    later.refresh()
    assert reason(later, key) is Reason.IDENTITY_UNAVAILABLE
    back()
    later.refresh()
    assert (reason(later, key), trouble(later)) == (None, None)


def test_keys_that_are_too_old_are_at_no_moment_known(
    ring: Keyring, store: KeyStore, state: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create("t", 1000)
    ring.refresh()
    back = lose(store)
    later = Keyring(store, state, 3600, clock)
    known: list[int] = []
    monkeypatch.setattr(later, "_know", lambda holders: known.append(len(holders)))
    clock.now += 3601
    for _ in range(3):
        later.refresh()
    assert sum(known) == 0
    back()


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x93\x01\x02\x03"])
def test_a_snapshot_that_makes_no_sense_is_none(ring: Keyring, store: KeyStore, state: Path, content: bytes) -> None:
    (state / "keys.snapshot").write_bytes(content)
    back = lose(store)
    ring.refresh()
    assert reason(ring, text("0" * 12, "0" * 64)) is Reason.IDENTITY_UNAVAILABLE
    back()


def test_a_full_disk_costs_the_snapshot_and_nothing_else(
    ring: Keyring, store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("thinmesh_gateway.identity.keyring.save", full)
    key = store.create("t", 1000)
    ring.refresh()
    assert (reason(ring, key), trouble(ring)) == (None, None)


def test_ten_thousand_wrong_keys_cost_one_look_up_each(ring: Keyring, store: KeyStore) -> None:
    store.create("t", 1000)
    ring.refresh()
    looked: list[bytes] = []

    class Counted(dict[bytes, object]):
        def get(self, key: bytes, default: object = None) -> object:
            looked.append(key)
            return super().get(key, default)

    ring._holders = Counted(ring._holders)  # type: ignore[assignment]
    wrong = [text("0" * 12, f"{number:064x}") for number in range(10_000)]
    typos = [key[:-1] + ("0" if key[-1] != "0" else "1") for key in wrong]
    assert not any(map(ring.holder, wrong))
    assert not any(map(ring.holder, typos))
    assert len(looked) == len(wrong)
