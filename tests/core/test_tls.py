"""Beyond this machine only by mutual TLS: who has no certificate of the mesh, or not the right one, gets no answer."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import aiohttp
import grpc
import pytest
from certificates import Authority, Files
from cryptography import x509
from grpc.aio import AioRpcError
from prometheus_client import REGISTRY
from thinmesh.router.v1 import backend_service_pb2 as pb
from thinmesh.router.v1 import backend_service_pb2_grpc as backend_grpc

from fakes.adapter import reason
from thinmesh_core import tls
from thinmesh_core.address import Address, parse
from thinmesh_core.app import App
from thinmesh_core.config import ConfigError
from thinmesh_core.exposure import Exposure, exposed
from thinmesh_core.http import Message, Receive, Send, serve_http
from thinmesh_core.server import serve_grpc

STRANGE = "LOCALHOST"
"""This machine's own, in a way of writing that does not count as such."""
SECONDS = 5.0
UNANSWERED = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
"""By TLS 1.3 a client believes itself connected until it is told otherwise, and tries again."""

Servicer: Any = backend_grpc.BackendServiceServicer


class Part(App, Servicer):
    """A part that operators may call."""

    services = MappingProxyType({"thinmesh.router.v1.BackendService": frozenset({"operator"})})
    calls = 0

    def register(self, server: grpc.aio.Server) -> None:
        backend_grpc.add_BackendServiceServicer_to_server(self, server)

    def problems(self) -> list[str]:
        return []

    async def ListBackends(self, request: Any, context: Any) -> pb.ListBackendsResponse:
        self.calls += 1
        return pb.ListBackendsResponse()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        pass


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as entered:
        yield entered


async def serving(stack: AsyncExitStack, part: Part, files: Files) -> Address:
    exposure = await stack.enter_async_context(exposed(files.config, "part", insecure=False))
    return await stack.enter_async_context(serve_grpc(part, parse(f"{STRANGE}:0"), grace=0, exposure=exposure))


async def ask(files: Files, at: Address, seconds: float = SECONDS) -> pb.ListBackendsResponse:
    async with exposed(files.config, "part", insecure=False) as exposure, exposure.channels("router")(str(at)) as channel:
        return await backend_grpc.BackendServiceStub(channel).ListBackends(pb.ListBackendsRequest(), timeout=seconds)


async def test_a_peer_with_the_right_role_is_answered(stack: AsyncExitStack, authority: Authority) -> None:
    part = Part()
    at = await serving(stack, part, authority.issue("router"))
    await ask(authority.issue("operator"), at)
    assert part.calls == 1


async def test_another_role_is_refused_by_name_and_reaches_no_handler(stack: AsyncExitStack, authority: Authority) -> None:
    part = Part()
    at = await serving(stack, part, authority.issue("router"))
    with pytest.raises(AioRpcError, match="role adapter may not call this; its certificate needs one of: operator") as raised:
        await ask(authority.issue("adapter"), at)
    assert (reason(raised.value), part.calls) == ("PERMISSION_DENIED", 0)


async def test_who_has_no_good_certificate_is_not_let_in(
    stack: AsyncExitStack, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = Part()
    at = await serving(stack, part, authority.issue("router"))
    stranger = Authority(tmp_path / "stranger", "stranger").issue("operator")
    mixed = Files(authority.file, stranger.certificate, stranger.key)
    monkeypatch.setattr(time, "time", lambda: 0.0)  # its owner would notice
    for files in (mixed, authority.issue("operator", days=-1, named="expired")):
        with pytest.raises(AioRpcError) as raised:
            await ask(files, at, seconds=0.5)
        assert raised.value.code() in UNANSWERED
    for channel in (
        grpc.aio.insecure_channel(str(at)),
        grpc.aio.secure_channel(
            str(at),
            grpc.ssl_channel_credentials(authority.file.read_bytes()),
            options=(("grpc.ssl_target_name_override", "router.thinmesh"),),
        ),
    ):
        async with channel:
            with pytest.raises(AioRpcError) as raised:
                await backend_grpc.BackendServiceStub(channel).ListBackends(pb.ListBackendsRequest(), timeout=0.5)
            assert raised.value.code() in UNANSWERED
    assert part.calls == 0


async def test_a_part_is_not_taken_for_another(stack: AsyncExitStack, authority: Authority) -> None:
    at = await serving(stack, Part(), authority.issue("adapter"))
    with pytest.raises(AioRpcError) as raised:
        await ask(authority.issue("operator"), at)  # it asks for a router
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_certificates_are_renewed_on_both_sides_without_a_restart(
    stack: AsyncExitStack, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "LOOK_SECONDS", 0.01)
    server, client = authority.issue("router"), authority.issue("operator")
    served = await stack.enter_async_context(exposed(server.config, "part", insecure=False))
    at = await stack.enter_async_context(serve_grpc(Part(), parse(f"{STRANGE}:0"), grace=0, exposure=served))
    calls = await stack.enter_async_context(exposed(client.config, "part", insecure=False))
    channel = await stack.enter_async_context(calls.channels("router")(str(at)))
    stub = backend_grpc.BackendServiceStub(channel)
    await stub.ListBackends(pb.ListBackendsRequest(), timeout=SECONDS)

    other = Authority(authority.file.parent, "other")  # in the place of the first
    client.certificate.write_text("no certificate")
    await asyncio.sleep(0.05)
    await stub.ListBackends(pb.ListBackendsRequest(), timeout=SECONDS)  # what can't be used changes nothing
    assert served.certificates is not None
    assert calls.certificates is not None
    before = served.certificates.generation, calls.certificates.generation  # the authority alone may have been read
    for role in ("router", "operator"):
        other.issue(role, days=3)
    async with asyncio.timeout(SECONDS):
        while served.certificates.generation == before[0] or calls.certificates.generation == before[1]:
            await asyncio.sleep(0.01)
    await stub.ListBackends(pb.ListBackendsRequest(), timeout=SECONDS)
    await ask(client, at)
    left = (REGISTRY.get_sample_value("thinmesh_certificate_expires_unix_seconds") or 0) - time.time()
    assert 2.9 < left / 86_400 < 3.1


def test_a_certificate_with_seven_days_left_is_told_once_a_day_and_always_in_metrics(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    files, now = authority.issue("router", days=7), time.time()
    certificates = tls.Certificates(files.authority, files.certificate, files.key)
    left = (REGISTRY.get_sample_value("thinmesh_certificate_expires_unix_seconds") or 0) - now
    assert 6.99 < left / tls.DAY < 7.01
    for hours, told in ((-1, 0), (1, 1), (24, 1), (26, 2)):
        certificates._warn(now + hours * 3600)
        assert len(caplog.records) == told
    assert "ends in 7.0 days" in caplog.text


@pytest.mark.parametrize("broken", ["missing", "garbage", "another key", "expired"])
async def test_files_that_do_not_fit_stop_the_start_by_name(authority: Authority, broken: str) -> None:
    files = authority.issue("router", days=-1 if broken == "expired" else 5)
    match broken:
        case "missing":
            files.key.unlink()
        case "garbage":
            files.certificate.write_text("garbage")
        case "another key":
            files.key.write_bytes(authority.issue("adapter").key.read_bytes())
    with pytest.raises(ConfigError, match=r"tls.*router\.(pem|key)"):
        async with exposed(files.config, "part", insecure=False):
            pass


async def hello(scope: Message, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


async def hellos(at: Address, client: Files) -> bytes:
    """What a new connection that names no server is told; nothing where it is not let in."""
    trusting = ssl.create_default_context(cafile=client.authority)
    trusting.check_hostname = False
    trusting.load_cert_chain(client.certificate, client.key)
    try:
        reader, writer = await asyncio.open_connection(at.host, at.port, ssl=trusting, server_hostname="")
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), SECONDS)
    except (ssl.SSLError, ConnectionError):
        return b""
    writer.close()
    with suppress(ssl.SSLError, ConnectionError):
        await writer.wait_closed()
    return answer.rpartition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("broken", ["of another key", "expired", "gone meanwhile"])
async def test_http_goes_on_with_what_it_had_until_there_is_something_better(
    stack: AsyncExitStack,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken: str,
) -> None:
    monkeypatch.setattr(tls, "LOOK_SECONDS", 0.01)
    served, edge = authority.issue("gateway"), authority.issue("edge")
    exposure = await stack.enter_async_context(exposed(served.config, "part", insecure=False))
    at = await stack.enter_async_context(serve_http(hello, parse(f"{STRANGE}:0"), grace=1, exposure=exposure))
    assert await hellos(at, edge) == b"hi"
    with monkeypatch.context() as patch:
        match broken:
            case "of another key":
                served.certificate.write_bytes(authority.issue("gateway", named="other").certificate.read_bytes())
            case "expired":
                authority.issue("gateway", days=-1)
            case "gone meanwhile":
                load = x509.load_pem_x509_certificate

                def gone(data: bytes) -> x509.Certificate:
                    served.key.unlink(missing_ok=True)
                    return load(data)

                patch.setattr(x509, "load_pem_x509_certificate", gone)
                os.utime(served.certificate)
        async with asyncio.timeout(SECONDS):
            while "stay in use" not in caplog.text:
                await asyncio.sleep(0.01)
        assert await hellos(at, edge) == b"hi"
    authority.issue("gateway")
    assert exposure.certificates is not None
    async with asyncio.timeout(SECONDS):
        while not exposure.certificates.generation:
            await asyncio.sleep(0.01)
    assert await hellos(at, edge) == b"hi"


async def test_http_trusts_an_authority_no_longer_once_another_is_in_its_place(
    stack: AsyncExitStack, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "LOOK_SECONDS", 0.01)
    exposure = await stack.enter_async_context(exposed(authority.issue("gateway").config, "part", insecure=False))
    at = await stack.enter_async_context(serve_http(hello, parse(f"{STRANGE}:0"), grace=1, exposure=exposure))
    before = authority.issue("edge", named="before")
    assert await hellos(at, before) == b"hi"
    other = Authority(authority.file.parent, "other")  # in the place of the first
    other.issue("gateway")
    assert exposure.certificates is not None
    async with asyncio.timeout(SECONDS):
        while await hellos(at, other.issue("edge")) != b"hi":
            await asyncio.sleep(0.01)
    assert await hellos(at, before) == b""


async def test_http_beyond_this_machine_needs_a_certificate_too(stack: AsyncExitStack, authority: Authority) -> None:
    exposure = await stack.enter_async_context(exposed(authority.issue("gateway").config, "part", insecure=False))
    at = await stack.enter_async_context(serve_http(hello, parse(f"{STRANGE}:0"), grace=1, exposure=exposure))
    session = await stack.enter_async_context(aiohttp.ClientSession())
    with pytest.raises(aiohttp.ClientError):
        await session.get(f"http://{at}/")
    trusting = ssl.create_default_context(cafile=authority.file)
    with pytest.raises(aiohttp.ClientError):
        async with session.get(f"https://{at}/", ssl=trusting, server_hostname="gateway.thinmesh") as response:
            await response.read()
    edge = authority.issue("edge")
    trusting.load_cert_chain(edge.certificate, edge.key)
    async with session.get(f"https://{at}/", ssl=trusting, server_hostname="gateway.thinmesh") as response:
        assert await response.text() == "hi"


async def test_a_stop_waits_for_nobody_who_is_amid_a_handshake(stack: AsyncExitStack, authority: Authority) -> None:
    running = asyncio.Event()

    async def endless(scope: Message, receive: Receive, send: Send) -> None:
        running.set()
        await asyncio.Event().wait()

    exposure = await stack.enter_async_context(exposed(authority.issue("gateway").config, "part", insecure=False))
    edge = authority.issue("edge")
    trusting = ssl.create_default_context(cafile=authority.file)
    trusting.load_cert_chain(edge.certificate, edge.key)
    async with serve_http(endless, parse(f"{STRANGE}:0"), grace=1, exposure=exposure) as at:
        greeting, begun = await asyncio.open_connection(at.host, at.port)
        begun.write(b"\x16")  # the first byte of a handshake
        _, asking = await asyncio.open_connection(at.host, at.port, ssl=trusting, server_hostname="gateway.thinmesh")
        asking.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        await running.wait()
    with suppress(ConnectionError):
        assert await asyncio.wait_for(greeting.read(), SECONDS) == b""
    for writer in (begun, asking):
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


def test_an_address_that_is_not_local_needs_one_or_the_other() -> None:
    with pytest.raises(ConfigError, match=r"refusing to listen on 0\.0\.0\.0:1 without TLS: give `tls`"):
        Exposure().check(parse("0.0.0.0:1"))
    Exposure(insecure=True).check(parse("0.0.0.0:1"))
    for own in ("127.0.0.1:1", "[::1]:1", "localhost:1", "unix:/tmp/x"):
        Exposure().check(parse(own))
