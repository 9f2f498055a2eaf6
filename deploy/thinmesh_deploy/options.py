"""What the commands have in common: where the configuration and the state are, and how a person is told what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import msgspec
import typer
from rich.console import Console

from thinmesh_core.config import ConfigError
from thinmesh_core.errors import MeshError, Reason
from thinmesh_deploy.config import Setting, checked, read
from thinmesh_deploy.process import EXIT_CONFIG

if TYPE_CHECKING:
    from thinmesh_gateway.audit.store import AuditStore
    from thinmesh_gateway.keys import KeyStore

console = Console(stderr=True, highlight=False)

Config = Annotated[
    Path | None, typer.Option("--config", help="thinmesh.yaml; without it the models that come with thinmesh are served.")
]
State = Annotated[Path, typer.Option("--state", help="Folder for keys and sockets.")]

AdminAt = Annotated[
    str | None, typer.Option("--admin", metavar="HOST:PORT", help="Where the mesh has /metrics and /readyz. [listen.admin]")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

STATE = Path(".thinmesh")


def setting_of(config: Path | None, state: Path, by: Callable[[Path | None, Path], Setting] = read) -> Setting:
    """The checked configuration; ends the command where it is wrong."""
    try:
        return by(config, state)
    except ConfigError as error:
        fail(str(error))


def written(config: Path | None, state: Path) -> Setting:
    """The same for what a mesh has left behind; ends the command too where none has run in the state folder."""
    setting = setting_of(config, state, checked)
    if setting.config.database is None and not setting.state.is_dir():
        fail(f"there is no folder {state}: is --state the mesh's?")
    return setting


@contextmanager
def opened(setting: Setting) -> Iterator[KeyStore]:
    """The store of keys; ends the command where the database is gone, or refuses."""
    from thinmesh_gateway.identity.database import cause  # a router alone has no database's library installed
    from thinmesh_gateway.keys import KeyStore

    store = KeyStore(setting.state, setting.config.database)
    try:
        yield store
    except MeshError as error:
        lost = error.reason is Reason.IDENTITY_UNAVAILABLE
        fail(f"the database of keys can't be used: {cause(error)}" if lost else error.message)
    finally:
        store.close()


@contextmanager
def audit_log(setting: Setting) -> Iterator[AuditStore]:
    """What the mesh has written of its calls."""
    from thinmesh_gateway.audit.store import AuditStore

    with opened(setting) as store:
        yield AuditStore(store.database)


def fail(message: str) -> NoReturn:
    """Ends the command with what is wrong and how to mend it."""
    console.print(f"thinmesh: {message}", markup=False, soft_wrap=True)
    raise typer.Exit(EXIT_CONFIG)


def say(line: str) -> None:
    """Tells the person who started the command."""
    console.print(line, markup=False, soft_wrap=True)


def show_json(value: object) -> None:
    """Prints a value for programs."""
    print(msgspec.json.format(msgspec.json.encode(value)).decode())


def show_json_line(value: object) -> None:
    """Prints one of several values for programs, in a line."""
    print(msgspec.json.encode(value).decode())
