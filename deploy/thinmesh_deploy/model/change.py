"""Putting a changed thinmesh.yaml in the place of the one before it, once all of it is known to be right."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from thinmesh_adapters.contract import Place
from thinmesh_adapters.registry import create
from thinmesh_core.config import ConfigError
from thinmesh_deploy.config import Setting, judged

Edit = Callable[[str], str]


def change(path: Path, state: Path, edit: Edit, new: str | None = None) -> Setting:
    """The setting of the edited file; ConfigError where that would be wrong, and the file is as it was.

    The backend `new` is also made here as its adapter would be, so that a wrong option, a file that is not there and a missing
    extra are told now.
    """
    file = path.resolve()  # what a link leads to is replaced, not the link
    try:
        before = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}") from error
    text = edit(before)
    setting = judged(text, path, state)
    if new is not None:
        entry = setting.config.backends[new]
        create(entry, Place(new, setting.sockets, entry.insecure))
    try:
        if file.read_text(encoding="utf-8") != before:
            raise ConfigError(f"somebody else changed {path} in this moment: try again")
        _replace(file, text)
    except OSError as error:
        raise ConfigError(f"{path} can't be written: {error.strerror}") from error
    return setting


def _replace(file: Path, text: str) -> None:
    """At once: whoever reads meanwhile sees the one or the other whole."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as written:
            written.write(text)
            os.fchmod(descriptor, file.stat().st_mode & 0o777)
        Path(name).replace(file)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
