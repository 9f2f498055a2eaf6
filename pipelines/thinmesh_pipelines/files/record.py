"""What is known of a file, and where it lies. Pure."""

from __future__ import annotations

import re
from hashlib import sha256

import msgspec
from thinmesh.job.v1 import file_service_pb2 as pb

RECORDS, CONTENT = "files/records", "files/content"
"""What the names begin with, of what is known of files, and of what is in them."""

PIECE_BYTES = 1024 * 1024
"""Of a file, which is sealed in pieces: nobody holds more of it than one."""

MINE = "batch"
GIVEN = "batch_output"
"""The purposes: a batch's input, and its output."""

_ID = re.compile(r"file-([0-9a-f]{32})")


class Record(msgspec.Struct, frozen=True):
    """A file that is whole. Times are seconds since 1970."""

    id: str
    name: str
    purpose: str
    size: int
    created: int
    expires: int

    def told(self) -> pb.File:
        """As callers see it."""
        return pb.File(
            id=self.id,
            name=self.name,
            purpose=self.purpose,
            size=self.size,
            created_unix_seconds=self.created,
            expires_unix_seconds=self.expires,
        )

    @property
    def pieces(self) -> int:
        """How many there are."""
        return -(-self.size // PIECE_BYTES)


def new_id(now: float, rest: bytes) -> str:
    """A file's id: those that are made later come later in the order of ids."""
    return f"file-{int(now * 1000):012x}{sha256(rest).hexdigest()[:20]}"


def known_id(text: str) -> bool:
    """Whether it may be a file's id."""
    return _ID.fullmatch(text) is not None


class Shelf:
    """Where a tenant's files lie. A record's name tells when it goes, so that it can be removed without its key."""

    def __init__(self, tenant: str) -> None:
        self._folder = sha256(tenant.encode()).hexdigest()[:32]
        self.records = f"{RECORDS}/{self._folder}"

    def record(self, file_id: str, expires: int) -> str:
        """A record's name."""
        return f"{self.records}/{file_id}/{expires:012d}"

    def content(self, file_id: str) -> str:
        """What the names of a file's pieces begin with."""
        return f"{CONTENT}/{self._folder}/{file_id}"

    def piece(self, file_id: str, index: int) -> str:
        """The name of a piece."""
        return f"{self.content(file_id)}/{index:06d}"


class Recorded(msgspec.Struct, frozen=True):
    """What a record's name tells."""

    name: str
    file_id: str
    expires: int

    @property
    def content(self) -> str:
        """What the names of the file's pieces begin with."""
        return CONTENT + self.name.removeprefix(RECORDS).rpartition("/")[0]


def recorded(name: str) -> Recorded | None:
    """What a name tells; None where it is no record's."""
    *_, file_id, expires = ("", "", *name.split("/"))
    return Recorded(name, file_id, int(expires)) if known_id(file_id) and expires.isdecimal() else None
