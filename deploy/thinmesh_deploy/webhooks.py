"""The commands for webhooks: a secret to begin with, and an event to try a receiver."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from typing import Annotated

import typer

from thinmesh_core.config import ConfigError
from thinmesh_core.errors import MeshError
from thinmesh_deploy.options import STATE, Config, State, fail, say, setting_of

webhook_app = typer.Typer(help="Who is told that jobs have ended.", no_args_is_help=True)


@webhook_app.command("secret")
def secret() -> None:
    """Print a new secret: for the environment of the workers, and for the receiver.

    [bold]Example[/bold]

    thinmesh webhook secret
    """
    from thinmesh_pipelines.webhooks.signature import new_secret

    print(new_secret())


@webhook_app.command("test")
def try_out(
    tenant: Annotated[str, typer.Option("--tenant", help="Whose webhooks to try.")],
    config: Config = None,
    state: State = STATE,
) -> None:
    """Send `webhook.test` to each of a tenant's webhooks and say what it answers. Exits with 1 where one does not take it.

    [bold]Example[/bold]

    thinmesh webhook test --tenant dev --config thinmesh.yaml
    """
    try:
        from thinmesh_pipelines.outgoing.client import Outgoing
        from thinmesh_pipelines.webhooks.delivery import taken, tell
    except ImportError:
        fail("webhooks: install the extra `worker`")
    from thinmesh_pipelines.webhooks.endpoints import Endpoints
    from thinmesh_pipelines.webhooks.event import TEST, Event

    setting = setting_of(config, state)
    jobs = setting.config.jobs
    if jobs is None:
        fail("there are no jobs to be told of: put `jobs: {}` into thinmesh.yaml")
    try:
        endpoints = Endpoints.of({tenant: setting.webhooks.get(tenant, ())}, os.environ).wanting(tenant, TEST)
    except ConfigError as error:
        fail(str(error))
    if not endpoints:
        fail(f"the tenant {tenant!r} has no webhooks: put them into tenants.{tenant}.webhooks")
    outgoing = Outgoing(jobs.outgoing)
    refused = False
    for endpoint in endpoints:
        now = time.time()
        event = Event(f"evt_{secrets.token_hex(12)}", tenant, TEST, "job-test", now)
        try:
            answer = asyncio.run(tell(outgoing, endpoint, event, now))
        except MeshError as error:
            refused = True
            say(f"{endpoint.setting}: {error.message}")
        else:
            refused = refused or not taken(answer)
            say(f"{endpoint.setting}: answered {answer.status}")
    if refused:
        raise typer.Exit(1)
