"""`thinmesh autoscale`: how many replicas a model should have, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated

import grpc
import typer
from google.protobuf.json_format import MessageToDict
from rich.console import Console
from thinmesh.router.v1 import autoscale_service_pb2 as pb
from thinmesh.router.v1 import autoscale_service_pb2_grpc as autoscale_grpc

from thinmesh_deploy.options import STATE, Config, State
from thinmesh_deploy.routers import SECONDS, each

autoscale_app = typer.Typer(help="How many replicas models should have.", no_args_is_help=True)
output = Console(highlight=False, markup=False)


@autoscale_app.callback()
def autoscale() -> None:
    """A group of one command is a group all the same."""


@autoscale_app.command()
def explain(
    model: Annotated[str, typer.Argument(help="A model that has `autoscale`, by name or alias.")],
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON a router.")] = False,
    config: Config = None,
    state: State = STATE,
) -> None:
    """Say how many replicas a model should have now, and why.

    [bold]Examples[/bold]

    thinmesh autoscale explain qwen

    thinmesh autoscale explain qwen --json | jq .decision.wanted
    """

    async def ask(channel: grpc.aio.Channel) -> pb.GetDecisionResponse:
        return await autoscale_grpc.AutoscaleServiceStub(channel).GetDecision(
            pb.GetDecisionRequest(model=model), timeout=SECONDS
        )

    for router, answer in each(config, state, ask):
        if as_json:
            decision = MessageToDict(
                answer.decision, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
            )
            print(json.dumps({"router": router, "decision": decision}))
        else:
            output.print(f"router {router}", style="dim", soft_wrap=True)
            for line in lines(answer.decision):
                output.print(line, markup=False, soft_wrap=True)


def lines(decision: pb.Decision) -> Iterator[str]:
    """A decision for people: what is wanted, then everything that had a part in it."""
    yield (
        f"{decision.model}: {decision.wanted} wanted, {decision.replicas} there; "
        f"from {decision.minimum} to {decision.maximum} there may be"
    )
    for line in decision.why:
        yield f"  {line}"
    if decision.partial:
        yield "  other routers' figures are missing: the store that they share does not answer"
    elif decision.other_routers:
        yield f"  figures of other routers in it: {decision.other_routers}"
