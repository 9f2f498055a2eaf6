"""The commands for keys. They work on the database itself, beside running gateways, which follow it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from thinmesh_deploy import completion, tables
from thinmesh_deploy.audit import audited, operator
from thinmesh_deploy.options import STATE, Config, Json, State, fail, opened, say, setting_of, show_json
from thinmesh_gateway.identity.key import id_of
from thinmesh_gateway.identity.principal import is_name
from thinmesh_gateway.roles import Roles

DAY = 86_400.0
HOUR = 3_600.0

DEV_KEY = "dev-key"
"""The file in the state folder with the development key."""

key_app = typer.Typer(help="API keys.", no_args_is_help=True)
output = Console(highlight=False, markup=False)

KeyId = Annotated[str, typer.Argument(metavar="ID", help="A key's id, as `thinmesh key list` shows it.")]


@key_app.command("create")
def create(
    tenant: Annotated[str, typer.Option("--tenant", help="A tenant of the configuration.", autocompletion=completion.tenants)],
    principal: Annotated[str | None, typer.Option("--principal", help="Whose it is, by a name; else it is its own.")] = None,
    role: Annotated[list[str] | None, typer.Option("--role", help="A role, again for more; else the tenant's.")] = None,
    days: Annotated[float | None, typer.Option("--days", help="How long it holds; else for ever.", min=0)] = None,
    config: Config = None,
    state: State = STATE,
) -> None:
    """Make a key and print it; it is shown this once. Running gateways know it within a second.

    [bold]Examples[/bold]

    thinmesh key create --tenant search-team

    thinmesh key create --tenant search-team --principal nightly-job --role user --days 90
    """
    setting = setting_of(config, state)
    if tenant not in setting.config.tenants:
        fail(f"{setting.path} has no tenant {tenant!r}; it has: {', '.join(sorted(setting.config.tenants))}")
    roles = tuple(role or setting.config.tenants[tenant].roles)
    there = Roles(setting.config.roles)
    for name in roles:
        if name not in there:
            fail(f"there is no role {name!r}; there are: {', '.join(there.names)}")
    if principal is not None and not is_name(principal):
        fail("--principal must be 1 to 128 visible ASCII characters")
    now = time.time()
    with opened(setting) as store, audited(setting.state, store, "key create") as trail:
        trail.holder = operator(tenant)
        key = store.create(tenant, now, principal=principal, roles=roles, expires=None if days is None else now + days * DAY)
        trail.object = id_of(key)
        print(key)


@key_app.command("list")
def list_keys(
    tenant: Annotated[
        str | None, typer.Option("--tenant", help="Only this tenant's.", autocompletion=completion.tenants)
    ] = None,
    config: Config = None,
    state: State = STATE,
    json: Json = False,
) -> None:
    """Show the keys: whose they are, what they may, when they were used, how long they hold.

    [bold]Example[/bold]

    thinmesh key list --tenant search-team
    """
    with opened(setting_of(config, state)) as store:
        found = store.all(tenant)
    if json:
        show_json(list(found))
    else:
        output.print(tables.keys(found, time.time()))


@key_app.command("rotate")
def rotate(
    key_id: KeyId,
    hours: Annotated[float, typer.Option("--overlap-hours", help="How long the old key holds yet.", min=0)] = 24.0,
    config: Config = None,
    state: State = STATE,
) -> None:
    """Make a key that is worth the same as another, and print it; the other one ends after a time.

    [bold]Example[/bold]

    thinmesh key rotate 3f9a12bc7d40 --overlap-hours 2
    """
    setting = setting_of(config, state)
    with opened(setting) as store, audited(setting.state, store, "key rotate") as trail:
        trail.holder, trail.object = operator(store.get(key_id).tenant), key_id
        key = store.rotate(key_id, time.time(), overlap=hours * HOUR)
        trail.object += f" {id_of(key)}"
        print(key)
        say(f"{key_id} holds for {hours:g} h yet")


@key_app.command("revoke")
def revoke(key_id: KeyId, config: Config = None, state: State = STATE) -> None:
    """Make a key worthless. Running gateways refuse it within 5 seconds.

    [bold]Example[/bold]

    thinmesh key revoke 3f9a12bc7d40
    """
    setting = setting_of(config, state)
    with opened(setting) as store, audited(setting.state, store, "key revoke") as trail:
        trail.holder, trail.object = operator(store.get(key_id).tenant), key_id
        key = store.revoke(key_id, time.time())
    say(f"{key.id} of {key.principal}, tenant {key.tenant}, is revoked")


def whoami(
    key: Annotated[
        str | None, typer.Option("--key", help="A key; else the development key.", envvar="THINMESH_KEY", show_envvar=True)
    ] = None,
    config: Config = None,
    state: State = STATE,
    json: Json = False,
) -> None:
    """Show whose a key is and what it may do.

    [bold]Examples[/bold]

    thinmesh whoami

    THINMESH_KEY=tm_live_... thinmesh whoami --config thinmesh.yaml
    """
    setting = setting_of(config, state)
    text = key or development_key(setting.state)
    now = time.time()
    with opened(setting) as store:
        holder = store.read(now).get(store.digest(text.strip()))
    if holder is None:
        fail("the key is not known, or it is revoked or expired")
    granted = Roles(setting.config.roles).granted(holder.roles)
    if json:
        may = {action.value: models.patterns for action, models in granted.items()}
        show_json({"principal": holder.name, "tenant": holder.tenant, "key": holder.key, "roles": holder.roles, "may": may})
        return
    say(f"{holder.name}, tenant {holder.tenant}, key {holder.key}, roles {', '.join(holder.roles)}")
    if holder.tenant not in setting.config.tenants:
        say(f"{setting.path} has no tenant {holder.tenant!r}: gateways refuse the key")
    output.print(tables.grants(granted))


def development_key(state: Path) -> str:
    """The development key; ends the command where there is none."""
    try:
        return (state / DEV_KEY).read_text()
    except OSError:
        fail("give a key with --key or THINMESH_KEY: there is no development key yet")
