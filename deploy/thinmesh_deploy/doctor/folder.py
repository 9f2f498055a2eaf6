"""The state folder: whether it can be written, whether others can read it, and whether there is room."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from thinmesh_deploy.doctor.finding import Finding, note, ok, warning, wrong

WHERE = "state folder"
FULL_BYTES = 100 * 1024 * 1024
LITTLE_BYTES = 1024 * 1024 * 1024

SECRETS = ("pepper", "dev-key", "keys.db", "keys.snapshot", "audit.jsonl")
"""Its files that are for nobody else."""


def look(state: Path) -> list[Finding]:
    """What is found of it."""
    if not state.exists():
        return [note(WHERE, f"{state} is not there yet", "the first `thinmesh up` makes it")]
    if not state.is_dir():
        return [wrong(WHERE, f"{state} is no folder", "give another with --state")]
    if not os.access(state, os.R_OK | os.W_OK | os.X_OK):
        return [wrong(WHERE, f"{state} can't be written by this user", f"chown it to who runs thinmesh: {state}")]
    found = [*_rights(state), *room(state, shutil.disk_usage(state).free)]
    return found or [ok(WHERE, str(state))]


def room(state: Path, free: int) -> list[Finding]:
    """What is to be said of so many free bytes."""
    if free < FULL_BYTES:
        what = f"{free // 1024**2} MB are free below {state}: keys, quotas and jobs can't be kept"
        return [wrong(WHERE, what, "make room, or move it with --state")]
    if free < LITTLE_BYTES:
        return [warning(WHERE, f"{free // 1024**2} MB are free below {state}", "make room before it is full")]
    return []


def _rights(state: Path) -> list[Finding]:
    paths = [state, *(state / name for name in SECRETS)]
    open_to_others = [str(path) for path in paths if path.exists() and path.stat().st_mode & 0o077]
    if state.stat().st_mode & 0o077 == 0:  # nobody else comes to what is in it
        return []
    what = f"others can reach {', '.join(open_to_others)}"
    return [wrong(WHERE, what, f"chmod -R go= {state}, and rotate the keys if others use this machine")]
