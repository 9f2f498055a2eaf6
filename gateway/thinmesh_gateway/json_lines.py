"""A file of the state folder that every process which has the folder appends lines of JSON to, a batch at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec


class JsonLines:
    """Its owner's alone, and put aside before it is larger than it may be.

    It blocks. OSError where the disk does not take a batch: then nothing of it is there.
    """

    def __init__(self, path: Path, lock: Path, most_bytes: int, put_aside: Callable[[], None]) -> None:
        self._path = path
        self._lock = lock
        self._most = most_bytes
        self._put_aside = put_aside

    def append(self, batch: Sequence[msgspec.Struct]) -> None:
        """Appends a batch."""
        data = b"".join(msgspec.json.encode(one) + b"\n" for one in batch)
        with self.locked():
            if self._path.exists() and self._path.stat().st_size + len(data) > self._most:
                self._put_aside()
            with os.fdopen(os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+b", buffering=0) as file:
                size = file.seek(0, os.SEEK_END)
                if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
                    data = b"\n" + data  # a process died amid a line
                try:
                    _write_all(file.fileno(), data)
                except OSError:
                    file.truncate(size)
                    raise

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps others from writing meanwhile."""
        with os.fdopen(os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
