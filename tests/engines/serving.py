"""Waiting for an engine's gRPC server."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

PATIENCE = [("grpc.max_reconnect_backoff_ms", 500)]
"""Else gRPC tries again less and less often, and is the last to know."""


def free_port() -> int:
    """A loopback port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def until_serving(address: str, service: str, process: asyncio.subprocess.Process, log: Path, seconds: float) -> None:
    """Asks the server's health until it serves; RuntimeError with the end of its log should its process end before."""
    async with asyncio.timeout(seconds), grpc.aio.insecure_channel(address, options=PATIENCE) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"the engine ended with {process.returncode}:\n{log.read_text()[-2000:]}")
            try:
                answer = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
            except grpc.aio.AioRpcError:
                pass  # it is not listening yet
            await asyncio.sleep(0.1)
