"""A real Temporal in a process of its own, which tests may freeze and kill."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from engines.serving import free_port, until_serving

from thinmesh_deploy.temporal import FILE, start_dev

COMMAND = Path(sys.executable).with_name("temporal")  # where the wheel has it
SERVICE = "temporal.api.workflowservice.v1.WorkflowService"

START_SECONDS = 30.0


@dataclass(frozen=True)
class TemporalServer:
    """A server that answers at `address`, and keeps all that it knows in `folder`."""

    address: str
    folder: Path
    process: asyncio.subprocess.Process


@asynccontextmanager
async def temporal_server(folder: Path, *values: str) -> AsyncIterator[TemporalServer]:
    """Starts one on ports of its own and a file in `folder`, with `values` of its dynamic configuration; kills it on the way out."""
    port, console, log = free_port(), free_port(), folder / "temporal.log"
    flags = start_dev(port, console, folder / FILE) + [word for one in values for word in ("--dynamic-config-value", one)]
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(str(COMMAND), *flags, stdout=said, stderr=said)
    try:
        await until_serving(f"127.0.0.1:{port}", SERVICE, process, log, START_SECONDS)
        yield TemporalServer(f"127.0.0.1:{port}", folder, process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
