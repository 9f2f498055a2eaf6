"""The commands `thinmesh model add`, `list` and `remove`."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from thinmesh_core.config import ConfigError
from thinmesh_deploy import completion
from thinmesh_deploy.config import DEFAULT, Setting
from thinmesh_deploy.model import file
from thinmesh_deploy.model.catalogue import ENGINE, Found, chosen
from thinmesh_deploy.model.change import change
from thinmesh_deploy.model.entry import backend
from thinmesh_deploy.model.source import find
from thinmesh_deploy.options import STATE, Config, Json, State, fail, say, setting_of, show_json
from thinmesh_deploy.sight import BackendSeen
from thinmesh_deploy.top import look

LOOK_SECONDS = 0.2
WAIT_SECONDS = 300.0

model_app = typer.Typer(help="The models of thinmesh.yaml.", no_args_is_help=True)
output = Console(highlight=False, markup=False)

Name = Annotated[str, typer.Argument(help="What callers will call it.")]
Source = Annotated[
    str | None,
    typer.Argument(help="A .gguf or .onnx file, a folder with a config.json, package:DIST/file, or an engine's http:// URL."),
]
EngineName = Annotated[str | None, typer.Option("--engine", metavar="ADAPTER", help="What serves it. [the catalogue's choice]")]
At = Annotated[str | None, typer.Option("--at", metavar="ADDRESS", help="Where its engine is, if that runs by itself.")]
EngineModel = Annotated[str | None, typer.Option("--engine-model", help="Its name at its engine, where that is another one.")]
Tokenizer = Annotated[str | None, typer.Option("--tokenizer", help="Its tokenizer.json, where that does not lie beside it.")]
Aliases = Annotated[list[str] | None, typer.Option("--alias", help="Another name for it; again for more.")]
Wait = Annotated[bool, typer.Option("--wait", help=f"Wait until the running mesh serves it, at most {WAIT_SECONDS:.0f} s.")]


@model_app.command("add")
def add(
    name: Name,
    source: Source = None,
    engine: EngineName = None,
    at: At = None,
    engine_model: EngineModel = None,
    tokenizer: Tokenizer = None,
    alias: Aliases = None,
    wait: Wait = False,
    config: Config = None,
    state: State = STATE,
) -> None:
    """Add a model and its backend to thinmesh.yaml; a running mesh serves it within seconds, and drops no stream for it.

    The catalogue says which engine serves it. The file is changed only if all of it is right then.

    [bold]Examples[/bold]

    thinmesh model add small /models/small.gguf --wait --config thinmesh.yaml

    thinmesh model add qwen /models/qwen3 --at 127.0.0.1:50051 --config thinmesh.yaml

    thinmesh model add assistant http://127.0.0.1:8000/v1 --alias gpt-4o-mini --config thinmesh.yaml

    thinmesh model add resnet --engine triton --at 127.0.0.1:8001 --config thinmesh.yaml
    """
    path = _own(config)
    try:
        found = None if source is None else find(source, tokenizer)
        served = chosen(found or Found(ENGINE, name), engine)
        entry = backend(found, served, at)
        target = name if engine_model is None else {"backend": name, "model": engine_model}
        model = {"backends": [target]} | ({"aliases": alias} if alias else {})
        setting = change(path, state, partial(file.added, name=name, model=model, backend=entry), new=name)
    except ConfigError as error:
        fail(str(error))
    of = "" if found is None or found.architecture is None else f" ({found.architecture})"
    say(f"{path} has the model {name}{of}, served by {served.adapter}: {served.reason}")
    if wait:
        _wait(setting, name)


@model_app.command("list")
def list_models(config: Config = None, state: State = STATE, json: Json = False) -> None:
    """Show the models of thinmesh.yaml, what serves them, and, if the mesh is up, whether they take calls.

    [bold]Example[/bold]

    thinmesh model list --config thinmesh.yaml
    """
    setting = setting_of(config, state)
    lines = _listed(setting, _seen(setting))
    if json:
        show_json(lines)
        return
    table = Table("model", "aliases", "backends", "fallback", "ready", header_style="bold", box=None)
    for one in lines:
        ready = Text("?", "dim") if one.ready is None else Text("yes", "green") if one.ready else Text("no", "red")
        served = ", ".join(f"{backend} ({adapter})" for backend, adapter in one.backends.items())
        table.add_row(one.model, ", ".join(one.aliases), served, ", ".join(one.fallback), ready)
    output.print(table)


@model_app.command("remove")
def remove(
    name: Annotated[str, typer.Argument(help="A model.", autocompletion=completion.models)],
    config: Config = None,
    state: State = STATE,
) -> None:
    """Take a model out of thinmesh.yaml, and the backends that no other model has; running calls end as they would.

    [bold]Example[/bold]

    thinmesh model remove small --config thinmesh.yaml
    """
    path = _own(config)
    setting_of(path, state)  # what is wrong already is told as that
    try:
        change(path, state, partial(file.removed, name=name))
    except ConfigError as error:
        fail(str(error))
    say(f"{path} has no model {name} any more")


@dataclass(frozen=True, slots=True)
class Listed:
    """A model of the file; `ready` is None where no router answers."""

    model: str
    aliases: tuple[str, ...]
    backends: dict[str, str]
    fallback: tuple[str, ...]
    ready: bool | None


def _listed(setting: Setting, seen: dict[str, BackendSeen] | None) -> list[Listed]:
    lines = []
    for name, model in setting.config.models.items():
        adapters = {one.backend: setting.config.backends[one.backend].adapter for one in model.targets}
        ready = None if seen is None else any(one in seen and seen[one].state == "ready" for one in adapters)
        lines.append(Listed(name, model.aliases, adapters, model.fallback, ready))
    return lines


def _seen(setting: Setting) -> dict[str, BackendSeen] | None:
    """The backends by name, as the first router that answers sees them; None where none does."""
    answered = [one for one in asyncio.run(look(setting)) if one.trouble is None]
    return {one.backend: one for one in answered[0].backends} if answered else None


def _wait(setting: Setting, name: str) -> None:
    ends = time.monotonic() + WAIT_SECONDS
    with output.status(f"{name}: waiting for the mesh to read the file") as status:
        while time.monotonic() < ends:
            seen = _seen(setting)
            if seen is None:
                fail("the file is changed, but no router answers: is the mesh up, and is --state the one it has?")
            if (one := seen.get(name)) is not None:
                if one.state == "ready":
                    say(f"{name} takes calls")
                    return
                status.update(f"{name}: {one.state} {one.message}")
            time.sleep(LOOK_SECONDS)
    fail(f"{name} takes no calls after {WAIT_SECONDS:.0f} s; `thinmesh diagnose down {name}` says why")


def _own(config: Path | None) -> Path:
    """The file that is to be changed: never the one that comes with thinmesh."""
    if config is None:
        fail(f"say with --config which file is yours; to begin with one: cp {DEFAULT} thinmesh.yaml")
    return config
