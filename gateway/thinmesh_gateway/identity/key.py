"""The text of an API key: `tm_live_<id>_<secret>_<check>`. Pure.

The check digits tell a typo from a wrong key without a look at anything, and let scanners of leaked secrets be sure.
"""

from __future__ import annotations

from zlib import crc32

PREFIX = "tm_live_"
ID_BYTES = 6
SECRET_BYTES = 32
CHECK_DIGITS = 8


def text(key_id: str, secret: str) -> str:
    """The whole key."""
    stem = f"{PREFIX}{key_id}_{secret}"
    return f"{stem}_{_check(stem)}"


def plausible(key: str) -> bool:
    """Whether its check digits agree; keys of the first days have none, and end with their secret."""
    stem, _, last = key.rpartition("_")
    return last == _check(stem) if len(last) == CHECK_DIGITS else len(last) == 2 * SECRET_BYTES


def id_of(key: str) -> str:
    """The id in a key's text."""
    return key.removeprefix(PREFIX).partition("_")[0]


def _check(stem: str) -> str:
    return crc32(stem.encode(errors="replace")).to_bytes(4, "big").hex()  # half the price of formatting the number
