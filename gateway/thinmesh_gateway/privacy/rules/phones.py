"""Telephone numbers: Korean mobile, fixed, internet (070) and safe (050x) ones, and any that begin with `+`.

Numbers that anybody may know are none: 15xx, 16xx, 18xx and 080.
"""

from __future__ import annotations

import re

from thinmesh_gateway.privacy import digits, labels
from thinmesh_gateway.privacy.entities import Entity
from thinmesh_gateway.privacy.rules.rule import END, Rule, always, shape

_BETWEEN = r"(?:\) ?-? ?| ?[-./_] ?|  ?)?"
_MOBILE = rf"1[016-9]{_BETWEEN}\d{{3,4}}"
_FIXED = rf"(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]){_BETWEEN}\d{{3,4}}"
_INTERNET = rf"(?:70|50\d){_BETWEEN}\d{{3,4}}"
_REST = rf"(?:{_MOBILE}|{_FIXED}|{_INTERNET}){_BETWEEN}\d{{4}}"


def _national(match: re.Match[str]) -> bool:
    """Written as it is said it is one, as bare digits of a mobile's length are; others must not be somebody's order."""
    number = digits.only(match[0])
    if number.startswith("010"):
        return len(number) == 11 or len(match[0]) > len(number)
    if number.startswith("070") and len(number) < 11:
        return False
    return not labels.elsewhere(match.string, match.start())


def _anybodys(match: re.Match[str]) -> bool:
    return not labels.elsewhere(match.string, match.start())


def _international(match: re.Match[str]) -> bool:
    """E.164 allows 15 digits; below nine it is a number with a sign."""
    return 9 <= len(digits.only(match[0])) <= 15


RULES = (
    Rule(Entity.PHONE, shape(rf"\(?0{_REST}{END}"), _national, first="(0"),
    Rule(Entity.PHONE, shape(rf"\(?(?:\+|00[1-8]?)82{_BETWEEN}\(?0?{_BETWEEN}{_REST}{END}"), always, first="(+0"),
    Rule(Entity.PHONE, shape(rf"\(?82(?:\) ?| ?[-./_] ?| )\(?0?{_BETWEEN}{_REST}{END}"), _anybodys, first="(8"),
    Rule(Entity.PHONE, shape(rf"8210{_BETWEEN}\d{{4}}{_BETWEEN}\d{{4}}{END}"), _anybodys, first="8"),
    Rule(Entity.PHONE, shape(rf"\(?\+(?!82)[1-9]\d{{0,2}}(?:{_BETWEEN}\(?\d{{1,5}}){{2,5}}{END}"), _international, first="(+"),
)
