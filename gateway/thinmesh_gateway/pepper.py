"""The secret that stands beside the database and never in it: without it the digests in there are worth nothing."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

BYTES = 32


def pepper(state: Path) -> bytes:
    """A state folder's pepper, made on first use.

    It appears whole or not at all, and whoever is first wins: nobody ever has two.
    """
    path = state / "pepper"
    if not path.exists():
        descriptor, name = tempfile.mkstemp(dir=path.parent)  # its owner's alone
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(BYTES))
        with suppress(FileExistsError):
            os.link(name, path)
        Path(name).unlink()
    return path.read_bytes()
