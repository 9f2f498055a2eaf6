"""`thinmesh up`: the whole mesh in the foreground, told to the person who started it."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from rich.console import Console

from thinmesh_core.errors import MeshError
from thinmesh_deploy.audit import audited, operator
from thinmesh_deploy.config import DEV_TENANT, Listen, Setting
from thinmesh_deploy.embedded import Mesh
from thinmesh_deploy.keys import DEV_KEY
from thinmesh_deploy.process import Signals
from thinmesh_gateway.identity.database import cause
from thinmesh_gateway.identity.key import id_of
from thinmesh_gateway.keys import KeyStore

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.1


async def up(setting: Setting, at: Listen, console: Console, log_level: str, signals: Signals) -> None:
    """Serves until told to stop; says what is awaited while models load, then where the mesh listens and what to try."""
    key_file = dev_key(setting)
    mesh = Mesh(setting, log_level, signals.lag)
    stop = signals.stop
    async with mesh.serving(at, signals.reload) as bound:
        if awaited := mesh.problems():
            console.print("starting: " + "; ".join(awaited))
        with console.status("starting") as status:
            while (problems := mesh.problems()) and not stop.is_set():
                mesh.check_started()
                status.update("starting: " + "; ".join(problems))
                await asyncio.sleep(LOOK_SECONDS)
        if not stop.is_set():
            console.print(_greeting(setting, bound, key_file, mesh.console), soft_wrap=True)
        await signals.drained(mesh.drain, setting.config.drain_seconds)
        console.print(f"stopping; running calls have {setting.config.grace_seconds:g} s")
        await mesh.doors.shut(signals.pause)


def _greeting(setting: Setting, bound: Listen, key_file: Path | None, temporal: str | None) -> str:
    model = next(iter(setting.config.models))
    key = "YOUR_KEY" if key_file is None else f"$(cat {key_file})"
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Write two sentences about the sea."}}]}}'
    jobs = "" if temporal is None else f"\n  jobs   {temporal}  (Temporal)"
    return f"""[bold green]thinmesh is up[/bold green]
  REST   http://{bound.http}/v1
  gRPC   {bound.grpc}
  admin  http://{bound.admin}  (a page to look at, /metrics, /healthz, /readyz){jobs}
  models {", ".join(setting.config.models)}

Try it:
curl -s http://{bound.http}/v1/chat/completions -H "authorization: Bearer {key}" -d '{body}'
"""


def dev_key(setting: Setting) -> Path | None:
    """The file with the development key, made on first start; none where the configuration has no tenant for it."""
    if DEV_TENANT not in setting.config.tenants:
        return None
    path = setting.state / DEV_KEY
    if not path.exists():
        store = KeyStore(setting.state, setting.config.database)
        try:
            with audited(setting.state, store, "up") as trail:
                trail.holder = operator(DEV_TENANT)
                key = store.create(DEV_TENANT, time.time(), roles=setting.config.tenants[DEV_TENANT].roles)
                trail.object = id_of(key)
        except MeshError as error:
            log.warning("no development key is made, the database of keys can't be used: %s", cause(error))
            return None
        finally:
            store.close()
        path.touch(mode=0o600)
        path.write_text(key + "\n")
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
