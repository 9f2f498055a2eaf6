"""prompts.jsonl in the state folder: its owner's alone, and bounded; the oldest lines go first."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import msgspec

from thinmesh_gateway.prompts.record import Line

FILE = "prompts.jsonl"
LOCK = "prompts.lock"

MOST_BYTES = 64 << 20
"""A file that would become larger is put aside as prompts.1.jsonl, that as prompts.2.jsonl, and so on."""

OLDER = 4
"""How many are kept aside."""


class PromptsFile:
    """The file, for every process that has the folder. OSError where the disk does not take a batch."""

    def __init__(self, state: Path, most_bytes: int = MOST_BYTES) -> None:
        self._state = state
        self._most = most_bytes

    def write(self, lines: Sequence[Line]) -> None:
        """Appends lines. It blocks."""
        data = b"".join(msgspec.json.encode(one) + b"\n" for one in lines)
        path = self._state / FILE
        with self._locked():
            if path.exists() and path.stat().st_size + len(data) > self._most:
                self._put_aside()
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as file:
                file.write(data)

    def _put_aside(self) -> None:
        files = [self._state / FILE, *(self._state / f"prompts.{number}.jsonl" for number in range(1, OLDER + 1))]
        for newer, older in reversed([*pairwise(files)]):
            if newer.exists():
                newer.replace(older)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with os.fdopen(os.open(self._state / LOCK, os.O_RDWR | os.O_CREAT, 0o600)) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
