"""The commands for the audit log, and what commands put there themselves."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console

from thinmesh_deploy import tables
from thinmesh_deploy.options import STATE, Config, State, audit_log, say, written
from thinmesh_gateway.identity.principal import Principal
from thinmesh_gateway.roles import Action

if TYPE_CHECKING:
    from thinmesh_gateway.audit.trail import Trail
    from thinmesh_gateway.keys import KeyStore

EXIT_FAULTS = 1

audit_app = typer.Typer(help="What was done: the audit log.", no_args_is_help=True)
output = Console(highlight=False, markup=False)


@contextmanager
def audited(state: Path, store: KeyStore, operation: str) -> Iterator[Trail]:
    """What a command does to keys goes into the audit log, however it ends."""
    from thinmesh_gateway.audit.entry import CLI
    from thinmesh_gateway.audit.log import AuditLog
    from thinmesh_gateway.audit.trail import Trail

    log = AuditLog(state, store.database)
    try:
        with Trail(log.add, CLI, operation, Action.KEYS, "") as trail:
            yield trail
    finally:
        log.close()


def operator(tenant: str) -> Principal:
    """Who runs this command, as the operating system has it."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:  # a container need not have its users in a file
        name = str(number)
    return Principal(f"os:{name}", tenant, ())


@audit_app.command("list")
def list_entries(
    tenant: Annotated[str | None, typer.Option("--tenant", help="Only this tenant's.")] = None,
    since: Annotated[datetime | None, typer.Option("--since", help="Only from then on, in this machine's time.")] = None,
    most: Annotated[int, typer.Option("--most", help="How many, of the newest.", min=1)] = 100,
    json: Annotated[bool, typer.Option("--json", help="A line of JSON each, as in audit.jsonl.")] = False,
    config: Config = None,
    state: State = STATE,
) -> None:
    """Show who did what, with which model, and what was decided.

    [bold]Examples[/bold]

    thinmesh audit list --tenant search-team --since 2026-11-25

    thinmesh audit list --most 10000 --json | jq -r 'select(.entry.decision != "ALLOWED") | .entry.principal'
    """
    from thinmesh_gateway.audit.account import shown

    since_ms = None if since is None else int(since.timestamp() * 1000)
    with audit_log(written(config, state)) as log:
        found = [sealed for _, sealed in log.newest(most, tenant, since_ms)][::-1]
    if json:
        for one in found:
            print(msgspec.json.encode(one).decode())
    else:
        output.print(tables.entries(map(shown, found)))


@audit_app.command("verify")
def verify(config: Config = None, state: State = STATE) -> None:
    """Check that nothing was altered, moved or removed, in the database and in the state folder's lines.

    Exits with 1 where something was, and says what and where.

    [bold]Example[/bold]

    thinmesh audit verify --config thinmesh.yaml --state /var/lib/thinmesh
    """
    from thinmesh_gateway.audit.chain import key_of
    from thinmesh_gateway.audit.lines import Lines
    from thinmesh_gateway.audit.verify import DATABASE
    from thinmesh_gateway.audit.verify import verify as check
    from thinmesh_gateway.pepper import pepper

    setting = written(config, state)
    with audit_log(setting) as log:
        found, lines = log.read(), Lines(setting.state).read()
        report = check(key_of(pepper(setting.state)), found, lines, int(time.time() * 1000))
    for note in report.notes:
        say(f"note: {note}")
    for fault in report.faults:
        print(fault)
    if report.faults:
        raise typer.Exit(EXIT_FAULTS)
    say(f"{report.entries} entries of {len(report.writers[DATABASE])} writers are whole")
