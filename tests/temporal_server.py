"""A real Temporal in a process of its own, which tests may freeze and kill."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

COMMAND = Path(sys.executable).with_name("temporal")  # where the wheel has it
SERVICE = "temporal.api.workflowservice.v1.WorkflowService"

PRAGMAS = ("journal_mode=wal", "synchronous=normal")
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
    port, console = _free_ports(2)
    flags = ["--ip", "127.0.0.1", "--port", str(port), "--ui-port", str(console), "--db-filename", str(folder / "temporal.db")]
    flags += [word for pragma in PRAGMAS for word in ("--sqlite-pragma", pragma)]
    flags += [word for value in EXACT for word in ("--dynamic-config-value", value)]
    with (folder / "temporal.log").open("wb") as said:
        process = await asyncio.create_subprocess_exec(str(COMMAND), "server", "start-dev", *flags, stdout=said, stderr=said)
    try:
        async with asyncio.timeout(30), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            while not await _serves(channel):
                assert process.returncode is None, (folder / "temporal.log").read_text()
                await asyncio.sleep(0.05)
        yield TemporalServer(f"127.0.0.1:{port}", folder, process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _serves(channel: grpc.aio.Channel) -> bool:
    try:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=1)
    except grpc.aio.AioRpcError:
        return False
    return answer.status == health_pb2.HealthCheckResponse.SERVING


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with ExitStack() as stack:
        found = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in found]
