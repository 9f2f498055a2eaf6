"""The parts of a mesh as processes that a test may kill and start again, and the Temporal that they share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from launch import command, said

from thinmesh_core.beside import beside
from thinmesh_deploy.temporal import Temporal


class Parts:
    """The processes of a mesh, each of which can be killed and started again."""

    def __init__(self, stack: AsyncExitStack, config: tuple[str, ...]) -> None:
        self._stack = stack
        self._config = (*config, "--log-level", "error")
        self._processes: dict[str, asyncio.subprocess.Process] = {}

    async def start(self, name: str, says: str, *arguments: str) -> str:
        """Starts one; gives what it says of where it listens."""
        process = await self._stack.enter_async_context(command(*arguments, *self._config))
        self._processes[name] = process
        return (await said(process, says))[1]

    async def kill(self, name: str) -> None:
        """Kills one, at once."""
        self._processes[name].kill()
        await self._processes[name].wait()


@asynccontextmanager
async def temporal(state: Path) -> AsyncIterator[Temporal]:
    """A Temporal as `thinmesh up` keeps one, started again when it dies."""
    state.mkdir(exist_ok=True)
    server = Temporal(state)
    async with beside(server.keep()):
        yield server


def temporal_process(server: Temporal) -> int:
    """Its process, by the port that it was told."""
    port = server.address.rpartition(":")[2].encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # a process that ended in between
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"start-dev" in words and port in words and not words[0].endswith(b"sh"):
                return int(folder.name)
    raise AssertionError("there is no Temporal")
