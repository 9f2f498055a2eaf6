"""What the gateway and its tagger say to each other: frames of msgpack behind their length. Pure."""

from __future__ import annotations

import struct
from typing import TypeAlias

import msgspec

LENGTH = struct.Struct(">I")

MOST_BYTES = 8 << 20
"""The longest frame."""


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """Folded texts to look for names in."""

    number: int
    texts: list[str]


class Answered(msgspec.Struct, frozen=True, array_like=True):
    """The places of names in each text. Number 0 comes by itself, once the model is loaded."""

    number: int
    places: list[list[tuple[int, int]]]


Message: TypeAlias = Asked | Answered


def frame(message: Message) -> bytes:
    """The message behind its length."""
    body = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(body)) + body


def length(head: bytes) -> int:
    """How long the body behind a head is; ValueError above MOST_BYTES."""
    (found,) = LENGTH.unpack(head)
    if found > MOST_BYTES:
        raise ValueError("a frame is longer than frames are")
    return int(found)
