"""A real Temporal in a process of its own, which tests may freeze and kill."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from engines.serving import free_port, until_serving
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from thinmesh_deploy.temporal import FILE, start_dev

COMMAND = Path(sys.executable).with_name("temporal")  # where the wheel has it
SERVICE = "temporal.api.workflowservice.v1.WorkflowService"

START_SECONDS = 30.0

FORGETFUL = (
    'history.retentionTimerJitterDuration="0s"',
    'system.namespaceMinRetentionLocal="1s"',
    'system.namespaceMinRetentionGlobal="1s"',
)
"""With these what has ended may be kept for seconds, and is kept no longer."""


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


async def keep_shortly(address: str, namespace: str, kept: timedelta) -> None:
    """Makes a namespace that keeps what has ended for so long, from its first workflow on: a change would be heard of later."""
    period = Duration()
    period.FromTimedelta(kept)
    client = await Client.connect(address)
    request = RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=period)
    await client.workflow_service.register_namespace(request)
