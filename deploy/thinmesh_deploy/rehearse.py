"""The command that replays an access log against another configuration."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from thinmesh_deploy.options import STATE, Config, State, fail, say, setting_of

if TYPE_CHECKING:
    from thinmesh_deploy.rehearsal import Told
    from thinmesh_gateway.audit.entry import Entry

EXIT_REFUSED = 1

YEAR_9999_MS = 253_370_764_800_000
"""No call ended later than that; what says so is none."""

output = Console(highlight=False, markup=False)


def rehearse(
    access_log: Annotated[Path, typer.Argument(help="Lines of the access log; others among them are left out.")],
    json: Annotated[bool, typer.Option("--json", help="A line of JSON for each call that would be refused.")] = False,
    config: Config = None,
    state: State = STATE,
) -> None:
    """Replay an access log against a configuration: who would be refused, and why. Nothing is sent anywhere.

    Exits with 1 where a call would be refused that was not.

    [bold]Examples[/bold]

    thinmesh rehearse gateway.log --config new.yaml

    thinmesh rehearse gateway.log --config new.yaml --json | jq -r .request_id
    """
    from thinmesh_deploy.rehearsal import Rehearsal
    from thinmesh_gateway.audit.entry import ALLOWED

    try:
        with access_log.open("rb") as file:
            entries = list(calls(file))
    except OSError as error:
        fail(f"{access_log} can't be read: {error.strerror}")
    if not entries:
        fail(f"{access_log} has no line of a call: `thinmesh gateway` writes them, `thinmesh up` with --log-level info")
    told = asyncio.run(Rehearsal(setting_of(config, state).config).run(entries))
    refused = [one for one in told if one.decision != ALLOWED]
    if json:
        for one in refused:
            print(msgspec.json.encode(_line(one)).decode())
    else:
        longest = max((one.waited for one in told), default=0.0)
        if refused:
            output.print(_table(refused))
        say(f"of {len(told)} calls {len(refused)} would be refused; the longest wait is {longest:.1f} s")
    if any(one.entry.decision == ALLOWED for one in refused):
        raise typer.Exit(EXIT_REFUSED)


def calls(lines: Iterator[bytes] | Sequence[bytes]) -> Iterator[Entry]:
    """The calls of models among the lines of a log."""
    from thinmesh_gateway.audit.entry import Entry

    for line in lines:
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if entry.model and entry.model != "-" and 0 <= entry.total_ms <= entry.unix_ms < YEAR_9999_MS:
            yield entry


def _line(told: Told) -> dict[str, object]:
    entry = told.entry
    whose = {"request_id": entry.request_id, "tenant": entry.tenant, "model": entry.model, "was": entry.decision}
    return {**whose, "decision": told.decision, "why": told.why, "waited_seconds": round(told.waited, 3)}


def _table(refused: Sequence[Told]) -> Table:
    from thinmesh_gateway.audit.entry import ALLOWED

    table = Table(title="would be refused", title_justify="left", title_style="dim", header_style="bold", box=None)
    for column in ("tenant", "model", "decision", "why"):
        table.add_column(column)
    for column in ("calls", "were allowed"):
        table.add_column(column, justify="right")
    alike = Counter(map(_kind, refused))
    new = Counter(_kind(one) for one in refused if one.entry.decision == ALLOWED)
    for key, times in sorted(alike.items()):
        table.add_row(*map(Text, key), f"{times:,}", f"{new[key]:,}")
    return table


def _kind(told: Told) -> tuple[str, str, str, str]:
    return told.entry.tenant, told.entry.model, told.decision, told.why
