"""What the shell is offered for a word: names of the configuration that the command line names so far."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import typer

from thinmesh_core.config import ConfigError
from thinmesh_deploy.config import MeshConfig, checked
from thinmesh_deploy.options import STATE


def models(ctx: typer.Context, incomplete: str) -> list[str]:
    """Models and their aliases."""
    config = _config(ctx)
    found = {} if config is None else config.models
    return _beginning(incomplete, [*found, *(alias for model in found.values() for alias in model.aliases)])


def backends(ctx: typer.Context, incomplete: str) -> list[str]:
    """Backends."""
    config = _config(ctx)
    return _beginning(incomplete, [] if config is None else config.backends)


def tenants(ctx: typer.Context, incomplete: str) -> list[str]:
    """Tenants."""
    config = _config(ctx)
    return _beginning(incomplete, [] if config is None else config.tenants)


def _config(ctx: typer.Context) -> MeshConfig | None:
    """The file's; a wrong one is told when the command is run, not while it is typed."""
    path = ctx.params.get("config")
    try:
        return checked(None if path is None else Path(path), STATE).config
    except ConfigError:
        return None


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))
