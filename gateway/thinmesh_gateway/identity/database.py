"""The database behind the gate: SQLite in the state folder, or a PostgreSQL that gateways share."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from thinmesh_core.config import ConfigError
from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.identity.tables import REVISION

if TYPE_CHECKING:
    from alembic.config import Config

FILE = "keys.db"
SECONDS = 5
"""What a database may take to connect or to answer; a process never waits for a lock for longer."""

_MIGRATIONS = "thinmesh_gateway.identity:migrations"
_LOCK = 0x74686D68
"""PostgreSQL's advisory lock of who migrates."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The revision that a database has, whether this version knows it, and the newest that it knows."""

    found: str | None
    known: bool
    newest: str | None


class Database:
    """Connections, to a schema that is brought up to date before the first; IDENTITY_UNAVAILABLE where there is none.

    A file is made once at most: where it goes away later the database is gone, and not empty.
    """

    def __init__(self, state: Path, url: str | None) -> None:
        self._file = state / FILE if url is None else None
        self._engine = _sqlite(self._file) if self._file is not None else _postgres(url or "")
        self._migrated = False
        self._migrating = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read by."""
        with self._reached() as engine, engine.connect().execution_options(reading=True) as connection:
            yield connection

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """A connection in a transaction, which is kept where it ends well."""
        with self._reached() as engine, engine.begin() as connection:
            yield connection

    def schema(self) -> Schema:
        """What it has now; nothing is brought up to date."""
        from alembic.migration import MigrationContext  # noqa: PLC0415  # see _migrate
        from alembic.script import ScriptDirectory  # noqa: PLC0415  # likewise

        try:
            with self._engine.connect() as connection:
                found = MigrationContext.configure(connection, opts={"version_table": REVISION}).get_current_revision()
        except (SQLAlchemyError, OSError) as error:
            raise gone() from error
        script = ScriptDirectory.from_config(_migrations())
        known = found is None or found in {one.revision for one in script.walk_revisions()}
        return Schema(found, known, script.get_current_head())

    def close(self) -> None:
        """Closes what is open."""
        self._engine.dispose()

    @contextmanager
    def _reached(self) -> Iterator[Engine]:
        try:
            with self._migrating:  # alembic keeps its state where all threads see it
                if not self._migrated:
                    self._migrate()
                    self._migrated = True
            yield self._engine
        except (SQLAlchemyError, OSError) as error:
            raise gone() from error

    def _migrate(self) -> None:
        from alembic import command  # noqa: PLC0415  # half of what a start would import, for one moment of it
        from alembic.util.exc import CommandError  # noqa: PLC0415  # likewise

        if self._file is not None:
            self._file.touch(mode=0o600)
        logging.getLogger("alembic").setLevel(logging.WARNING)  # that it looked is no news
        config = _migrations()
        with self._engine.begin() as connection:
            if self._file is None:
                connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise OSError(f"its schema is not known here: {error}") from error


def _migrations() -> Config:
    from alembic.config import Config  # noqa: PLC0415  # see Database._migrate

    config = Config()
    config.set_main_option("script_location", _MIGRATIONS)
    return config


def gone() -> MeshError:
    """What a caller is told."""
    return MeshError(Reason.IDENTITY_UNAVAILABLE, "The keys can't be looked up now; try again shortly.", retry_after=1)


def cause(error: MeshError) -> str:
    """What the database itself said, for operators; no value that was sent to it is in there."""
    inner = error.__cause__
    return str(getattr(inner, "orig", None) or inner).strip()


def _sqlite(path: Path) -> Engine:
    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=SECONDS, isolation_level=None)

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("reading")
        connection.exec_driver_sql("begin" if reading else "begin immediate")  # a lock taken late may be refused at once

    return engine


def _postgres(url: str) -> Engine:
    timeouts: dict[str, Any] = {
        "connect_timeout": SECONDS,
        "tcp_user_timeout": SECONDS * 1000,
        "options": f"-c statement_timeout={SECONDS}s -c lock_timeout={SECONDS}s",
        "application_name": "thinmesh",
    }
    try:
        parsed = make_url(url).set(drivername="postgresql+psycopg")
        return create_engine(parsed, connect_args=timeouts, pool_size=2, pool_pre_ping=True, hide_parameters=True)
    except ImportError as error:
        raise ConfigError("database: install the extra `postgres` to keep keys in a PostgreSQL, or leave it out") from error
    except (ArgumentError, ValueError):
        raise ConfigError("database: write postgresql://USER@HOST:PORT/NAME; PGPASSWORD has the password") from None
