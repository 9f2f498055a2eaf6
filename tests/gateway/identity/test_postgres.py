"""A real PostgreSQL that goes away and comes back under a gateway."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from gateway.conftest import TENANTS
from gateway.identity.conftest import Postgres

from thinmesh_core.config import ConfigError
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_gateway.app import build
from thinmesh_gateway.config import GatewayConfig
from thinmesh_gateway.identity.keyring import Keyring
from thinmesh_gateway.keys import KeyStore


async def test_known_keys_outlast_it_and_it_is_used_again_by_itself(server: Postgres, state: Path) -> None:
    store = KeyStore(state, server.url)
    key = store.create("usual", 0)
    ring = Keyring(store, state)
    ring.refresh()
    server.stop()
    ring.refresh()
    assert "can't be read" in str(ring.trouble)
    assert ring.holder(key) is not None
    with pytest.raises(MeshError) as raised:
        store.create("usual", 0)
    assert raised.value.reason is Reason.IDENTITY_UNAVAILABLE

    channel = InProcessChannel(InProcessServer("router"))
    config = GatewayConfig(tenants=TENANTS, router="router", state=state, database=server.url)
    async with build(config, lambda _: channel) as app:  # it starts without it all the same
        assert app.problems() == []
        assert "known keys stay good" in app.notes()[0]
        server.start()
        app._keyring.refresh()
        assert app.notes() == []
    ring.refresh()
    assert ring.trouble is None
    assert store.create("usual", 0)
    store.close()


def test_a_first_start_without_it_knows_no_key(state: Path) -> None:
    store = KeyStore(state, "postgresql:///nothing?host=/nowhere")
    ring = Keyring(store, state)
    ring.refresh()
    assert "no key is good" in str(ring.trouble)
    assert ring.empty


def test_an_address_that_is_none_is_refused_without_its_password(state: Path) -> None:
    url = "postgresql://u:secret@h:port/d"
    with pytest.raises(ConfigError, match="postgresql://USER@HOST") as raised:
        KeyStore(state, url)
    assert "secret" not in "".join(traceback.format_exception(raised.value))
