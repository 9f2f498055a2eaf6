"""gRPC as bytes on a socket: what no client library would send. RFC 9113, and RFC 7541 without its compression."""

from __future__ import annotations

import asyncio
import re
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, END_HEADERS = 1, 4


def frame(kind: int, flags: int, payload: bytes, stream: int = 1) -> bytes:
    """One frame."""
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload


def headers(*pairs: tuple[str, str | bytes]) -> bytes:
    """A header block of literals."""
    return b"".join(b"\x00" + _text(name) + _text(value) for name, value in pairs)


def framed(data: bytes) -> bytes:
    """A message as it stands in DATA, not compressed."""
    return b"\0" + struct.pack(">I", len(data)) + data


def call(method: str | bytes, *pairs: tuple[str, str], message: bytes) -> bytes:
    """All that a client sends for a unary call; `message` is taken as it is."""
    fixed: tuple[tuple[str, str | bytes], ...] = (
        (":method", "POST"),
        (":scheme", "http"),
        (":path", method),
        (":authority", "a"),
        ("te", "trailers"),
    )
    block = headers(*fixed, ("content-type", "application/grpc"), *pairs)
    return PREFACE + frame(SETTINGS, 0, b"", 0) + frame(HEADERS, END_HEADERS, block) + frame(DATA, END_STREAM, framed(message))


async def told(address: str, sent: bytes, *, until: bytes = b"grpc-status", seconds: float = 10) -> bytes:
    """What a server answers until it says that, or closes."""
    kind, _, port = address.rpartition(":")
    opening = asyncio.open_unix_connection(port) if kind == "unix" else asyncio.open_connection(kind, int(port))
    reader, writer = await opening
    said = b""
    try:
        writer.write(sent)
        async with asyncio.timeout(seconds):
            while until not in said:
                piece = await reader.read(65536)
                if not piece:
                    break
                said += piece
    except ConnectionError:
        pass
    finally:
        writer.close()
    return said


def status(said: bytes) -> int | None:
    """The gRPC status in an answer, where its header is spelt out."""
    found = re.search(rb"grpc-status.(\d+)", said, re.DOTALL)
    return int(found[1]) if found else None


def _text(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    if len(data) < 127:
        return bytes([len(data)]) + data
    rest, size = len(data) - 127, bytearray([127])
    while rest >= 128:
        size.append(rest % 128 + 128)
        rest //= 128
    return bytes(size) + bytes([rest]) + data
