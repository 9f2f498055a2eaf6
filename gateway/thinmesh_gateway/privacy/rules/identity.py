"""Numbers that the state gives out: residents, registered foreigners, businesses, passports, driving licences."""

from __future__ import annotations

import re

from thinmesh_gateway.privacy import digits, labels
from thinmesh_gateway.privacy.entities import Entity
from thinmesh_gateway.privacy.rules.rule import END, START, Rule, shape

LAST_YEAR = 49
"""The last year of the 2000s that a birthday is believed: the seventh digit says the century, and no clock is asked."""


def _person(match: re.Match[str], *, foreigner: bool) -> bool:
    """Birthday, century digit, how it is written, its label and its check digit, weighed against each other.

    The check digit only ever helps: since October 2020 there is none.
    """
    number = digits.only(match[0])
    if not digits.month_and_day(number[2:6]):
        return False
    checked = digits.resident(number, foreigner=foreigner)
    label = labels.before(match.string, match.start())
    if label in {"resident", "company"}:
        return label == "resident"
    if _somebodys_order(match):
        return checked and "-" in match[0]
    if len(match[0]) > 13:
        return True
    year, young = int(number[:2]), number[6] in "3478"
    if young and year > LAST_YEAR:
        return False
    return checked or foreigner or (young and number[:4] >= "2010")


def _somebodys_order(match: re.Match[str]) -> bool:
    return labels.before(match.string, match.start(), labels.NEAR) == "other"


def _resident(match: re.Match[str]) -> bool:
    return _person(match, foreigner=False)


def _foreigner(match: re.Match[str]) -> bool:
    return _person(match, foreigner=True)


def _business(match: re.Match[str]) -> bool:
    """Bare ten digits are anything, one in ten with the right check digit: they need their label."""
    checked = len(match[0]) > 10 and digits.business(digits.only(match[0]))
    return checked or labels.before(match.string, match.start()) == "business"


def _licence(match: re.Match[str]) -> bool:
    return len(match[0]) > 12 or labels.before(match.string, match.start()) == "licence"


def _regional_licence(match: re.Match[str]) -> bool:
    """Before 2000s' numbering the region was a word."""
    return labels.before(match.string, match.start()) in {"region", "licence"}


def _passport(match: re.Match[str]) -> bool:
    return not _somebodys_order(match)


def _labelled_passport(match: re.Match[str]) -> bool:
    return labels.before(match.string, match.start()) == "passport"


_BORN = r"\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?: ?- ?| )?"

NUMBERS = (
    Rule(Entity.RESIDENT, shape(START + _BORN + r"[1-4]\d{6}" + END), _resident),
    Rule(Entity.FOREIGNER, shape(START + _BORN + r"[5-8]\d{6}" + END), _foreigner),
    Rule(Entity.BUSINESS, shape(START + r"[1-9]\d{2}([- ]?)\d{2}\1\d{5}" + END), _business),
    Rule(Entity.LICENCE, shape(START + r"(?:1[1-9]|2[0-8])([- ]?)\d{2}\1\d{6}\1\d{2}" + END), _licence),
    Rule(Entity.LICENCE, shape(START + r"\d{2}-\d{6}-\d{2}" + END), _regional_licence),
)
PASSPORTS = (
    Rule(Entity.PASSPORT, shape(START + r"[MSRODG](?:\d{8}|\d{3}[A-Z]\d{4})" + END), _passport),
    Rule(Entity.PASSPORT, shape(START + r"[A-Za-z]{1,2}(?:\d{7,8}|\d{3}[A-Za-z]\d{4})" + END), _labelled_passport),
)
