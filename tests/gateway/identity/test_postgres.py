"""A real PostgreSQL that goes away and comes back under a gateway."""

from __future__ import annotations

import shutil
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway.conftest import TENANTS

from thinmesh_core.config import ConfigError
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_gateway.app import build
from thinmesh_gateway.config import GatewayConfig
from thinmesh_gateway.identity.keyring import Keyring
from thinmesh_gateway.keys import KeyStore


class Postgres:
    """A server that can be stopped and started again, with the same address and the same data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "data"
        self.start()

    def start(self) -> None:
        """Starts it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pgserver.postgres_server import get_server
        self._server = get_server(self._folder, cleanup_mode="stop")
        self.url = str(self._server.get_uri())

    def stop(self) -> None:
        """Stops it."""
        self._server.cleanup()


@pytest.fixture
def server() -> Iterator[Postgres]:
    folder = Path(tempfile.mkdtemp(prefix="tm-pg-", dir="/tmp"))
    folder.chmod(0o755)
    server = Postgres(folder)
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


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
