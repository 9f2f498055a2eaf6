r"""Characters that stand for ASCII ones, folded one to one so that every offset stays what it was. Pure.

Texts are often JSON, or quote it: in `\n010-1234-5678` the `n` belongs to an escape and to no word.
"""

from __future__ import annotations

import re

_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_HYPHENS = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30fc\u1173\u2500\u3161\ufe58\ufe63"
_DOTS = "\u00b7\u2022\u2024\u2027\u2219\u22c5\u30fb\u318d\uff65"
_FULL_WIDTH = "".join(map(chr, range(0xFF01, 0xFF5F)))

_TABLE = {
    **{ord(character): " " for character in _SPACES},
    **{ord(character): "-" for character in _HYPHENS},
    **{ord(character): "." for character in _DOTS},
    **{ord(character): chr(ord(character) - 0xFEE0) for character in _FULL_WIDTH},
}
_ESCAPE = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|[\"\\/bfnrt])")
_FOLDED = re.compile(f"[{re.escape(''.join(map(chr, _TABLE)))}]")


def fold(text: str) -> str:
    """The text with full-width forms, odd spaces, hyphens and dots as ASCII, and line breaks for escapes; as long as it was."""
    if "\\" in text:  # first, for full-width letters are in no escape
        text = _ESCAPE.sub(_breaks, text)
    if not text.isascii() and _FOLDED.search(text) is not None:
        text = text.translate(_TABLE)
    return text


def _breaks(match: re.Match[str]) -> str:
    return "\n" * len(match[0])
