"""A process that is kept running: started again with growing pauses when it dies, and ended by the signal that it wants."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from thinmesh_deploy.process import EXIT_CONFIG

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
SETTLED_SECONDS = 60.0
"""One that ran for so long starts again without a long pause."""

LIFELINE = 'exec 3<&0; (read -r _ <&3; kill $$) 2>/dev/null & exec "$@" </dev/null'
"""Ends the command with standard input: whatever kills us ends it too."""


@dataclass(frozen=True, slots=True)
class Program:
    """What is run. `ours` ends with standard input by itself, and says by its exit code that it refuses its configuration.

    `output` is where its standard output goes, None where ours does.
    """

    name: str
    words: Sequence[str]
    ours: bool = False
    end: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    output: int | None = asyncio.subprocess.DEVNULL


class Kept:
    """One program, from when it is entered until it is left. It ends with this process, whatever kills that."""

    def __init__(self, program: Program, restarted: Callable[[], object] = lambda: None) -> None:
        self.refused = False
        self.restarts = 0
        self._program = program
        self._restarted = restarted
        self._stop_seconds = program.stop_seconds
        self._patience: asyncio.Timeout | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._another = asyncio.Event()

    async def keep(self) -> None:
        """Keeps it running until cancelled, or until it refuses its configuration."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = time.monotonic()
            self._another.clear()
            try:
                code = await self._run()
            except OSError as error:  # no descriptor, no process or no memory is left for it
                how = f"can't be started ({error.strerror})"
            else:
                how = f"ended with {code}"
                if self._program.ours and code == EXIT_CONFIG:  # it has said why, and would say it for ever
                    log.error("%s refused its configuration", self._program.name)
                    self.refused = True
                    return
            if time.monotonic() - began > SETTLED_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            log.error("%s %s; it starts again in %.1f s", self._program.name, how, pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            self.restarts += 1
            self._restarted()

    async def follow(self) -> None:
        """Keeps it running until cancelled: one that refuses its configuration is started again when there is another."""
        while True:
            await self.keep()
            await self._another.wait()
            self.refused = False

    def retry(self) -> None:
        """Says that there is another configuration."""
        self._another.set()

    def tell(self, what: signal.Signals) -> None:
        """Sends it a signal, where it runs."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(what)

    def hurry(self, seconds: float) -> None:
        """From now on its end is waited for no longer than so."""
        self._stop_seconds = min(self._stop_seconds, seconds)
        patience = self._patience
        if patience is not None and not patience.expired() and (until := patience.when()) is not None:
            patience.reschedule(min(until, asyncio.get_running_loop().time() + seconds))

    async def _run(self) -> int:
        words = self._program.words if self._program.ours else ("sh", "-c", LIFELINE, "sh", *self._program.words)
        # Its own session: Ctrl-C is for us, who end it when its turn has come.
        starting = asyncio.create_task(
            asyncio.create_subprocess_exec(
                *words, stdin=asyncio.subprocess.PIPE, stdout=self._program.output, start_new_session=True
            )
        )
        try:
            # Cancelled amid its start, asyncio would wait for ever for one whose pipes are not connected (Python 3.11).
            process = self._process = await asyncio.shield(starting)
            return await process.wait()
        finally:
            try:
                process = await starting
            except OSError:
                pass  # it never began
            else:
                await self._clear(process)

    async def _clear(self, process: asyncio.subprocess.Process) -> None:
        """Leaves nothing of it."""
        if process.returncode is None:
            await self._end(process)
        assert process.stdin is not None
        process.stdin.close()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its own children, where it left any

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        process.send_signal(self._program.end)
        if self._program.ours:
            process.stdin.close()  # nobody is in front of it any more: it need not wait for them
        try:
            async with asyncio.timeout(self._stop_seconds) as self._patience:
                await process.wait()
        except TimeoutError:
            log.warning("%s did not stop within %.1f s and is killed", self._program.name, self._stop_seconds)
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        finally:
            self._patience = None


@asynccontextmanager
async def keeping(programs: Sequence[Kept]) -> AsyncIterator[None]:
    """Keeps them running until left, and ends them all at the same time."""
    tasks = [asyncio.create_task(one.follow()) for one in programs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
