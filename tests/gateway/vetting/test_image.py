"""Images are of a served kind, of a size that an engine can hold, and end where they end; nothing is fetched."""

from __future__ import annotations

import base64
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinmesh_gateway.vetting import image


def png(width: int = 8, height: int = 8, behind: bytes = b"") -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"x") + chunk(b"IEND", b"") + behind


def jpeg(width: int = 8, height: int = 8, frames: int = 1, scan: bytes = b"data\xff\x00data") -> bytes:
    thumbnail = b"\xff\xe1\x00\x08\xff\xd8\xff\xd9.."
    frame = b"\xff\xc0\x00\x0b\x08" + struct.pack(">HH", height, width) + b"\x01\x01\x11\x00"
    return b"\xff\xd8" + thumbnail + b"\xff" + frame * frames + b"\xff\xda\x00\x08\x01\x01\x00\x00?\x00" + scan + b"\xff\xd9"


def gif(width: int = 8, height: int = 8, frame: int = 8) -> bytes:
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0" * 6
    extension = b"!\xf9\x04\0\0\0\0\0"
    return screen + extension + b"," + struct.pack("<HHHHB", 0, 0, frame, frame, 0) + b"\x02\x02L\x01\0" + b";"


def webp(kind: bytes = b"VP8X", width: int = 8, height: int = 8) -> bytes:
    if kind == b"VP8X":
        body = b"\0\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    elif kind == b"VP8L":
        body = b"\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(4, "little") + b"\0"
    else:
        body = b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height)
    chunk = kind + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def url(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


TAKEN = [
    ("png", png()), ("jpeg", jpeg()), ("jpeg", jpeg() + b"\0\0" + jpeg()), ("gif", gif()), ("webp", webp()), ("webp", webp(b"VP8L")),
    ("webp", webp(b"VP8 ")), ("png", png(4000, 4000)),
]  # fmt: skip
REFUSED = [
    ("pixels", "png", png(1, 1)), ("pixels", "png", png(50_000, 50_000)), ("pixels", "png", png(16_000, 16_000)),
    ("pixels", "jpeg", jpeg(1, 1)), ("pixels", "jpeg", jpeg(50_000, 50_000)), ("pixels", "gif", gif(1, 1, 1)),
    ("pixels", "webp", webp(width=1, height=1)), ("pixels", "webp", webp(width=1 << 24)), ("pixels", "png", png(0, 8)),
    ("or more", "png", png(behind=b"PK\x03\x04")), ("or more", "jpeg", jpeg() + b"<script>"), ("or more", "jpeg", jpeg() * 9),
    ("or more", "gif", gif() + b"x"), ("or more", "webp", webp() + b"x"), ("or more", "jpeg", jpeg(frames=2)),
    ("or more", "jpeg", jpeg(frames=0)), ("or more", "gif", gif(8, 8, 9)), ("or more", "png", jpeg()), ("or more", "jpeg", png()),
    ("or more", "gif", b"GIF89a/*" + b"\0" * 40), ("or more", "png", png()[:-4]), ("or more", "png", b""),
    ("or more", "jpeg", jpeg()[:2] + b"\xff\xe0\0\2" * (image.MAX_PARTS + 1) + jpeg()[2:]), ("or more", "jpeg", b"\xff\xd8" + b"\xff" * 99_999),
    ("or more", "png", png()[:-12] + b"\0\0\0\0tEXt\0\0\0\0" * (image.MAX_PARTS + 1) + png()[-12:]),
    ("or more", "gif", gif()[:-1] + b"!\xf9\0" * (image.MAX_BLOCKS + 1) + b";"), ("or more", "gif", gif()[:-1] + b"!\xf9" + b"\1a" * (image.MAX_BLOCKS + 1) + b"\0;"),
    ("or more", "webp", webp(b"ICCP")), ("served are", "svg+xml", b"<svg/>"), ("served are", "tiff", b"II*\0"),
    ("served are", "jp2", b"\0\0\0\x0cjP  \r\n\x87\n"), ("larger", "png", png(behind=b"x" * (3 << 20))),
]  # fmt: skip
ELSEWHERE = [
    "http://169.254.169.254/latest/meta-data/", "https://localhost/a.png", "http://[::1]/", "http://0x7f000001/", "http://2130706433/",
    "https://example.com\\@127.0.0.1/", "http://example.com/redirect", "http://127.0.0.1.nip.io/", "file:///etc/passwd", "//host/a.png",
    "ftp://x/", "", "data:,", "data:text/html;base64,AAAA", "data:image/png,raw", "data:image/png;charset=x;base64,AAAA",
    " data:image/png;base64,AAAA", "data:image/png;base64,****", "data:image/png;base64,AAA", "javascript:1", "DATA:image/svg+xml;base64,AAAA",
]  # fmt: skip


@pytest.mark.parametrize(("kind", "data"), TAKEN)
def test_a_whole_image_passes(kind: str, data: bytes) -> None:
    assert image.fault(url(kind, data)) is None
    assert image.fault(url(kind, data).replace("data:image", "DATA:Image")) is None


@pytest.mark.parametrize(("word", "kind", "data"), REFUSED)
def test_a_hostile_image_is_refused(word: str, kind: str, data: bytes) -> None:
    assert word in (image.content_fault(f"image/{kind}", data) or "")
    assert image.fault(url(kind, data)) is not None


@pytest.mark.parametrize("given", ELSEWHERE)
def test_what_is_elsewhere_is_refused(given: str) -> None:
    assert image.fault(given) is not None


@given(st.sampled_from(TAKEN), st.data())
def test_no_cut_or_changed_image_does_more_than_be_refused(taken: tuple[str, bytes], data: st.DataObject) -> None:
    kind, whole = taken
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(changed[: data.draw(st.integers(0, len(changed)))])
    fault = image.content_fault(f"image/{kind}", cut)
    assert fault is None or len(fault) < 120
