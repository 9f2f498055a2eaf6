"""Adapters in processes of their own: started, started again when they die, and ended with the mesh."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from pathlib import Path

from thinmesh_core.telemetry import ADAPTER_RESTARTS
from thinmesh_deploy.config import Setting
from thinmesh_deploy.process import EXIT_CONFIG

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
SETTLED_SECONDS = 60.0
"""A child that ran for so long starts again without a long pause."""

STOP_SECONDS = 5.0
"""What a child may take to stop once its running calls have ended."""


class Children:
    """Runs `thinmesh adapter` for backends. `refused` names those whose adapter would not have its configuration."""

    def __init__(self, state: Path, log_level: str) -> None:
        self.refused: set[str] = set()
        self._state = state
        self._log_level = log_level
        self._hurried = False
        self._ending: set[asyncio.Timeout] = set()

    async def keep(self, name: str, listen: str, setting: Setting) -> None:
        """Keeps one running, until cancelled or refused."""
        pause = FIRST_PAUSE_SECONDS
        self.refused.discard(name)
        while True:
            began = time.monotonic()
            code = await self._run(name, listen, setting)
            if code == EXIT_CONFIG:  # it has said why, and would say it for ever
                log.error("the adapter of backend %s refused its configuration", name)
                self.refused.add(name)
                return
            if time.monotonic() - began > SETTLED_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            log.error("the adapter of backend %s ended with %s; it starts again in %.1f s", name, code, pause)
            await asyncio.sleep(pause)
            ADAPTER_RESTARTS.labels(name).inc()
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def hurry(self) -> None:
        """From now on no child is waited for longer than STOP_SECONDS: the mesh stops, and no call runs any more."""
        self._hurried = True
        for patience in self._ending:
            patience.reschedule(asyncio.get_running_loop().time() + STOP_SECONDS)

    async def _run(self, name: str, listen: str, setting: Setting) -> int:
        command = (sys.executable, "-m", "thinmesh_deploy", "adapter", "run", name, "--lifeline", "--listen", listen)
        # A replaced adapter's calls may go on to their deadlines.
        longest = setting.config.call_seconds
        flags = ("--config", str(setting.running), "--state", str(self._state), "--log-level", self._log_level)
        # Its own session: Ctrl-C is for the mesh, which ends its children after its last call.
        process = await asyncio.create_subprocess_exec(
            *command, *flags, "--grace", str(longest), stdin=asyncio.subprocess.PIPE, start_new_session=True
        )
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                await self._end(name, process, STOP_SECONDS if self._hurried else longest + STOP_SECONDS)

    async def _end(self, name: str, process: asyncio.subprocess.Process, seconds: float) -> None:
        assert process.stdin is not None
        process.terminate()
        process.stdin.close()  # its lifeline: it need not wait for `drain_seconds`, since nobody calls it any more
        try:
            async with asyncio.timeout(seconds) as patience:
                self._ending.add(patience)
                try:
                    await process.wait()
                finally:
                    self._ending.discard(patience)
        except TimeoutError:
            log.warning("the adapter of backend %s did not stop within %.1f s and is killed", name, seconds)
            process.kill()
            await process.wait()
