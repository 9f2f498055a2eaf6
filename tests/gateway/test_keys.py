"""Keys: seen once, stored as HMAC, denied unless known."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from gateway.conftest import unread
from hypothesis import given
from hypothesis import strategies as st

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.tenants import TenantConfig
from thinmesh_gateway.audit.trail import Trail
from thinmesh_gateway.auth import Authenticator
from thinmesh_gateway.identity.keyring import Keyring
from thinmesh_gateway.keys import KeyStore
from thinmesh_gateway.roles import Action
from thinmesh_gateway.wishes import REST

ALSO_LONG_ENOUGH = 64


def authenticator(store: KeyStore, state: Path) -> Authenticator:
    keyring = Keyring(store, state)
    keyring.refresh()
    return Authenticator(keyring, {"t": TenantConfig()})


def trail() -> Trail:
    """A call's that is about to be let in."""
    return Trail(unread, REST.surface, "any", Action.INFER, "r-1")


def test_a_key_is_random_and_only_its_digest_is_stored(tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    keys = {store.create("t", 1.0) for _ in range(20)}
    assert len(keys) == 20
    stored = (tmp_path / "keys.db").read_bytes()
    for key in keys:
        secret = key.split("_")[3]
        assert len(secret) >= ALSO_LONG_ENOUGH
        assert secret.encode() not in stored
    assert {holder.tenant for holder in store.read(1.0).values()} == {"t"}


def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    state = tmp_path / "state"
    Keyring(KeyStore(state), state).refresh()
    names = ("", "keys.db", "pepper", "keys.snapshot")
    assert [stat.S_IMODE(path.stat().st_mode) for path in map(state.joinpath, names)] == [0o700, 0o600, 0o600, 0o600]


def test_two_processes_that_start_at_once_have_one_pepper(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        digests = set(threads.map(lambda _: KeyStore(tmp_path).digest("k"), range(32)))
    assert len(digests) == 1


def test_a_key_is_worth_nothing_under_another_pepper(tmp_path: Path) -> None:
    assert KeyStore(tmp_path / "a").digest("k") != KeyStore(tmp_path / "b").digest("k")


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
async def test_a_known_key_makes_a_call(tmp_path: Path, scheme: str) -> None:
    store = KeyStore(tmp_path)
    key = store.create("t", 1.0)
    call = await authenticator(store, tmp_path).call({"authorization": scheme + key}.get, REST, trail())
    assert (call.tenant, call.request_id, call.principal in key, call.hops, call.model) == ("t", "r-1", True, 0, None)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Authenticator:
    state = tmp_path_factory.mktemp("state")
    return authenticator(KeyStore(state), state)


@given(st.none() | st.text())
async def test_anything_else_is_refused_alike(shared: Authenticator, authorization: str | None) -> None:
    with pytest.raises(MeshError) as raised:
        await shared.call({"authorization": authorization}.get, REST, trail())
    assert raised.value.reason is Reason.INVALID_KEY


async def test_a_key_of_a_tenant_that_is_not_configured_is_refused(tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    key = store.create("gone", 1.0)
    with pytest.raises(MeshError) as raised:
        await authenticator(store, tmp_path).call({"authorization": f"Bearer {key}"}.get, REST, trail())
    assert raised.value.reason is Reason.INVALID_KEY
