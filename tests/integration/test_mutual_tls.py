"""Parts on different machines, played on this one by an address that does not count as its own: every listener asks for a certificate."""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import grpc
import pytest
from canaries import PROMPT
from certificates import Authority, Files
from launch import command, flags, free_port, listeners, output, said
from temporal_server import temporal_server
from thinmesh.inference.v1 import inference_service_pb2 as inference_pb
from thinmesh.job.v1 import job_service_pb2 as pb
from thinmesh.job.v1 import job_service_pb2_grpc as job_grpc

HERE = "LOCALHOST"
CONFIG = """
tenants: {dev: {}}
backends: {echo: {adapter: echo, address: "LOCALHOST:ADAPTER"}}
models: {echo: {backends: [echo]}}
listen:
  router: "LOCALHOST:ROUTER"
  inner: "LOCALHOST:INNER"
  worker: "LOCALHOST:WORKER"
  http: "LOCALHOST:HTTP"
  grpc: "LOCALHOST:GRPC"
  admin: "LOCALHOST:ADMIN"
jobs: {temporal: "TEMPORAL"}
tls: {authority: FOLDER/authority.pem, certificate: "FOLDER/{role}.pem", key: "FOLDER/{role}.key"}
"""


async def heard(port: int, tls: ssl.SSLContext) -> bytes:
    """What a listener says to whoever has no certificate."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    try:
        writer.write(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")
        await writer.drain()
        return await reader.readexactly(1)
    finally:
        writer.close()


async def test_every_listener_of_a_split_mesh_demands_a_certificate(state: Path) -> None:
    authority = Authority(state / "tls")
    for role in ("gateway", "router", "adapter", "worker", "operator", "edge"):
        authority.issue(role)
    config = CONFIG.replace("FOLDER", str(state / "tls"))
    file = state / "thinmesh.yaml"
    run = flags(file, state)
    async with AsyncExitStack() as stack:
        temporal = await stack.enter_async_context(temporal_server(state))
        ports = {name: free_port() for name in ("ADAPTER", "ROUTER", "INNER", "WORKER", "HTTP", "GRPC", "ADMIN")}
        admins = [free_port(), free_port(), free_port()]
        for name, port in ports.items():
            config = config.replace(f"LOCALHOST:{name}", f"LOCALHOST:{port}")
        file.write_text(config.replace("TEMPORAL", temporal.address))
        processes = [
            await stack.enter_async_context(command(*words, *run))
            for words in (
                ("adapter", "echo", "--admin", f"{HERE}:{admins[0]}"),
                ("router", "--admin", f"{HERE}:{admins[1]}"),
                ("worker", "--admin", f"{HERE}:{admins[2]}"),
                ("gateway",),
            )
        ]
        await said(processes[3], "gateway: REST")
        code, key, error = await output("key", "create", "--tenant", "dev", *flags(file, state))
        assert code == 0, error
        trusting = ssl.create_default_context(cafile=authority.file)
        edge = authority.issue("edge")
        trusting.load_cert_chain(edge.certificate, edge.key)
        headers = {"authorization": f"Bearer {key.strip()}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            url, name = f"https://{HERE}:{ports['HTTP']}/v1/completions", "gateway.thinmesh"
            async with asyncio.timeout(15):
                while True:
                    async with session.post(
                        url, json={"model": "echo", "prompt": PROMPT}, ssl=trusting, server_hostname=name
                    ) as answer:
                        if answer.status == 200:
                            assert (await answer.json())["choices"][0]["text"] == PROMPT
                            break
                    await asyncio.sleep(0.1)
        worked = await job(f"{HERE}:{ports['GRPC']}", edge, key.strip())
        assert worked.result.generate.choices[0].text == PROMPT
        code, table, error = await output("status", *flags(file, state))
        assert (code, "ready" in table) == (0, True), error

        found = {port for process in processes for port in listeners(process.pid)}
        assert found == {*ports.values(), *admins}
        stranger = ssl.create_default_context(cafile=authority.file)
        stranger.check_hostname = False
        for port in found:
            with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                await heard(port, stranger)


async def job(address: str, edge: Files, key: str) -> pb.Job:
    """A job that the worker runs through the gateway's inner door, asked for and followed as the edge would."""
    credentials = grpc.ssl_channel_credentials(
        edge.authority.read_bytes(), edge.key.read_bytes(), edge.certificate.read_bytes()
    )
    named = (("grpc.ssl_target_name_override", "gateway.thinmesh"),)
    metadata = (("authorization", f"Bearer {key}"),)
    async with grpc.aio.secure_channel(address, credentials, options=named) as channel, asyncio.timeout(30):
        stub = job_grpc.JobServiceStub(channel)
        request = pb.CreateJobRequest(generate=inference_pb.GenerateRequest(model="echo", text=PROMPT))
        made = await stub.CreateJob(request, metadata=metadata, timeout=10)
        watched = stub.WatchJob(pb.WatchJobRequest(id=made.job.id), metadata=metadata)
        return [news.job async for news in watched][-1]


@pytest.mark.parametrize("part", ["gateway", "router", "adapter", "worker"])
async def test_without_certificates_no_part_listens_beyond_its_machine(state: Path, part: str) -> None:
    code, error = await started(state, part, CONFIG.replace('  inner: "LOCALHOST:INNER"\n', ""))
    assert (code, "refusing to listen on LOCALHOST:0 without TLS: give `tls`" in error) == (2, True)


async def test_the_door_for_workers_is_never_open_to_others(state: Path) -> None:
    """It believes who comes through it: neither loopback nor `insecure` will do."""
    config = CONFIG.replace('inner: "LOCALHOST:INNER"', 'inner: "127.0.0.1:INNER"')
    code, error = await started(state, "gateway", f"insecure: true\n{config}")
    assert (code, "listen.inner: use a unix socket, or an address with `tls`" in error) == (2, True)


async def started(state: Path, part: str, config: str) -> tuple[int, str]:
    """How a part ends that has no certificates, and what it says."""
    config = re.sub("(?<=:)[A-Z]{4,}", "0", config[: config.index("tls:")]).replace("TEMPORAL", "127.0.0.1:1")
    (state / "thinmesh.yaml").write_text(config)
    words = (part, "echo") if part == "adapter" else (part,)
    code, _, error = await output(*words, *flags(state / "thinmesh.yaml", state))
    return code, error
