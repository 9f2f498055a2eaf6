"""A process that runs out of something: disk for its log, file descriptors, memory. Calls are served, or refused, and it lives."""

from __future__ import annotations

import asyncio
import re
import resource
import socket
import sys
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from canaries import PROMPT
from grpc.aio import AioRpcError
from launch import ECHO, Running, cpu_seconds, flags, mesh
from load import Record, complete, play, session, until
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc

from thinmesh_core.channel import dial

LISTEN = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0")


async def metric(client: aiohttp.ClientSession, running: Running, name: str) -> float:
    """A metric without labels."""
    async with client.get(f"{running.admin}/metrics") as response:
        found = re.search(rf"^{name} (\S+)$", await response.text(), re.MULTILINE)
    assert found is not None, name
    return float(found[1])


async def test_fault_27_a_full_disk_stops_only_the_log(state: Path, record_property: Record) -> None:
    """The log's file can grow no more (RLIMIT_FSIZE) -> every call is served, lost lines are counted, later ones are written."""
    log = state / "log"
    (state / "thinmesh.yaml").write_text(ECHO)
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "thinmesh_deploy", "up", "--log-level", "info", *LISTEN),
            *flags(state / "thinmesh.yaml", state),
            stderr=file,
        )
    try:

        async def said() -> bool:
            return "REST " in log.read_text()

        await until(said, within=60)
        http, admin = (re.search(pattern, log.read_text()) for pattern in (r"REST +(http://\S+)/v1", r"admin +(http://\S+)"))
        assert http is not None
        assert admin is not None
        running = Running(http[1], "", (state / "dev-key").read_text().strip(), state, admin[1])
        async with session(running) as client:
            full = log.stat().st_size + 2048
            before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))
            sent = await play([0.01 * count for count in range(200)], lambda: complete(client, running, "echo"))
            dropped = await metric(client, running, "thinmesh_log_lines_dropped_total")
            size = log.stat().st_size
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, before)
            await complete(client, running, "echo", user="after")

            async def grown() -> bool:
                return log.stat().st_size > size

            await until(grown, within=10)
    finally:
        process.terminate()
        code = await asyncio.wait_for(process.wait(), 20)
    served = sum(one.outcome.status == 200 for one in sent)
    record_property("served", f"{served} of {len(sent)}")
    record_property("lines lost", f"{dropped:.0f}")
    assert served == len(sent)
    assert dropped > 100
    assert size <= full
    assert code == 0


@pytest.mark.faults
async def test_fault_28_idle_connections_use_up_the_descriptors(state: Path, record_property: Record) -> None:
    """10 000 idle connections to a process that may have 256 descriptors -> it is not busy with them, and serves again after."""
    async with mesh(ECHO, state, "up") as running, session(running) as client:
        process = running.processes["up"]
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (256, 256))
        idle: list[socket.socket] = []
        try:
            for address in (_address(running.http.removeprefix("http://")), _address(running.grpc)):
                for _ in range(5000):
                    one = socket.socket()
                    one.setblocking(False)  # the kernel connects as many as it holds
                    one.connect_ex(address)
                    idle.append(one)
                await asyncio.sleep(0)
            await asyncio.sleep(2)
            held = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
            used = cpu_seconds(process.pid)
            await asyncio.sleep(5)
            busy = (cpu_seconds(process.pid) - used) / 5
        finally:
            for one in idle:
                one.close()

        async def rest() -> bool:
            with suppress(aiohttp.ClientError):
                return (await complete(client, running, "echo")).status == 200
            return False

        async def grpc() -> bool:
            with suppress(AioRpcError):
                async with dial(running.grpc) as channel:
                    stub = inference_grpc.InferenceServiceStub(channel)
                    await stub.Generate(pb.GenerateRequest(model="echo", text=PROMPT), metadata=running.metadata, timeout=5)
                    return True
            return False

        by_rest, by_grpc = await asyncio.gather(until(rest, within=30), until(grpc, within=30))
    record_property("descriptors in use", held)
    record_property("busy", f"{busy:.0%} of a processor")
    record_property("served again after", f"{by_rest:.2f} s by REST, {by_grpc:.2f} s by gRPC")
    assert held >= 250
    assert busy <= 0.2
    assert by_rest <= 1
    assert by_grpc <= 15  # grpc accepts what waits for it in its own time


def _address(text: str) -> tuple[str, int]:
    host, port = text.split(":")
    return host, int(port)
