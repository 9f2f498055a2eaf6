"""The audit log as lines of JSON in the state folder."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import msgspec

from thinmesh_gateway.audit.chain import Found, Sealed
from thinmesh_gateway.json_lines import JsonLines

FILE = "audit.jsonl"
OLDER = "audit-*.jsonl"
LOCK = "audit.lock"

MOST_BYTES = 64 << 20
"""A file that would become larger is put aside, under a name with the time; nothing removes it."""

_TAIL = 16_384
"""A line is shorter than this."""


class Lines:
    """The files. OSError where the disk does not take a batch: then nothing of it is there."""

    def __init__(self, state: Path, most_bytes: int = MOST_BYTES) -> None:
        self._state = state
        self._path = state / FILE
        self._file = JsonLines(self._path, state / LOCK, most_bytes, self._put_aside)

    def write(self, batch: Sequence[Sealed]) -> None:
        """Appends a batch."""
        self._file.append(batch)

    def last(self) -> Sealed | None:
        """The last line that was written; none where there is no file yet, or its end is none."""
        with self._file.locked():
            files = [*self._older(), *([self._path] if self._path.exists() else [])]
            if not files:
                return None
            with files[-1].open("rb") as file:
                file.seek(max(file.seek(0, os.SEEK_END) - _TAIL, 0))
                lines = file.read().splitlines()
        return _sealed(lines[-1]) if lines else None

    def read(self, older: int | None = None) -> Iterator[Found]:
        """Every line, oldest first, of the file and so many older ones, or of all; what is written meanwhile is not read."""
        with ExitStack() as stack:
            with self._file.locked():
                aside = self._older()
                current = stack.enter_context(self._path.open("rb")) if self._path.exists() else None
                size = 0 if current is None else os.fstat(current.fileno()).st_size
            for path in aside if older is None else aside[max(len(aside) - older, 0) :]:
                with path.open("rb") as file:
                    yield from _found(path.name, file, path.stat().st_size)
            if current is not None:
                yield from _found(FILE, current, size)

    def _older(self) -> list[Path]:
        return sorted(self._state.glob(OLDER))

    def _put_aside(self) -> None:
        self._path.rename(self._state / OLDER.replace("*", str(time.time_ns())))


def _found(name: str, file: BinaryIO, size: int) -> Iterator[Found]:
    for number, line in enumerate(file, 1):
        size -= len(line)
        if size < 0:
            return
        yield Found(f"{name} line {number}", _sealed(line))


def _sealed(line: bytes) -> Sealed | None:
    try:
        return msgspec.json.decode(line, type=Sealed)
    except msgspec.DecodeError:
        return None
