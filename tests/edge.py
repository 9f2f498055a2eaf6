"""A real nginx in front of two meshes that are whole in one process each, over one state folder."""

from __future__ import annotations

import asyncio
import getpass
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import grpc.aio
import openai
from certificates import Authority
from emitted import EMITTED
from launch import ROOT, command, flags, free_port, output, said

from thinmesh_deploy.edge.found import Nginx, find

HOST = "localhost"
GENERATE = "/thinmesh.inference.v1.InferenceService/Generate"
SLOW_SECONDS = 10
"""What nginx gives the slow: the default of `edge.slow_seconds`."""
DEBIANS = ROOT / ".engines" / "nginx" / "root" / "usr" / "sbin" / "nginx"
"""nginx 1.22; `make .engines/nginx/.installed` unpacks it."""

MEMBER = """
listen:
  http: "MEMBER-HTTP"
  grpc: "MEMBER-GRPC"
  router: "unix:STATE/run/NAME-router.sock"
"""
EDGE = """
edge:
  http: "127.0.0.1:HTTP"
  grpc: "127.0.0.1:GRPC"
  certificate: STATE/tls/edge.pem
  key: STATE/tls/edge.key
  user: USER
  gateways:
"""
NAMES = ("one", "two")


@dataclass(slots=True)
class Fronted:
    """An nginx that serves, and what is behind it."""

    state: Path
    http_port: int
    grpc_port: int
    nginx: Nginx
    authority: Path
    gateways: dict[str, tuple[str, str]]
    key: str = ""
    process: asyncio.subprocess.Process | None = None
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    members: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    @property
    def conf(self) -> Path:
        """The file that nginx reads."""
        return self.state / "nginx.conf"

    @property
    def http(self) -> str:
        """Where REST is."""
        return f"https://{HOST}:{self.http_port}"

    @property
    def rpc(self) -> str:
        """Where gRPC is."""
        return f"{HOST}:{self.grpc_port}"

    @property
    def headers(self) -> dict[str, str]:
        """What authenticates a REST call."""
        return {"authorization": f"Bearer {self.key}"}

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What authenticates a gRPC call."""
        return (("authorization", f"Bearer {self.key}"),)

    @property
    def trusting(self) -> ssl.SSLContext:
        """TLS that believes the edge's certificate."""
        return ssl.create_default_context(cafile=self.authority)

    def session(self) -> aiohttp.ClientSession:
        """A REST client with as many connections as it needs."""
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, ssl=self.trusting), headers=self.headers)

    def openai(self) -> openai.AsyncOpenAI:
        """OpenAI's client."""
        transport = openai.DefaultAsyncHttpxClient(verify=self.trusting)
        return openai.AsyncOpenAI(base_url=f"{self.http}/v1", api_key=self.key, http_client=transport)

    def channel(self) -> grpc.aio.Channel:
        """A gRPC channel, with a connection of its own."""
        credentials = grpc.ssl_channel_credentials(self.authority.read_bytes())
        return grpc.aio.secure_channel(self.rpc, credentials, options=(("grpc.use_local_subchannel_pool", 1),))

    async def opened(self, *, rpc: bool = False) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A stranger's bare connection, from an address of its own, to where REST is, or gRPC."""
        trusting = self.trusting
        trusting.set_alpn_protocols(["h2" if rpc else "http/1.1"])
        port = self.grpc_port if rpc else self.http_port
        return await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname=HOST, local_addr=("127.0.0.2", 0))

    async def start(self, name: str) -> None:
        """Starts one of the meshes, for the first time or again."""
        others = ("--admin", "127.0.0.1:0", "--log-level", "info")
        process = await self.stack.enter_async_context(command("up", *flags(self.state / f"{name}.yaml", self.state), *others))
        await said(process, "thinmesh is up")
        self.members[name] = process

    async def reload(self) -> None:
        """Has nginx read its file again, and waits until new workers have begun."""
        assert self.process is not None
        before = _children(self.process.pid)
        code = await (await asyncio.create_subprocess_exec(self.nginx.program, "-c", self.conf, "-s", "reload")).wait()
        assert code == 0
        async with asyncio.timeout(10):
            while not _children(self.process.pid) - before:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def fronted(config: str, state: Path, *, nginx: Nginx | None = None, ports: bool = False) -> AsyncIterator[Fronted]:
    """Two meshes of this configuration and an nginx in front of them, which reaches them by sockets, or by ports."""
    authority = Authority(state / "tls")
    authority.issue(named="edge", host=HOST)
    gateways = {name: _places(state, name, ports=ports) for name in NAMES}
    front = Fronted(state, free_port(), free_port(), nginx or find(), authority.file, gateways)
    section = EDGE.replace("HTTP", str(front.http_port)).replace("GRPC", str(front.grpc_port))
    section = section.replace("USER", getpass.getuser())
    section += "".join(f'    - {{http: "{http}", grpc: "{rpc}"}}\n' for http, rpc in gateways.values())
    async with front.stack:
        for name in NAMES:
            member = MEMBER.replace("NAME", name)
            for word, at in zip(("MEMBER-HTTP", "MEMBER-GRPC"), gateways[name], strict=True):
                member = member.replace(word, at)
            (state / f"{name}.yaml").write_text((config + member + section).replace("STATE", str(state)))
            await front.start(name)
        front.key = (state / "dev-key").read_text().strip()
        await render(front)
        front.process = await front.stack.enter_async_context(_serving(front))
        yield front


def _places(state: Path, name: str, *, ports: bool) -> tuple[str, str]:
    if ports:
        return f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    return f"unix:{state}/run/{name}-http.sock", f"unix:{state}/run/{name}-grpc.sock"


async def render(front: Fronted, *more: str) -> None:
    """Writes nginx.conf anew."""
    version = ".".join(map(str, front.nginx.version))
    run = flags(front.state / "one.yaml", front.state)
    code, _, error = await output("render", "nginx", *run, "--into", str(front.conf), "--nginx", version, *more)
    assert code == 0, error


@asynccontextmanager
async def _serving(front: Fronted) -> AsyncIterator[asyncio.subprocess.Process]:
    with EMITTED.output("what nginx said").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            front.nginx.program, "-c", front.conf, "-g", "daemon off;", stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL
        )
    try:
        async with asyncio.timeout(10):
            while not await _listens(front.http_port):
                assert process.returncode is None, "nginx ended at once"
                await asyncio.sleep(0.02)
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


async def drained(reader: asyncio.StreamReader) -> None:
    """Reads until the edge closes."""
    with suppress(ConnectionError, ssl.SSLError):
        while await reader.read(65536):
            pass


def _children(parent: int) -> set[int]:
    return {int(one) for one in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()}
