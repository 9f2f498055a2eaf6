"""The header `Prefer` of RFC 7240, as far as the mesh heeds it: to be answered later. Pure."""

from __future__ import annotations

from typing import NamedTuple
from urllib.request import parse_http_list

PREFER = "prefer"
APPLIED = "preference-applied"

LONGEST_WAIT = 86_400


class Later(NamedTuple):
    """`respond-async`, and the seconds of `wait` for which the caller would rather have the answer itself; none means 0."""

    wait: int | None = None

    def __str__(self) -> str:
        """How it is said that this was heeded."""
        return "respond-async" if self.wait is None else f"respond-async, wait={self.wait}"


def later(header: str) -> Later | None:
    """What a header prefers, if that is to be answered later. The first of a name counts; what is malformed is none."""
    said: dict[str, str] = {}
    for one in parse_http_list(header):
        name, _, value = one.partition(";")[0].partition("=")
        said.setdefault(name.strip().lower(), value.strip().strip('"'))
    if "respond-async" not in said:
        return None
    wait = said.get("wait", "")
    return Later(min(int(wait[:9]), LONGEST_WAIT) if wait.isascii() and wait.isdecimal() else None)
