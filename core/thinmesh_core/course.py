"""A call's course, as its router tells it at its end: where it went, how long each part of it was, and its tokens."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

COURSE = "thinmesh-course-bin"
"""Trailing metadata, of calls that failed too."""

_encode = msgspec.msgpack.Encoder().encode


class Course(msgspec.Struct, frozen=True, array_like=True):
    """Where a call went, and its parts in seconds, which follow each other.

    `queue` is its wait for places, `retries` the attempts that another one cured, `first_token` from its last place to its
    first token, `generation` from there to its end. Without a first token, or where the answer came as a whole, all of it is
    `generation`. Tokens are None where nobody counted them.
    """

    backend: str
    queue: float
    retries: float
    generation: float
    first_token: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None

    def to_metadata(self) -> tuple[tuple[str, bytes], ...]:
        """What is sent at the end."""
        return ((COURSE, _encode(self)),)


_decode = msgspec.msgpack.Decoder(Course).decode


def from_metadata(metadata: Iterable[tuple[str, str | bytes]] | None) -> Course | None:
    """What a router told; None where it told nothing, or something else: a call never fails for what is told about it."""
    for key, value in metadata or ():
        if key == COURSE and isinstance(value, bytes):
            try:
                return _decode(value)
            except (msgspec.DecodeError, UnicodeDecodeError):
                return None
    return None
