"""JSON's escapes in texts that come in pieces. Pure."""

from __future__ import annotations

import re

MAX_ESCAPE = 12
"""Characters of the longest one, a pair of surrogates."""

_WHOLE = re.compile(
    r"(?:[^\\]"
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}"  # the first half of a pair, and what tells whether the second follows
    r"(?:\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?=[^\\]|\\[^u]|\\u(?:[0-9a-fA-F]{0,3}[^0-9a-fA-F]|(?![dD][c-fC-F])[0-9a-fA-F]{4})))"
    r"|\\u(?![dD][89abAB])[0-9a-fA-F]{4}"
    r"|\\u(?=[0-9a-fA-F]{0,3}[^0-9a-fA-F])"
    r"|\\[^u])*+",
    re.DOTALL,
)
_PAIR = re.compile(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))", re.DOTALL)


class Escapes:
    """Passes text on so that no piece ends inside an escape."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """What can be passed on now; less than MAX_ESCAPE characters are held back."""
        if self._held:
            text = self._held + text
            self._held = ""
        if "\\" not in text[-MAX_ESCAPE:]:
            return text
        whole = _WHOLE.match(text)
        end = len(text) if whole is None else whole.end()
        self._held = text[end:]
        return text[:end]

    def end(self) -> str:
        """What was held back."""
        held, self._held = self._held, ""
        return held


def unescaped(text: str) -> str:
    """The same JSON text with every character as itself that need not be escaped; no piece may end inside an escape."""
    return _PAIR.sub(_character, text) if "\\" in text else text


def _character(match: re.Match[str]) -> str:
    high, low, code, other = match.groups()
    if other is not None:
        return "/" if other == "/" else match[0]
    if high is not None:
        return chr(0x10000 + ((int(high, 16) & 0x3FF) << 10 | int(low, 16) & 0x3FF))
    value = int(code, 16)
    plain = value >= 0x20 and value not in {0x22, 0x5C, 0x7F} and not 0xD800 <= value <= 0xDFFF
    return chr(value) if plain else match[0]
