"""Images of strangers: a kind that is served, of a size that engines can hold, and nothing behind its end. Pure.

Headers alone are read, no pixel is decoded: what decodes them runs at the engine, and is what hostile images are made for.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

MAX_BYTES = 3 * 1024 * 1024
"""Of an image; as base64 it fills a body."""

LEAST_SIDE = 4
MOST_SIDE = 16_384
MAX_PIXELS = 1 << 25
MAX_PICTURES = 4
MAX_PARTS = 10_000
"""Segments of a JPEG, chunks of a PNG."""

MAX_BLOCKS = 1 << 16
"""Of a GIF, each of which has 255 bytes at most."""

_DATA = re.compile(r"data:(image/[a-z]+);base64,", re.IGNORECASE)
_NO_FRAME = frozenset({0xC4, 0xC8, 0xCC})
"""JPEG's markers among those of frames that begin none."""

Size = tuple[int, int]


def fault(url: str) -> str | None:
    """What is wrong with an image's URL, in our words; none where it may go on. Only `data:` may: nothing is fetched."""
    found = _DATA.match(url[:64])
    if found is None:
        return f"must be a data: URL of base64, of {', '.join(_KINDS)}; nothing is fetched from elsewhere"
    kind, text = found[1].lower(), url[found.end() :]
    if len(text) > MAX_BYTES * 4 // 3 + 4:
        return f"is larger than {MAX_BYTES} bytes"
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return "is no base64"
    return content_fault(kind, data)


def content_fault(kind: str, data: bytes) -> str | None:
    """What is wrong with an image of a media type, in our words."""
    if kind not in _KINDS:
        return f"is {kind}; served are {', '.join(_KINDS)}"
    if len(data) > MAX_BYTES:
        return f"is larger than {MAX_BYTES} bytes"
    try:
        width, height = _KINDS[kind](data)
    except (ValueError, IndexError):
        return f"is no whole {kind}, or more than that"
    if min(width, height) < LEAST_SIDE or max(width, height) > MOST_SIDE or width * height > MAX_PIXELS:
        return f"has {width} x {height} pixels; {LEAST_SIDE} to {MOST_SIDE} a side and {MAX_PIXELS} in all are served"
    return None


def _png(data: bytes) -> Size:
    """https://www.w3.org/TR/png-3/#5Chunk-layout: chunks up to IEND, the first of them IHDR."""
    _need(data[:8] == b"\x89PNG\r\n\x1a\n" and data[8:16] == b"\0\0\0\rIHDR")
    at, name = 8, b""
    for _ in range(MAX_PARTS):
        length, name = _big(data, at, 4), data[at + 4 : at + 8]
        at += 12 + length
        _need(at <= len(data))
        if name == b"IEND":
            break
        _need(at == 33 or name != b"IHDR")
    _need(at == len(data) and name == b"IEND")
    return _big(data, 16, 4), _big(data, 20, 4)


def _jpeg(data: bytes) -> Size:
    """https://www.w3.org/Graphics/JPEG/itu-t81.pdf, B.1. Behind a picture may be more of them, as cameras write them."""
    size, end = _picture(data, 0)
    for _ in range(MAX_PICTURES):
        rest = data[end:].lstrip(b"\0")
        if not rest:
            return size
        end = _picture(data, len(data) - len(rest))[1]
    raise ValueError


def _picture(data: bytes, at: int) -> tuple[Size, int]:
    """The size of a JPEG picture and where it ends: segments with one frame header before the scan, up to EOI."""
    _need(data[at : at + 2] == b"\xff\xd8")
    at, marker, size = at + 2, 0, None
    for _ in range(MAX_PARTS):
        marker = data[at + 1]
        if marker == 0xDA:
            break
        _need(data[at] == 0xFF)
        if marker == 0xFF:  # padding
            at += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            _need(size is None)
            size = _big(data, at + 7, 2), _big(data, at + 5, 2)
        length = _big(data, at + 2, 2)
        _need(length >= 2)
        at += 2 + length
    end = data.find(b"\xff\xd9", at)  # within a scan FF is followed by 0 or a restart
    if marker != 0xDA or size is None or end < 0:
        raise ValueError
    return size, end + 2


def _gif(data: bytes) -> Size:
    """https://www.w3.org/Graphics/GIF/spec-gif89a.txt: blocks up to the trailer; no frame is larger than the screen."""
    _need(data[:6] in {b"GIF87a", b"GIF89a"})
    width, height = _little(data, 6, 2), _little(data, 8, 2)
    at = 13 + _colours(data[10])
    frames = blocks = 0
    while data[at] != 0x3B:
        blocks += 1
        _need(blocks <= MAX_BLOCKS)
        if data[at] == 0x2C:
            frames += 1
            _need(_little(data, at + 1, 2) + _little(data, at + 5, 2) <= width)
            _need(_little(data, at + 3, 2) + _little(data, at + 7, 2) <= height)
            at += 11 + _colours(data[at + 9])
        else:
            _need(data[at] == 0x21)
            at += 2
        while data[at]:
            at += 1 + data[at]
            blocks += 1
            _need(blocks <= MAX_BLOCKS)
        at += 1
    _need(frames > 0 and at + 1 == len(data))
    return width, height


def _webp(data: bytes) -> Size:
    """https://developers.google.com/speed/webp/docs/riff_container: one RIFF chunk, whose first chunk tells the size."""
    _need(data[:4] == b"RIFF" and data[8:12] == b"WEBP" and _little(data, 4, 4) + 8 == len(data))
    match data[12:16]:
        case b"VP8X":
            return _little(data, 24, 3) + 1, _little(data, 27, 3) + 1
        case b"VP8L":
            _need(data[20] == 0x2F)
            bits = _little(data, 21, 4)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            _need(data[23:26] == b"\x9d\x01\x2a")
            return _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF
        case _:
            raise ValueError


_KINDS: dict[str, Callable[[bytes], Size]] = {"image/png": _png, "image/jpeg": _jpeg, "image/gif": _gif, "image/webp": _webp}


def _need(condition: bool) -> None:
    if not condition:
        raise ValueError


def _big(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(_bytes(data, at, size), "big")


def _little(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(_bytes(data, at, size), "little")


def _bytes(data: bytes, at: int, size: int) -> bytes:
    _need(at + size <= len(data))
    return data[at : at + size]


def _colours(packed: int) -> int:
    """The bytes of a colour table."""
    return 3 << (packed & 7) + 1 if packed & 0x80 else 0
