"""Parts on different machines, played on this one by an address that does not count as its own: every listener asks for a certificate."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from canaries import PROMPT
from certificates import Authority
from launch import command, flags, free_port, listeners, output, said

HERE = "LOCALHOST"
CONFIG = """
tenants: {dev: {}}
backends: {echo: {adapter: echo, address: "LOCALHOST:ADAPTER"}}
models: {echo: {backends: [echo]}}
listen: {router: "LOCALHOST:ROUTER", http: "LOCALHOST:HTTP", grpc: "LOCALHOST:GRPC", admin: "LOCALHOST:ADMIN"}
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
    for role in ("gateway", "router", "adapter", "operator", "edge"):
        authority.issue(role)
    config = CONFIG.replace("FOLDER", str(state / "tls"))
    ports = {name: free_port() for name in ("ADAPTER", "ROUTER", "HTTP", "GRPC", "ADMIN")}
    admins = [free_port(), free_port()]
    for name, port in ports.items():
        config = config.replace(f"LOCALHOST:{name}", f"LOCALHOST:{port}")
    file = state / "thinmesh.yaml"
    file.write_text(config)
    run = flags(file, state)
    async with AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(command(*words, *run))
            for words in (
                ("adapter", "echo", "--admin", f"{HERE}:{admins[0]}"),
                ("router", "--admin", f"{HERE}:{admins[1]}"),
                ("gateway",),
            )
        ]
        await said(processes[2], "gateway: REST")
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
        code, table, error = await output("status", *flags(file, state))
        assert (code, "ready" in table) == (0, True), error

        found = {port for process in processes for port in listeners(process.pid)}
        assert found == {*ports.values(), *admins}
        stranger = ssl.create_default_context(cafile=authority.file)
        stranger.check_hostname = False
        for port in found:
            with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                await heard(port, stranger)


@pytest.mark.parametrize("part", ["gateway", "router", "adapter"])
async def test_without_certificates_no_part_listens_beyond_its_machine(state: Path, part: str) -> None:
    file = state / "thinmesh.yaml"
    file.write_text(
        CONFIG[: CONFIG.index("tls:")]
        .replace("ADAPTER", "0")
        .replace("ROUTER", "0")
        .replace("HTTP", "0")
        .replace("GRPC", "0")
        .replace("ADMIN", "0")
    )
    words = (part, "echo") if part == "adapter" else (part,)
    code, _, error = await output(*words, *flags(file, state))
    assert (code, "refusing to listen on LOCALHOST:0 without TLS: give `tls`" in error) == (2, True)
