"""`thinmesh doctor`: all looks at once, each with a time of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from thinmesh_core.config import ConfigError
from thinmesh_deploy.config import MeshConfig, Setting, checked
from thinmesh_deploy.doctor import backends, certificates, folder, listening, readiness, stores, versions
from thinmesh_deploy.doctor.finding import Finding, ok, worst_first, wrong
from thinmesh_deploy.doctor.report import report
from thinmesh_deploy.options import STATE, AdminAt, Config, Json, State

SECONDS = 8.0
"""What one look may take."""

Look = Callable[[], Awaitable[list[Finding]]]


def doctor(config: Config = None, state: State = STATE, admin: AdminAt = None, json: Json = False) -> None:
    """Say what is wrong, where, and what to do, whether the mesh is up or down. Exits with 1 where something is wrong.

    [bold]Examples[/bold]

    thinmesh doctor --config thinmesh.yaml

    thinmesh doctor --json | jq -r '.[] | select(.level == "wrong") | .where + ": " + .do'
    """
    report(worst_first(asyncio.run(examine(config, state, admin))), json=json)


async def examine(config: Path | None, state: Path, admin: str | None) -> list[Finding]:
    """Everything that is found. Where the file is wrong, what does not depend on it."""
    try:
        setting = checked(config, state)
    except ConfigError as error:
        file = wrong("thinmesh.yaml", str(error), "correct the file: the message names the key")
        return [file, *await _all(_anyhow(state, None))]
    return [ok("thinmesh.yaml", str(setting.path)), *await _all(_looks(setting, admin))]


def _anyhow(state: Path, config: MeshConfig | None) -> dict[str, Look]:
    return {"state folder": partial(_apart, folder.look, state), "versions": partial(_apart, versions.look, config)}


def _looks(setting: Setting, admin: str | None) -> dict[str, Look]:
    config = setting.config
    return _anyhow(setting.state, config) | {
        "certificates": partial(_apart, certificates.look, config),
        "listen": partial(_apart, listening.look, config),
        "/readyz": partial(_apart, readiness.look, config, admin),
        "backends": partial(backends.look, setting),
        "jobs.temporal": partial(stores.temporal, config.jobs),
        "quotas.store": partial(stores.redis, "quotas.store", config.quotas.store),
        "idempotency.store": partial(stores.redis, "idempotency.store", config.idempotency.store),
        "database": partial(_apart, stores.database, setting),
    }


async def _all(looks: dict[str, Look]) -> list[Finding]:
    return [finding for found in await asyncio.gather(*(_within(*look) for look in looks.items())) for finding in found]


async def _within(where: str, look: Look) -> list[Finding]:
    try:
        async with asyncio.timeout(SECONDS):
            return await look()
    except TimeoutError:
        what = f"it could not be looked at within {SECONDS:g} s"
        return [wrong(where, what, "is it frozen, or a network behind it gone? Try again")]


async def _apart(look: Callable[..., list[Finding]], *given: object) -> list[Finding]:
    """A look that blocks, in a thread."""
    return await asyncio.to_thread(look, *given)
