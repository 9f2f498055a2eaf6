"""`thinmesh top`: models, backends and tenants, live."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import grpc
import typer
from rich.console import Console
from rich.live import Live
from thinmesh.router.v1 import backend_service_pb2 as pb
from thinmesh.router.v1 import backend_service_pb2_grpc as backend_grpc
from thinmesh.router.v1 import quota_service_pb2 as quota_pb
from thinmesh.router.v1 import quota_service_pb2_grpc as quota_grpc

from thinmesh_core.config import ConfigError
from thinmesh_deploy.config import Setting
from thinmesh_deploy.options import STATE, Config, Json, State, fail, setting_of, show_json
from thinmesh_deploy.routers import SECONDS, ask_all, failure
from thinmesh_deploy.screen import screen
from thinmesh_deploy.sight import Sight, sight

EXIT_LOST = 1

output = Console(highlight=False, markup=False)

Answers = tuple[pb.ListBackendsResponse, pb.ListQueuesResponse, quota_pb.ListQuotasResponse]


def top(
    once: Annotated[bool, typer.Option("--once", help="Show it one time.")] = False,
    every: Annotated[float, typer.Option("--every", help="Seconds between two looks.", min=0.2, max=3600)] = 1.0,
    config: Config = None,
    state: State = STATE,
    json: Json = False,
) -> None:
    """Show models, backends, who waits and what tenants have used, live until Ctrl-C; once where there is no terminal.

    [bold]Examples[/bold]

    thinmesh top

    thinmesh top --once --json | jq '.[].models[] | select(.ready == [])'
    """
    setting = setting_of(config, state)
    try:
        if once or json or not output.is_terminal:
            _once(setting, json=json)
        else:
            _live(setting, every)
    except ConfigError as error:
        fail(str(error))


def _once(setting: Setting, *, json: bool) -> None:
    found = asyncio.run(look(setting))
    if json:
        show_json(found)
    else:
        output.print(screen(found))
    if any(one.trouble for one in found):
        raise typer.Exit(EXIT_LOST)


def _live(setting: Setting, every: float) -> None:
    try:
        with Live(console=output, screen=True, auto_refresh=False) as live:
            while True:
                live.update(screen(asyncio.run(look(setting))), refresh=True)
                time.sleep(every)
    except KeyboardInterrupt:  # that is how it ends
        return


async def look(setting: Setting) -> list[Sight]:
    """Every router now; one that does not answer says so."""

    async def ask(channel: grpc.aio.Channel) -> Answers:
        backends, quotas = backend_grpc.BackendServiceStub(channel), quota_grpc.QuotaServiceStub(channel)
        return await asyncio.gather(
            backends.ListBackends(pb.ListBackendsRequest(), timeout=SECONDS),
            backends.ListQueues(pb.ListQueuesRequest(), timeout=SECONDS),
            quotas.ListQuotas(quota_pb.ListQuotasRequest(), timeout=SECONDS),
        )

    found = []
    for at, answer in (await ask_all(setting, ask)).items():
        if isinstance(answer, grpc.aio.AioRpcError):
            found.append(Sight(at, failure(at, answer)))
        else:
            backends, queues, quotas = answer
            found.append(sight(at, setting.config, backends.backends, queues.queues, quotas.quotas))
    return found
