"""From where an image may be fetched: a name, by https, that stands for public addresses alone. Pure."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

PORT = 443

_URL = re.compile(
    r"https://(?P<host>(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59}))(?::443)?"
    r"(?P<path>/[!$-\[\]-~]*)?",
    re.IGNORECASE,
)
_NAT64 = IPv6Network("64:ff9b::/96")


class Target(NamedTuple):
    """A host and what is asked of it."""

    host: str
    path: str


def target(url: str) -> Target | None:
    """What a URL names; none where parsers may differ: numbers for hosts, users, ports, backslashes, fragments."""
    found = _URL.fullmatch(url) if len(url) <= 2048 else None
    return None if found is None or len(found["host"]) > 253 else Target(found["host"].lower(), found["path"] or "/")


def public(address: str) -> bool:
    """Whether an address is everybody's; those that wrap another one are not."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address) and (ip.ipv4_mapped or ip.sixtofour or ip.teredo or ip in _NAT64):
        return False
    return ip.is_global and not ip.is_multicast
