"""One mesh at a place: a second would take the sockets of the first away, and its engines'."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from thinmesh_core import address
from thinmesh_core.config import ConfigError
from thinmesh_deploy.config import Setting
from thinmesh_deploy.process import Main, Signals


async def alone(setting: Setting, main: Main, signals: Signals) -> None:
    """Runs a mesh; ConfigError where another one has its place, and nothing is begun then."""
    with _held(setting):
        await main(signals)


@contextmanager
def _held(setting: Setting) -> Iterator[None]:
    path = _lock_of(setting)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)  # children don't inherit it
    except OSError as error:
        raise ConfigError(f"{path} can't be made: {error.strerror}") from error
    try:
        _take(descriptor, setting.state)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, state: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise ConfigError(f"a mesh runs in the state folder {state} already: stop it, or give another with --state") from error


def _lock_of(setting: Setting) -> Path:
    """Meshes that share a state folder are told apart by where their routers listen."""
    at = address.parse(setting.router_addresses[0]).path
    return setting.sockets / "up.lock" if at is None else at.with_name(f"{at.name}.lock")
