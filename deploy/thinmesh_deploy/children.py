"""Adapters in processes of their own: kept running, and ended with the mesh."""

from __future__ import annotations

import sys
from pathlib import Path

from thinmesh_core.telemetry import ADAPTER_RESTARTS
from thinmesh_deploy.config import Setting
from thinmesh_deploy.kept import Kept, Program

STOP_SECONDS = 5.0
"""What a child may take to stop once its running calls have ended."""


class Children:
    """Runs `thinmesh adapter` for backends. `refused` names those whose adapter would not have its configuration."""

    def __init__(self, state: Path, log_level: str) -> None:
        self.refused: set[str] = set()
        self._state = state
        self._log_level = log_level
        self._kept: set[Kept] = set()

    async def keep(self, name: str, listen: str, setting: Setting) -> None:
        """Keeps one running, until cancelled or refused."""
        self.refused.discard(name)
        kept = Kept(self._program(name, listen, setting), ADAPTER_RESTARTS.labels(name).inc)
        self._kept.add(kept)
        try:
            await kept.keep()
        finally:
            self._kept.discard(kept)
        self.refused.add(name)

    def hurry(self) -> None:
        """No child that runs is waited for longer than STOP_SECONDS: the mesh stops, and no call runs any more."""
        for kept in self._kept:
            kept.hurry(STOP_SECONDS)

    def _program(self, name: str, listen: str, setting: Setting) -> Program:
        command = (sys.executable, "-m", "thinmesh_deploy", "adapter", "run", name, "--lifeline", "--listen", listen)
        # A replaced adapter's calls may go on to their deadlines.
        longest = setting.config.call_seconds
        flags = ("--config", str(setting.running), "--state", str(self._state), "--log-level", self._log_level)
        words = (*command, *flags, "--grace", str(longest))
        # What an engine says on its standard output is for whoever looks at the mesh's.
        return Program(f"the adapter of backend {name}", words, ours=True, stop_seconds=longest + STOP_SECONDS, output=None)
