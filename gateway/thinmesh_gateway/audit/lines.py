"""The audit log as lines of JSON in the state folder: appended to by every process that has the folder, one batch at a time."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from thinmesh_gateway.audit.chain import Found, Sealed

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
        self._most = most_bytes

    def write(self, batch: Sequence[Sealed]) -> None:
        """Appends a batch."""
        data = b"".join(msgspec.json.encode(one) + b"\n" for one in batch)
        with self._locked():
            if self._path.exists() and self._path.stat().st_size + len(data) > self._most:
                self._path.rename(self._state / OLDER.replace("*", str(time.time_ns())))
            with os.fdopen(os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+b", buffering=0) as file:
                size = file.seek(0, os.SEEK_END)
                if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
                    data = b"\n" + data  # a process died amid a line
                try:
                    _write_all(file.fileno(), data)
                except OSError:
                    file.truncate(size)
                    raise

    def last(self) -> Sealed | None:
        """The last line that was written; none where there is no file yet, or its end is none."""
        with self._locked():
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
            with self._locked():
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

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with os.fdopen(os.open(self._state / LOCK, os.O_RDWR | os.O_CREAT, 0o600)) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


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


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
