"""From where an image may be fetched: a name, by https. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

PORT = 443

_URL = re.compile(
    r"https://(?P<host>(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59}))(?::443)?"
    r"(?P<path>/[!$-\[\]-~]*)?",
    re.IGNORECASE,
)


class Target(NamedTuple):
    """A host and what is asked of it."""

    host: str
    path: str


def target(url: str) -> Target | None:
    """What a URL names; none where parsers may differ: numbers for hosts, users, ports, backslashes, fragments."""
    found = _URL.fullmatch(url) if len(url) <= 2048 else None
    return None if found is None or len(found["host"]) > 253 else Target(found["host"].lower(), found["path"] or "/")
