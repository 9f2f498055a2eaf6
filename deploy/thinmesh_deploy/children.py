"""Adapters in processes of their own: started, started again when they die, and ended with the mesh."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from thinmesh_core.config import ConfigError
from thinmesh_deploy.config import Setting
from thinmesh_deploy.process import EXIT_CONFIG

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
SETTLED_SECONDS = 60.0
"""A child that ran for so long starts again without a long pause."""

STOP_SECONDS = 10.0
"""How long a child may take to stop before it is killed."""


@asynccontextmanager
async def children(names: Iterable[str], setting: Setting, *, log_level: str) -> AsyncIterator[None]:
    """Keeps one `thinmesh adapter` running for each backend named, until left."""
    async with asyncio.TaskGroup() as tasks:
        keeping = [tasks.create_task(_keep(name, setting, log_level)) for name in names]
        try:
            yield
        finally:
            for one in keeping:
                one.cancel()


async def _keep(name: str, setting: Setting, log_level: str) -> None:
    pause = FIRST_PAUSE_SECONDS
    while True:
        began = time.monotonic()
        code = await _run(name, setting, log_level)
        if code == EXIT_CONFIG:  # it has said why, and would say it for ever
            raise ConfigError(f"the adapter of backend {name!r} refused its configuration")
        if time.monotonic() - began > SETTLED_SECONDS:
            pause = FIRST_PAUSE_SECONDS
        log.error("the adapter of backend %s ended with %s; it starts again in %.1f s", name, code, pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


async def _run(name: str, setting: Setting, log_level: str) -> int:
    command = (sys.executable, "-m", "thinmesh_deploy", "adapter", name, "--lifeline")
    flags = ("--config", str(setting.path), "--state", str(setting.state), "--log-level", log_level)
    # Its own session: Ctrl-C is for the mesh, which ends its children after its last call.
    process = await asyncio.create_subprocess_exec(*command, *flags, stdin=asyncio.subprocess.PIPE, start_new_session=True)
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
