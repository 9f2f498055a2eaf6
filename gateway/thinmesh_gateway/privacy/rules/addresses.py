"""Where somebody is reached on a network: e-mail, IPv4, IPv6."""

from __future__ import annotations

import ipaddress
import re

from thinmesh_gateway.privacy import labels
from thinmesh_gateway.privacy.entities import Entity
from thinmesh_gateway.privacy.rules.rule import START, Rule, shape

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_SCALED_IMAGE = re.compile(r"@[1-9]x\.", re.ASCII)


def _email(match: re.Match[str]) -> bool:
    """`git@` is how repositories are written, and `icon@2x.png` an image."""
    return not match[0].startswith("git@") and _SCALED_IMAGE.search(match[0]) is None


def _ipv4(match: re.Match[str]) -> bool:
    """Versions and sections look the same; those of small numbers need a label to be an address."""
    address = ipaddress.ip_address(match[0])
    if address.is_loopback or address.is_unspecified or match[0] == "255.255.255.255":
        return False
    label = labels.before(match.string, match.start())
    return label != "version" and (len(match[0]) > 7 or label == "ip")


def _ipv6(match: re.Match[str]) -> bool:
    """Times, and names in C++, have colons too."""
    try:
        address = ipaddress.ip_address(match[0])
    except ValueError:
        return False
    first = match[0].partition(":")[0]
    return not (address.is_loopback or address.is_unspecified) and len(first) >= 2 and any(map(str.isdecimal, match[0]))


_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

RULES = (
    Rule(
        Entity.EMAIL,
        shape(START + rf"[A-Za-z0-9][A-Za-z0-9._%+-]{{0,63}}+@(?:{_LABEL}\.){{1,8}}[A-Za-z]{{2,24}}(?![A-Za-z0-9])"),
        _email,
    ),
    Rule(
        Entity.IP,
        shape(r"(?<![0-9A-Za-z:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![0-9A-Za-z:])"),
        _ipv6,
    ),
    Rule(Entity.IP, shape(rf"(?<![0-9A-Za-z]){_OCTET}(?:\.{_OCTET}){{3}}(?!\.?\d)(?![A-Za-z])"), _ipv4),
)
