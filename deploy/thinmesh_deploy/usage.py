"""The command that tells what tenants used, and what that costs, out of the audit log."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from thinmesh_core.ranges import MILLION
from thinmesh_deploy.options import STATE, Config, State, audit_log, fail, written
from thinmesh_router.config import ModelConfig, Price
from thinmesh_router.quota.plan import priced

if TYPE_CHECKING:
    from thinmesh_gateway.audit.store import Used

BY = ("tenant", "model", "day")
COUNTS = ("calls", "input_tokens", "output_tokens", "cost")

output = Console(highlight=False, markup=False)


def usage(
    by: Annotated[str, typer.Option("--by", help="What is told apart, of: tenant, model, day.")] = "tenant,model",
    since: Annotated[
        datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="First day, UTC. [the month's first]")
    ] = None,
    until: Annotated[datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="Last day, UTC. [today]")] = None,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Only this tenant's.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV.")] = False,
    json: Annotated[bool, typer.Option("--json", help="A line of JSON each.")] = False,
    config: Config = None,
    state: State = STATE,
) -> None:
    """Show tokens and cost by tenant, model and day, at the prices that thinmesh.yaml has now.

    [bold]Examples[/bold]

    thinmesh usage

    thinmesh usage --by tenant,day --since 2026-11-01 --until 2026-11-30 --csv > november.csv
    """
    from thinmesh_gateway.audit.store import DAY_MS

    names = by.split(",")
    if not set(names) <= set(BY):
        fail(f"--by takes some of {', '.join(BY)}, with a comma between them")
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = today.replace(day=1) if since is None else since.replace(tzinfo=UTC)
    last = today if until is None else until.replace(tzinfo=UTC)
    setting = written(config, state)
    with audit_log(setting) as log:
        found = log.used(_ms(first), _ms(last) + DAY_MS, tenant)
    rows = list(summed(found, names, setting.config.models))
    if as_csv:
        writer = csv.DictWriter(sys.stdout, [*names, *COUNTS])
        writer.writeheader()
        writer.writerows({**row, "cost": f"{row['cost']:.6f}"} for row in rows)
    elif json:
        for row in rows:
            print(msgspec.json.encode(row).decode())
    else:
        output.print(_table(names, rows, f"usage {first.date()} to {last.date()}, UTC"))


def summed(found: Iterable[Used], by: Sequence[str], models: Mapping[str, ModelConfig]) -> Iterator[dict[str, Any]]:
    """A row for each of what is told apart, in order. A model is told by its first name, whatever it was called."""
    first = {alias: name for name, model in models.items() for alias in model.aliases}
    prices: dict[str, Price | None] = {name: model.price for name, model in models.items()}
    sums: dict[tuple[str, ...], list[int]] = {}
    for one in found:
        model = first.get(one.model, one.model)
        of = {"tenant": one.tenant, "model": model, "day": (date(1970, 1, 1) + timedelta(days=one.day)).isoformat()}
        price = priced(prices.get(model))
        spent = one.input_tokens * price[0] + one.output_tokens * price[1]
        row = sums.setdefault(tuple(of[name] for name in by), [0, 0, 0, 0])
        for number, count in enumerate((one.calls, one.input_tokens, one.output_tokens, spent)):
            row[number] += count
    for key, (calls, given, made, spent) in sorted(sums.items()):
        counts = {"calls": calls, "input_tokens": given, "output_tokens": made, "cost": spent / MILLION / MILLION}
        yield {**dict(zip(by, key, strict=True)), **counts}


def _table(names: Sequence[str], rows: Sequence[Mapping[str, Any]], title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="dim", header_style="bold", box=None)
    for name in names:
        table.add_column(name, no_wrap=True)
    for name in COUNTS:
        table.add_column(name.replace("_", " "), justify="right", no_wrap=True)
    for row in rows:
        counts = [f"{row[name]:,}" for name in COUNTS[:-1]]
        table.add_row(*(Text(row[name]) for name in names), *counts, f"{row['cost']:,.2f}")
    return table


def _ms(when: datetime) -> int:
    return int(when.timestamp() * 1000)
