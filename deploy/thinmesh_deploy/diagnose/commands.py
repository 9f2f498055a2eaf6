"""The commands `thinmesh diagnose slow` and `thinmesh diagnose down`."""

from __future__ import annotations

import asyncio
import time
from http.client import HTTPException
from typing import Annotated

import grpc
import typer
from rich.console import Console
from thinmesh.router.v1 import backend_service_pb2 as pb
from thinmesh.router.v1 import backend_service_pb2_grpc as backend_grpc

from thinmesh_core.config import ConfigError
from thinmesh_core.errors import MeshError
from thinmesh_core.scraped import Scraped
from thinmesh_deploy import completion, sight
from thinmesh_deploy.admin import fetch
from thinmesh_deploy.config import Setting
from thinmesh_deploy.diagnose import down as judgement
from thinmesh_deploy.diagnose.stages import measured
from thinmesh_deploy.diagnose.verdict import Verdict, show, verdict
from thinmesh_deploy.doctor import backends as probes
from thinmesh_deploy.doctor.finding import Finding, note, worst_first
from thinmesh_deploy.doctor.report import report
from thinmesh_deploy.options import STATE, Config, Json, State, fail, setting_of, show_json
from thinmesh_deploy.routers import SECONDS, ask_all
from thinmesh_router.routes import Route, RouteTable

NOTHING = Scraped(())
"""The metrics of a process that has just begun."""

diagnose_app = typer.Typer(help="Why a model is slow, or down.", no_args_is_help=True)
output = Console(highlight=False, markup=False)

ModelName = Annotated[
    str, typer.Argument(metavar="MODEL", help="A model of the configuration, or an alias.", autocompletion=completion.models)
]
Admins = Annotated[
    list[str] | None,
    typer.Option("--admin", metavar="HOST:PORT", help="Where a process has /metrics; again for each. [listen.admin]"),
]
Seconds = Annotated[
    float, typer.Option("--seconds", help="How long to watch; all since the start counts if nobody calls.", min=0.1, max=3600)
]


@diagnose_app.command("slow")
def slow(
    model: ModelName,
    seconds: Seconds = 5.0,
    admin: Admins = None,
    config: Config = None,
    state: State = STATE,
    json: Json = False,
) -> None:
    """Say where the time of a model's calls goes, which backend is behind the others, and which settings help.

    [bold]Examples[/bold]

    thinmesh diagnose slow assistant

    thinmesh diagnose slow assistant --seconds 30 --admin 10.0.0.4:9464 --admin 10.0.0.5:9465
    """
    setting = setting_of(config, state)
    try:
        said = asyncio.run(_watch(setting, _route(setting, model), _admins(setting, admin), seconds))
    except ConfigError as error:
        fail(str(error))
    if json:
        show_json(said)
    else:
        output.print(show(said), soft_wrap=True)


@diagnose_app.command("down")
def down(model: ModelName, admin: Admins = None, config: Config = None, state: State = STATE, json: Json = False) -> None:
    """Say why a model takes no calls: what is tried again, its backends, their engines, and what failed last.

    Exits with 1 where something is wrong with a backend of it.

    [bold]Example[/bold]

    thinmesh diagnose down assistant
    """
    setting = setting_of(config, state)
    findings = asyncio.run(_examine(setting, _route(setting, model), _admins(setting, admin)))
    report(findings, json=json)


async def _watch(setting: Setting, route: Route, admins: list[str], seconds: float) -> Verdict:
    before, began = await _scraped(setting, admins), time.monotonic()
    await asyncio.sleep(seconds)
    now, elapsed = await _scraped(setting, admins), time.monotonic() - began
    backends = [sight.backend(one) for one in await _backends(setting, route)]
    seen = measured(route.model, now, before, backends, elapsed)
    of = f"in the last {elapsed:.0f} s"
    if seen is None:
        seen, of = measured(route.model, now, NOTHING, backends, None), "since the start"
    streams = "no streams" if seen is None else "1 stream" if seen.calls == 1 else f"{seen.calls} streams"
    return verdict(route.model, f"{streams} {of}", seen, backends)


async def _examine(setting: Setting, route: Route, admins: list[str]) -> list[Finding]:
    """Retries first, then what is wrong, then what has been."""
    try:
        metrics = await _scraped(setting, admins)
        retries = judgement.retries(route.model, metrics)
    except _UnansweredError as error:  # what can still be asked is
        metrics, retries = NOTHING, [note("/metrics", f"what was tried again is not known: {error}")]
    names = {one.backend for one in route.targets}
    probed, seen = await asyncio.gather(probes.look(setting, names), _backends(setting, route))
    return [*retries, *worst_first([*probed, *judgement.history(seen, metrics)])]


async def _backends(setting: Setting, route: Route) -> list[pb.Backend]:
    """Those of a model, as the routers that answer see them."""

    async def ask(channel: grpc.aio.Channel) -> pb.ListBackendsResponse:
        return await backend_grpc.BackendServiceStub(channel).ListBackends(pb.ListBackendsRequest(), timeout=SECONDS)

    answers = (await ask_all(setting, ask)).values()
    names = {one.backend for one in route.targets}
    found = [one for answer in answers if not isinstance(answer, grpc.aio.AioRpcError) for one in answer.backends]
    return [one for one in found if one.name in names]


class _UnansweredError(ConfigError):
    """Nobody answers at an admin address."""


async def _scraped(setting: Setting, admins: list[str]) -> Scraped:
    return Scraped(await asyncio.gather(*(asyncio.to_thread(_metrics, setting, at) for at in admins)))


def _metrics(setting: Setting, at: str) -> str:
    try:
        return fetch(setting.config, at, "/metrics")[1]
    except (OSError, HTTPException) as error:
        raise _UnansweredError(f"nothing answers at {at}: --admin says where each process has /metrics") from error


def _route(setting: Setting, model: str) -> Route:
    try:
        return RouteTable(setting.config.models, setting.config.backends).resolve(model)
    except MeshError:
        fail(f"{setting.path} has no model {model!r}; it has: {', '.join(sorted(setting.config.models))}")


def _admins(setting: Setting, given: list[str] | None) -> list[str]:
    return given or [setting.config.listen.admin]
