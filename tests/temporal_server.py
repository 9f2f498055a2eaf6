"""A real Temporal in a process of its own, which tests may freeze and kill."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from engines.serving import free_port, until_serving

COMMAND = Path(sys.executable).with_name("temporal")  # where the wheel has it
SERVICE = "temporal.api.workflowservice.v1.WorkflowService"

PRAGMAS = ("journal_mode=wal", "synchronous=normal")
START_SECONDS = 30.0
EXACT = ("matching.enableFairness=true", "matching.numTaskqueueReadPartitions=1", "matching.numTaskqueueWritePartitions=1")


@dataclass(frozen=True)
class TemporalServer:
    """A server that answers at `address`, and keeps all that it knows in `folder`."""

    address: str
    folder: Path
    process: asyncio.subprocess.Process


@asynccontextmanager
async def temporal_server(folder: Path) -> AsyncIterator[TemporalServer]:
    """Starts one on ports of its own and a file in `folder`; kills it on the way out."""
    port, console, log = free_port(), free_port(), folder / "temporal.log"
    flags = ["--ip", "127.0.0.1", "--port", str(port), "--ui-port", str(console), "--db-filename", str(folder / "temporal.db")]
    flags += [word for pragma in PRAGMAS for word in ("--sqlite-pragma", pragma)]
    flags += [word for value in EXACT for word in ("--dynamic-config-value", value)]
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(str(COMMAND), "server", "start-dev", *flags, stdout=said, stderr=said)
    try:
        await until_serving(f"127.0.0.1:{port}", SERVICE, process, log, START_SECONDS)
        yield TemporalServer(f"127.0.0.1:{port}", folder, process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
