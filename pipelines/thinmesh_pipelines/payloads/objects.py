"""Large payloads as objects: in a folder, or in an S3. Those of one job have names that begin alike, and go together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from obstore import Bytes
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from thinmesh_core.config import ConfigError
from thinmesh_pipelines.payloads.config import PayloadsConfig
from thinmesh_pipelines.payloads.place import Place

if TYPE_CHECKING:
    from obstore import GetResult  # these are not there at run time
    from obstore.store import RetryConfig

FOLDER = "objects"
"""Of the state folder."""

PAYLOADS = "payloads"
"""What the names of all payloads begin with; the store may hold other things beside them."""

PAGE = 1000
"""Objects that are listed, and removed, at once."""

RETRIES = 3
RETRY_SECONDS = 10.0


class StoreUnavailableError(Exception):
    """The store does not answer, or refuses; the cause says why, and is for the log alone."""


class MissingError(Exception):
    """There is no object of this name."""


class Objects:
    """Payloads by name. StoreUnavailableError where the store does not do what it is asked.

    The library's blocking calls run in threads: its own asynchronous ones abort a process that ends right after one.
    """

    def __init__(self, store: LocalStore | S3Store) -> None:
        self._store = store

    async def put(self, name: str, data: bytes) -> None:
        """Keeps an object, whole or not at all; one of this name is replaced, and is as new."""
        await asyncio.to_thread(self._put, name, data)

    async def get(self, name: str, size: int) -> Bytes | None:
        """The object's bytes; None where it has another size. MissingError where there is none."""
        return await asyncio.to_thread(self._get, name, size)

    async def read(self, name: str) -> Bytes:
        """An object's bytes, whatever their size. MissingError where there is none."""
        return await asyncio.to_thread(self._read, name)

    async def names(self, prefix: str, before: datetime | None = None) -> list[str]:
        """The names below a prefix, in their order; with `before` of those alone that were written before then."""
        return await asyncio.to_thread(self._names, prefix, before)

    async def drop(self, names: Sequence[str]) -> None:
        """Removes objects; one that is gone is no failure."""
        for start in range(0, len(names), PAGE):
            await asyncio.to_thread(self._drop, names[start : start + PAGE])

    async def remove(self, job: Place) -> int:
        """Removes the objects of a job, and says how many there were."""
        return await asyncio.to_thread(self._remove, f"{PAYLOADS}/{job.prefix}", None)

    async def collect(self, before: datetime) -> int:
        """Removes what was written before a time, of whatever job, and says how many there were.

        It is for what no job's end removed. No job that may still run should have begun before that time.
        """
        removed = await asyncio.to_thread(self._remove, PAYLOADS, before)
        if isinstance(self._store, LocalStore) and self._store.prefix is not None:
            await asyncio.to_thread(_sweep, self._store.prefix / PAYLOADS, before)
        return removed

    def _put(self, name: str, data: bytes) -> None:
        with _answering():
            self._store.put(name, data, use_multipart=False)  # an S3 keeps no parts of what was broken off

    def _get(self, name: str, size: int) -> Bytes | None:
        with _answering():
            found = self._found(name)
            return found.bytes() if found.meta["size"] == size else None

    def _read(self, name: str) -> Bytes:
        with _answering():
            return self._found(name).bytes()

    def _found(self, name: str) -> GetResult:
        try:
            return self._store.get(name)
        except FileNotFoundError as error:
            raise MissingError(name) from error

    def _names(self, prefix: str, before: datetime | None) -> list[str]:
        with _answering():
            pages = self._store.list(prefix, chunk_size=PAGE)
            return sorted(one["path"] for page in pages for one in page if before is None or one["last_modified"] < before)

    def _drop(self, names: Sequence[str]) -> None:
        with _answering():
            self._delete(names)

    def _remove(self, prefix: str, before: datetime | None) -> int:
        removed = 0
        with _answering():
            for page in self._store.list(prefix, chunk_size=PAGE):
                old = [one["path"] for one in page if before is None or one["last_modified"] < before]
                self._delete(old)
                removed += len(old)
        return removed

    def _delete(self, names: Sequence[str]) -> None:
        """A folder stops at an object that another worker has removed, an S3 does not mind."""
        try:
            if names:
                self._store.delete(names)
        except FileNotFoundError:
            for name in names:
                with suppress(FileNotFoundError):
                    self._store.delete(name)


def objects(config: PayloadsConfig, state: Path) -> Objects:
    """The store that a configuration asks for; nothing is dialled before it is used. ConfigError where it can't be."""
    try:
        if config.store == "folder":
            folder = state / FOLDER
            folder.mkdir(mode=0o700, exist_ok=True)
            return Objects(LocalStore(folder, automatic_cleanup=True))
        retries: RetryConfig = {"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_SECONDS)}
        return Objects(S3Store.from_url(config.store, retry_config=retries))
    except (BaseError, OSError, ValueError) as error:
        raise ConfigError(f"payloads.store: write folder or s3://BUCKET/PREFIX; {error}") from error


def _sweep(folder: Path, before: datetime) -> None:
    """Removes what a process that was killed left half written, which a folder's list leaves out."""
    with _answering():
        for path in folder.glob("*/*#*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before.timestamp():
                    path.unlink()


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise StoreUnavailableError from error
