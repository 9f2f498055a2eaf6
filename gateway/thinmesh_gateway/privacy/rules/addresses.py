"""Where somebody is reached on a network: e-mail, IPv4, IPv6."""

from __future__ import annotations

import ipaddress
import re
from string import ascii_letters, digits, hexdigits

from thinmesh_gateway.privacy import labels
from thinmesh_gateway.privacy.entities import Entity
from thinmesh_gateway.privacy.rules.rule import START, Rule, shape

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_NOBODYS = frozenset({"127.0.0.1", "0.0.0.0", "255.255.255.255"})  # noqa: S104 nothing is bound
_WITHIN = re.compile(r"(?:^|[^0-9A-Za-z_])(?:[0-9A-Fa-f]{1,4}:)+:?\Z|::\Z", re.ASCII)
_SCALED_IMAGE = re.compile(r"@[1-9]x\.", re.ASCII)


def _email(match: re.Match[str]) -> bool:
    """`git@` is how repositories are written, and `icon@2x.png` an image."""
    return not match[0].startswith("git@") and _SCALED_IMAGE.search(match[0]) is None


def _ipv4(match: re.Match[str]) -> bool:
    """Versions and sections look the same; those of small numbers need a label to be an address."""
    if match[0] in _NOBODYS:
        return False
    label = labels.before(match.string, match.start(), labels.NEAR)
    return label != "version" and (len(match[0]) > 7 or label == "ip")


def _ipv6(match: re.Match[str]) -> bool:
    """Times, and names in C++, have colons too."""
    if _WITHIN.search(match.string[max(0, match.start() - 24) : match.start()]):
        return False
    try:
        address = ipaddress.ip_address(match[0])
    except ValueError:
        return False
    groups = [group for group in match[0].split(":") if group]
    if address.is_loopback or address.is_unspecified or not any(map(str.isdecimal, match[0])):
        return False
    return len(groups[0]) >= 3 or len(groups) >= 3


def dictates(name: str, text: str, at: int) -> bool:
    """Whether a word before a spaced @ may be a name: plain words are mentions or places, unless they are labelled."""
    return not name.isalpha() or labels.mailed(text, at)


def _dictated(match: re.Match[str]) -> bool:
    if match["said"] is not None:
        return labels.mailed(match.string, match.start())
    return match["apart"] is None or dictates(match["name"], match.string, match.start())


AT = r"(?: @ ?|@ | ?(?:[(\[{<](?:[Aa][Tt]|골뱅이)[)\]}>]|골뱅이) ?)"
"""How an @ is written that no machine is to read."""

_DOT = r"(?:\.| ?[(\[{<][Dd][Oo][Tt][)\]}>] ?| dot | ?점 ?)"
_IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}(?!\.?\d)(?![A-Za-z])"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

RULES = (
    Rule(
        Entity.EMAIL,
        shape(START + rf"[A-Za-z0-9_][A-Za-z0-9._+-]{{0,63}}+(?:@|%40)(?:{_LABEL}\.){{1,8}}[A-Za-z]{{2,24}}(?![A-Za-z0-9])"),
        _email,
        first=digits + ascii_letters + "_",
    ),
    Rule(
        Entity.EMAIL,
        shape(
            START + rf"(?P<name>[A-Za-z0-9_][A-Za-z0-9._+-]{{0,63}}+)(?P<apart>(?= ))?(?:{AT}|(?P<said> [Aa][Tt] ))"
            rf"(?:{_LABEL}{_DOT}){{1,4}}[A-Za-z]{{2,24}}(?![A-Za-z0-9])"
        ),
        _dictated,
        first=digits + ascii_letters + "_",
    ),
    Rule(
        Entity.IP,
        shape(
            rf"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{{0,4}}:){{2,7}}(?:{_IPV4}|[0-9A-Fa-f]{{1,4}}|(?<=::))(?![0-9A-Za-z])(?!:[0-9A-Za-z:])"
        ),
        _ipv6,
        first=":" + hexdigits,
    ),
    Rule(Entity.IP, shape(rf"(?<!\d\.){_IPV4}"), _ipv4),
)
