"""The commands that operators run beside a mesh: who serves, who waits, who may use how much; and taking a backend out."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import grpc
import typer
from google.protobuf.duration_pb2 import Duration
from rich.console import Console
from thinmesh.router.v1 import backend_service_pb2 as pb
from thinmesh.router.v1 import backend_service_pb2_grpc as backend_grpc
from thinmesh.router.v1 import quota_service_pb2 as quota_pb
from thinmesh.router.v1 import quota_service_pb2_grpc as quota_grpc

from thinmesh_core.config import ConfigError
from thinmesh_deploy import completion, sight, tables
from thinmesh_deploy.options import STATE, Config, State, fail, say, show_json_line
from thinmesh_deploy.routers import SECONDS, each

MOST_HOURS = 31 * 24
"""How long a limit may hold, as QuotaService has it."""

Name = Annotated[str, typer.Argument(help="A backend of the configuration.", autocompletion=completion.backends)]
Tenant = Annotated[str | None, typer.Option("--tenant", help="Only this tenant's.", autocompletion=completion.tenants)]
JsonLines = Annotated[bool, typer.Option("--json", help="Print a line of JSON for each router.")]

quota_app = typer.Typer(help="What tenants may use, and what they have used.", no_args_is_help=True)
output = Console(highlight=False, markup=False)


def status(config: Config = None, state: State = STATE, json: JsonLines = False) -> None:
    """Show each backend: its state, health, calls, and whether its engine is told of priorities.

    [bold]Example[/bold]

    thinmesh status --config thinmesh.yaml
    """

    async def ask(channel: grpc.aio.Channel) -> pb.ListBackendsResponse:
        return await backend_grpc.BackendServiceStub(channel).ListBackends(pb.ListBackendsRequest(), timeout=SECONDS)

    for router, answer in each(config, state, ask):
        if json:
            show_json_line({"router": router, "backends": [sight.backend(one) for one in answer.backends]})
            continue
        output.print(tables.backends(router, answer.backends))
        for line in tables.troubles(answer.backends):
            output.print(f"  {line}", markup=False, style="yellow")


def queue(config: Config = None, state: State = STATE, json: JsonLines = False) -> None:
    """Show who waits for which model, and for how long yet.

    [bold]Example[/bold]

    thinmesh queue
    """

    async def ask(channel: grpc.aio.Channel) -> pb.ListQueuesResponse:
        return await backend_grpc.BackendServiceStub(channel).ListQueues(pb.ListQueuesRequest(), timeout=SECONDS)

    for router, answer in each(config, state, ask):
        if json:
            show_json_line({"router": router, "queues": [sight.queue(one) for one in answer.queues]})
        else:
            output.print(tables.queues(router, answer.queues))


def drain(backend: Name, config: Config = None, state: State = STATE) -> None:
    """Send a backend no new calls; running ones go on. Until `thinmesh undrain`, or the router's next start.

    [bold]Example[/bold]

    thinmesh drain gpu-1
    """

    async def ask(channel: grpc.aio.Channel) -> pb.DrainBackendResponse:
        return await backend_grpc.BackendServiceStub(channel).DrainBackend(
            pb.DrainBackendRequest(name=backend), timeout=SECONDS
        )

    for router, answer in each(config, state, ask):
        say(f"{router}: {backend} gets no new calls; {answer.backend.running} run")


def undrain(backend: Name, config: Config = None, state: State = STATE) -> None:
    """Send a drained backend calls again.

    [bold]Example[/bold]

    thinmesh undrain gpu-1
    """

    async def ask(channel: grpc.aio.Channel) -> pb.UndrainBackendResponse:
        return await backend_grpc.BackendServiceStub(channel).UndrainBackend(
            pb.UndrainBackendRequest(name=backend), timeout=SECONDS
        )

    for router, _ in each(config, state, ask):
        say(f"{router}: {backend} gets calls again")


COMMANDS = (status, queue, drain, undrain)


@quota_app.command("list")
def list_quotas(tenant: Tenant = None, config: Config = None, state: State = STATE, json: JsonLines = False) -> None:
    """Show the quotas in force, and what is used of each.

    [bold]Examples[/bold]

    thinmesh quota list

    thinmesh quota list --tenant search-team
    """

    async def ask(channel: grpc.aio.Channel) -> quota_pb.ListQuotasResponse | quota_pb.GetQuotaResponse:
        stub = quota_grpc.QuotaServiceStub(channel)
        if tenant is None:
            return await stub.ListQuotas(quota_pb.ListQuotasRequest(), timeout=SECONDS)
        return await stub.GetQuota(quota_pb.GetQuotaRequest(tenant=tenant), timeout=SECONDS)

    for router, answer in each(config, state, ask):
        if json:
            show_json_line({"router": router, "quotas": [sight.quota(one) for one in answer.quotas]})
        elif answer.quotas:
            output.print(tables.quotas(router, answer.quotas))
        else:
            output.print(f"router {router}: no quotas; tenants.NAME.quota in thinmesh.yaml sets them", soft_wrap=True)


@quota_app.command("set")
def set_quota(
    tenant: Annotated[str, typer.Argument(help="A tenant of the configuration.", autocompletion=completion.tenants)],
    measure: Annotated[tables.Measure, typer.Argument(help="What is counted.")],
    limit: Annotated[float, typer.Argument(help="The most there may be; money in the price table's currency.", min=0)],
    model: Annotated[str | None, typer.Option("--model", help="Only with this model.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="Only by this key, by its id.")] = None,
    hours: Annotated[
        float, typer.Option("--hours", help="How long it holds; then thinmesh.yaml does again.", min=0, max=MOST_HOURS)
    ] = 1.0,
    config: Config = None,
    state: State = STATE,
    json: JsonLines = False,
) -> None:
    """Put another limit in force for a time. To change it for good, edit thinmesh.yaml.

    [bold]Examples[/bold]

    thinmesh quota set search-team tokens-per-minute 200000

    thinmesh quota set search-team spend-per-month 500 --hours 48
    """
    try:
        most = tables.amount(measure, limit)
    except ConfigError as error:
        fail(str(error))
    quota = quota_pb.Quota(tenant=tenant, model=model, key=key, measure=tables.number(measure), limit=most)
    lasts = Duration()
    lasts.FromTimedelta(timedelta(hours=hours))

    async def ask(channel: grpc.aio.Channel) -> quota_pb.SetQuotaResponse:
        request = quota_pb.SetQuotaRequest(quota=quota, lasts=lasts)
        return await quota_grpc.QuotaServiceStub(channel).SetQuota(request, timeout=SECONDS)

    for router, answer in each(config, state, ask):
        if json:
            show_json_line({"router": router, "quota": sight.quota(answer.quota)})
        else:
            output.print(tables.quotas(router, [answer.quota]))
