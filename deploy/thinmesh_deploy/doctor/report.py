"""Findings, as an operator or a program reads them."""

from __future__ import annotations

from collections.abc import Sequence

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from thinmesh_deploy.doctor.finding import Finding, Level
from thinmesh_deploy.options import show_json

EXIT_WRONG = 1

_STYLES = {Level.WRONG: "bold red", Level.WARNING: "yellow", Level.NOTE: "cyan", Level.OK: "green"}

output = Console(highlight=False, markup=False)


def report(findings: Sequence[Finding], *, json: bool) -> None:
    """Prints them, and ends the command with 1 where something is wrong."""
    if json:
        show_json(findings)
    else:
        output.print(_table(findings))
    if any(one.level is Level.WRONG for one in findings):
        raise typer.Exit(EXIT_WRONG)


def _table(findings: Sequence[Finding]) -> Table:
    """A line each, and below it what to do."""
    shown = Table(Column("", no_wrap=True), "where", "what", header_style="bold", box=None)
    for one in findings:
        what = Text(one.what)
        if one.do:
            what.append(f"\n→ {one.do}", "bold")
        shown.add_row(Text(one.level.value, _STYLES[one.level]), Text(one.where), what)
    return shown
