"""The master keys of payloads: a file of the state folder, one key a line. The last one seals, all of them open."""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from thinmesh_core.config import ConfigError

log = logging.getLogger(__name__)

FILE = "payload-keys"

KEY_BYTES = 32
ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A secret, and the name that payloads sealed by it carry."""

    id: str
    secret: bytes = field(repr=False)


class UnknownKeyError(Exception):
    """A payload was sealed by a key that is not in the file."""


class KeyRing:
    """The keys of a state folder, made on first use. A key that is added while it is in use is found by the next payload."""

    def __init__(self, state: Path) -> None:
        """ConfigError where the file can't be made, read or understood."""
        self._path = state / FILE
        try:
            if not self._path.exists():
                _add(self._path, only_first=True)
            self._stamp = _stamp(self._path)
            self._keys = _read(self._path)
        except OSError as error:
            raise ConfigError(f"{self._path} can't be read or made: {error.strerror}") from error

    @property
    def newest(self) -> MasterKey:
        """The key that seals."""
        self._look()
        return self._keys[-1]

    def find(self, key_id: str) -> MasterKey:
        """The key of this name; UnknownKeyError where there is none."""
        if self._named(key_id) is None:
            self._look()
        key = self._named(key_id)
        if key is None:
            raise UnknownKeyError(key_id)
        return key

    def _named(self, key_id: str) -> MasterKey | None:
        return next((key for key in self._keys if key.id == key_id), None)

    def _look(self) -> None:
        """Reads the file again if it is another: to ask that costs less than a thread would. What is broken changes nothing."""
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._keys = _read(self._path)
        except (OSError, ConfigError) as error:
            log.warning("the payload keys stay as they were: %s", error)


def rotate(state: Path) -> str:
    """Adds a key, which seals from now on, and says its name. The others stay, to open what they sealed."""
    return _add(state / FILE, only_first=False)


def _add(path: Path, *, only_first: bool) -> str:
    """Writes a file with one key more, whole or not at all; nobody else adds one meanwhile, and a loss of power takes none."""
    with _alone(path.parent) as folder:
        keys = _read(path) if path.exists() else ()
        if keys and only_first:
            return keys[-1].id
        key = MasterKey(secrets.token_hex(ID_BYTES), secrets.token_bytes(KEY_BYTES))
        descriptor, name = tempfile.mkstemp(dir=path.parent)  # its owner's alone
        try:
            with os.fdopen(descriptor, "w") as file:
                file.writelines(f"{one.id} {one.secret.hex()}\n" for one in (*keys, key))
                file.flush()
                os.fsync(descriptor)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        os.fsync(folder)
        return key.id


@contextmanager
def _alone(folder: Path) -> Iterator[int]:
    """Holds the folder's lock."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _read(path: Path) -> tuple[MasterKey, ...]:
    """The file's keys, the newest last; ConfigError where it is not ours or has none."""
    keys: list[MasterKey] = []
    for line in path.read_text(encoding="ascii", errors="replace").splitlines():
        key_id, _, text = line.partition(" ")
        try:
            secret = bytes.fromhex(text)
        except ValueError:
            secret = b""
        if len(secret) != KEY_BYTES:
            raise ConfigError(f"{path}: line {len(keys) + 1} is no key; bring the file back as it was")
        keys.append(MasterKey(key_id, secret))
    if not keys:
        raise ConfigError(f"{path} has no key; bring the file back as it was, or remove it if no job was ever made")
    return tuple(keys)


def _stamp(path: Path) -> tuple[int, int] | None:
    """Changes with the file, which is only ever replaced; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
