"""The command that tells where one call's time went, out of the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from thinmesh_deploy.options import STATE, Config, State, audit_log, fail, written

if TYPE_CHECKING:
    from thinmesh_gateway.audit.entry import Entry

MOST = 20
"""Calls of one request id that are shown: a caller may use one again, and a job's step keeps its own."""

WIDTH = 28
"""Of a bar, in characters."""

output = Console(highlight=False, markup=False)


def trace(
    request_id: Annotated[str, typer.Argument(help="As in the answer's `x-request-id`.")],
    tenant: Annotated[str | None, typer.Option("--tenant", help="Only this tenant's.")] = None,
    json: Annotated[bool, typer.Option("--json", help="A line of JSON each, as in the access log.")] = False,
    config: Config = None,
    state: State = STATE,
) -> None:
    """Show where the time of one call went, a second after its end.

    [bold]Examples[/bold]

    thinmesh trace req-8d2f6c0b5a4e3f2d1c0b9a87

    thinmesh trace req-8d2f6c0b5a4e3f2d1c0b9a87 --json | jq .queue_ms
    """
    from thinmesh_gateway.audit.account import shown

    with audit_log(written(config, state)) as log:
        found = log.newest(MOST, tenant, request_id=request_id)[::-1]
    if not found:
        fail(f"no call {request_id!r} is in the audit log: is it a second old, and are --config and --state the mesh's?")
    for _, sealed in found:
        entry = shown(sealed)
        if json:
            print(msgspec.json.encode(entry).decode())
        else:
            output.print(course(entry))


def course(entry: Entry) -> Table:
    """One line a part of the call, each with a bar where it was in the whole."""
    ended = datetime.fromtimestamp(entry.unix_ms / 1000).astimezone().isoformat(" ", "milliseconds")
    head = (entry.operation, entry.tenant, entry.model, entry.priority, entry.decision, f"ended {ended}")
    table = Table(
        title=Text(" · ".join(filter(None, head))), title_justify="left", title_style="dim", header_style="bold", box=None
    )
    for column in ("part", "where", "ms"):
        table.add_column(column, justify="right" if column == "ms" else "left", no_wrap=True)
    table.add_column("", min_width=WIDTH, no_wrap=True)
    if entry.backend:
        table.caption = f"{entry.input_tokens} tokens read, {entry.output_tokens} made"
        table.caption_justify = "left"
    backend = f"backend {entry.backend or '-'}"
    before = 0.0
    for part, where, ms in (
        ("gateway", "gateway", entry.gateway_ms),
        ("queue", "router", entry.queue_ms),
        ("retries", "other backends", entry.retries_ms),
        ("first token", backend, entry.first_token_ms),
        ("generation", backend, entry.generation_ms),
    ):
        table.add_row(part, Text(where), f"{ms:,.1f}", _bar(before, ms, entry.total_ms))
        before += ms
    table.add_row("total", "", f"{entry.total_ms:,.1f}", "", style="bold")
    return table


def _bar(before: float, ms: float, total: float) -> str:
    """A part of a line that begins where the part before it ends; what took any time is seen."""
    if not ms or not total:
        return ""
    start = min(int(before / total * WIDTH), WIDTH - 1)
    return " " * start + "━" * max(round(ms / total * WIDTH), 1)
