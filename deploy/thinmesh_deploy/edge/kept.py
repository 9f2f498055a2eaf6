"""A process that is kept running: started again with growing pauses when it dies, and ended by the signal that it wants."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from thinmesh_deploy.process import EXIT_CONFIG
from thinmesh_deploy.temporal import LIFELINE

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
SETTLED_SECONDS = 60.0
"""One that ran for so long starts again without a long pause."""


@dataclass(frozen=True, slots=True)
class Program:
    """What is run. `lifeline` is its own way to end with standard input; a shell does it for others."""

    name: str
    words: Sequence[str]
    lifeline: bool = False
    end: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0


class Kept:
    """One program, from when it is entered until it is left. It ends with this process, whatever kills that."""

    def __init__(self, program: Program) -> None:
        self.refused = False
        self.restarts = 0
        self._program = program
        self._process: asyncio.subprocess.Process | None = None

    async def keep(self) -> None:
        """Keeps it running until cancelled, or until it refuses its configuration."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = time.monotonic()
            code = await self._run()
            if code == EXIT_CONFIG:  # it has said why, and would say it for ever
                log.error("%s refused its configuration", self._program.name)
                self.refused = True
                return
            if time.monotonic() - began > SETTLED_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            log.error("%s ended with %s; it starts again in %.1f s", self._program.name, code, pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            self.restarts += 1

    def tell(self, what: signal.Signals) -> None:
        """Sends it a signal, where it runs."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(what)

    async def _run(self) -> int:
        words = self._program.words if self._program.lifeline else ("sh", "-c", LIFELINE, "sh", *self._program.words)
        # Its own session: Ctrl-C is for us, who end it when its turn has come.
        process = self._process = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, start_new_session=True
        )
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                await self._end(process)
            assert process.stdin is not None
            process.stdin.close()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its own children, where it left any

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        process.send_signal(self._program.end)
        if self._program.lifeline:
            process.stdin.close()  # nobody is in front of it any more: it need not wait for them
        try:
            async with asyncio.timeout(self._program.stop_seconds):
                await process.wait()
        except TimeoutError:
            log.warning("%s did not stop within %.1f s and is killed", self._program.name, self._program.stop_seconds)
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


@asynccontextmanager
async def keeping(programs: Sequence[Kept]) -> AsyncIterator[None]:
    """Keeps them running until left, and ends them all at the same time."""
    tasks = [asyncio.create_task(one.keep()) for one in programs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
