"""Which process listens on a port of this machine, as Linux tells it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LISTENING = "0A"
MESH = {"thinmesh", "thinmesh_deploy"}


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, by the name of its program: what else stands on its command line may be secret."""

    pid: int
    name: str
    mesh: bool


def owner(port: int, proc: Path = Path("/proc")) -> Owner | None:
    """Who listens there; None where this user may not know."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(port, proc)}
    if not sockets:
        return None
    for folder in proc.glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another user's
            if any(_target(link) in sockets for link in (folder / "fd").iterdir()):
                words = (folder / "cmdline").read_text(errors="replace").split("\0")
                name = (folder / "comm").read_text(errors="replace").strip()
                return Owner(int(folder.name), name, not MESH.isdisjoint(Path(word).name for word in words))
    return None


def _inodes(port: int, proc: Path) -> set[str]:
    found = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (proc / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(fields[9])
    return found


def _target(link: Path) -> str:
    with suppress(OSError):
        return str(link.readlink())
    return ""
