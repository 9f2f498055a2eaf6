"""`thinmesh up --edge` in the foreground, told to the person who started it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rich.console import Console

from thinmesh_core import address
from thinmesh_deploy.config import Setting
from thinmesh_deploy.edge.supervisor import Supervisor
from thinmesh_deploy.process import Signals
from thinmesh_deploy.up import LOOK_SECONDS, dev_key


async def up(
    setting: Setting, workers: int, admin: str, authority: Path | None, console: Console, log_level: str, signals: Signals
) -> None:
    """Serves until told to stop. `authority` is the edge's own certificate, where nobody vouches for it."""
    key_file = dev_key(setting)
    supervisor = Supervisor(setting, workers, log_level)
    async with supervisor.serving(admin, signals.reload) as admin_at:
        console.print("starting: " + "; ".join(supervisor.starting()))
        with console.status("starting") as status:
            while (awaited := supervisor.starting()) and not signals.stop.is_set():
                supervisor.check_started()
                status.update("starting: " + "; ".join(awaited))
                await asyncio.sleep(LOOK_SECONDS)
        if not signals.stop.is_set():
            console.print(_greeting(setting, workers, admin_at, key_file, authority, supervisor.console), soft_wrap=True)
        await signals.stop.wait()
        console.print(f"stopping; running calls have {setting.config.grace_seconds:g} s")


def _greeting(
    setting: Setting, workers: int, admin: str, key_file: Path | None, authority: Path | None, temporal: str | None
) -> str:
    assert setting.config.edge is not None
    http, rpc = setting.config.edge.http, setting.config.edge.grpc
    port = address.parse(http).port
    model = next(iter(setting.config.models))
    key = "YOUR_KEY" if key_file is None else f"$(cat {key_file})"
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Write two sentences about the sea."}}]}}'
    jobs = "" if temporal is None else f"\n  jobs   {temporal}  (Temporal)"
    trust, warning = "", ""
    if authority is not None:
        trust = f"--cacert {authority} "
        warning = f"\n  TLS    a certificate of its own, for this machine alone: callers have to trust {authority}"
    return f"""[bold green]thinmesh is up[/bold green]: nginx and {workers} workers
  REST   https://{http}/v1
  gRPC   {rpc}  (TLS)
  admin  http://{admin}  (/metrics of all workers, /healthz, /readyz){jobs}
  models {", ".join(setting.config.models)}{warning}

Try it:
curl -s {trust}https://localhost:{port}/v1/chat/completions -H "authorization: Bearer {key}" -d '{body}'
"""
