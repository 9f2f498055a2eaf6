"""Telephone numbers: Korean mobile, fixed, internet (070) and safe (050x) ones, any that begin with `+`, and said digits.

Numbers that anybody may know are none: 15xx, 16xx, 18xx and 080.
"""

from __future__ import annotations

import re

from thinmesh_gateway.privacy import digits, labels
from thinmesh_gateway.privacy.entities import Entity
from thinmesh_gateway.privacy.rules.rule import END, Rule, always, shape

_BETWEEN = r"(?:\) ?-? ?| ?[-./_~] ?|  ?)?"
_MOBILE = rf"1[016-9]{_BETWEEN}\d{{3,4}}"
_FIXED = rf"(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]){_BETWEEN}\d{{3,4}}"
_INTERNET = rf"(?:70|50\d|303){_BETWEEN}\d{{3,4}}"
_REST = rf"(?:{_MOBILE}|{_FIXED}|{_INTERNET}){_BETWEEN}\d{{4}}"


def _national(match: re.Match[str]) -> bool:
    """Written as it is said it is one, as bare digits of a mobile's length are; others must not be somebody's order."""
    number = digits.only(match[0])
    if number.startswith("010"):
        return len(number) == 11 or len(match[0]) > len(number)
    if number.startswith("070") and len(number) < 11:
        return False
    return labels.before(match.string, match.start()) != labels.OTHER


def _without_zero(match: re.Match[str]) -> bool:
    """Spreadsheets lose it."""
    return labels.before(match.string, match.start()) == "phone"


def _anybodys(match: re.Match[str]) -> bool:
    return labels.before(match.string, match.start()) != labels.OTHER


def _international(match: re.Match[str]) -> bool:
    """E.164 allows 15 digits; below nine it is a number with a sign."""
    return 9 <= len(digits.only(match[0])) <= 15


_D = "[0-9공영일이삼사오육륙칠팔구]"
_APART = r"(?:(?: ?(?:에|의|다시))?[ ,.-]{1,2}|에|다시)"
SPOKEN = "공영"
"""With what a number begins whose digits are written as they are said."""

SPOKEN_RULES = (
    Rule(
        Entity.PHONE,
        shape(
            rf"[{SPOKEN}](?:일[공영일육칠팔구]{_APART}?{_D}{{3,4}}{_APART}?"
            rf"|(?:이|[삼사오육륙][일이삼사오]|칠[공영]|오[공영]{_D}){_APART}{_D}{{3,4}}{_APART}){_D}{{4}}"
        ),
        always,
        first=SPOKEN,
    ),
)
RULES = (
    Rule(Entity.PHONE, shape(rf"10{_BETWEEN}\d{{4}}{_BETWEEN}\d{{4}}{END}"), _without_zero, first="1"),
    Rule(Entity.PHONE, shape(rf"\(?0{_REST}{END}"), _national, first="(0"),
    Rule(Entity.PHONE, shape(rf"\(?(?:\+|00[1-8]?)82{_BETWEEN}\(?0?{_BETWEEN}{_REST}{END}"), always, first="(+0"),
    Rule(Entity.PHONE, shape(rf"\(?82(?:\) ?| ?[-./_~] ?| )\(?0?{_BETWEEN}{_REST}{END}"), _anybodys, first="(8"),
    Rule(Entity.PHONE, shape(rf"8210{_BETWEEN}\d{{4}}{_BETWEEN}\d{{4}}{END}"), _anybodys, first="8"),
    Rule(Entity.PHONE, shape(rf"\(?\+(?!82)[1-9]\d{{0,2}}(?:{_BETWEEN}\(?\d{{1,5}}){{2,5}}{END}"), _international, first="(+"),
)
