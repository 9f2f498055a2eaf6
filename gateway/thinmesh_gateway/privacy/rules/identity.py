"""Numbers that the state gives out: residents, registered foreigners, businesses, passports, driving licences."""

from __future__ import annotations

import re
from string import ascii_letters

from thinmesh_gateway.privacy import digits, labels
from thinmesh_gateway.privacy.entities import Entity
from thinmesh_gateway.privacy.rules.rule import BETWEEN, END, START, Rule, shape
from thinmesh_gateway.privacy.words import FIRST_OF_REGIONS, REGIONS

FIRST_YEAR = 19
"""The last year of the 1900s that nobody alive was born in: there are companies whose numbers look so."""

LAST_YEAR = 49
"""The last year of the 2000s that a birthday is believed: the seventh digit says the century, and no clock is asked."""


def _said(match: re.Match[str], kind: str) -> bool:
    """Whether a label says so, before the number or behind it."""
    label = labels.before(match.string, match.start())
    if label in {kind, labels.OTHER}:
        return label == kind
    return labels.behind(match.string, match.end(), match.endpos) == kind


def _person(match: re.Match[str], *, foreigner: bool) -> bool:
    """Birthday, century digit, how it is written, its label and its check digit, weighed against each other.

    The check digit only ever helps: since October 2020 there is none.
    """
    number = digits.only(match[0])
    if not digits.month_and_day(number[2:6]):
        return False
    label = labels.before(match.string, match.start())
    if label in {"resident", "company", labels.OTHER}:
        return label == "resident"
    checked = digits.resident(number, foreigner=foreigner)
    year, young = int(number[:2]), number[6] in "3478"
    if "-" in match[0] or " " in match[0]:
        return checked or young or year > FIRST_YEAR
    if young and year > LAST_YEAR:
        return False
    return checked or (match[0].isdecimal() and (foreigner or (young and number[:4] >= "2010")))


def _resident(match: re.Match[str]) -> bool:
    return _person(match, foreigner=False)


def _foreigner(match: re.Match[str]) -> bool:
    return _person(match, foreigner=True)


def _named_behind(match: re.Match[str]) -> bool:
    behind = labels.behind(match.string, match.end(), match.endpos)
    return behind == "resident" and digits.month_and_day(match[0][2:6])


def _checked_business(match: re.Match[str]) -> bool:
    return digits.business(digits.only(match[0])) and _anybodys(match)


def _business(match: re.Match[str]) -> bool:
    """Bare ten digits are anything, one in ten with the right check digit: they need their label."""
    return _said(match, "business")


def _licence(match: re.Match[str]) -> bool:
    return _said(match, "licence")


def _anybodys(match: re.Match[str]) -> bool:
    """The form is enough, unless the label right before it is something else's."""
    return labels.before(match.string, match.start()) != labels.OTHER


def _dated(match: re.Match[str]) -> bool:
    """Nor does a letter and a date make a passport."""
    number = digits.only(match[0])
    return _anybodys(match) and not (number[:2] in {"19", "20"} and len(number) == 8 and digits.month_and_day(number[4:]))


def _passport(match: re.Match[str]) -> bool:
    return _said(match, "passport")


_BORN = r"\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?: ?[-./_~] ?| )?"
_APART = BETWEEN.replace("|)", ")")
_AREA = r"(?:1[1-9]|2[0-8])"

NUMBERS = (
    Rule(Entity.RESIDENT, shape(START + _BORN + r"[1-4]\d{6}" + END), _resident),
    Rule(Entity.FOREIGNER, shape(START + _BORN + r"[5-8]\d{6}" + END), _foreigner),
    Rule(Entity.RESIDENT, shape(START + r"\d{6}[1-8]\d{6}" + END), _named_behind, reach=labels.AFTER),
    Rule(Entity.BUSINESS, shape(START + rf"[1-9]\d{{2}}{_APART}\d{{2}}\1\d{{5}}" + END), _checked_business),
    Rule(Entity.BUSINESS, shape(START + rf"[1-9]\d{{2}}{BETWEEN}\d{{2}}\1\d{{5}}" + END), _business, reach=labels.AFTER),
    Rule(Entity.LICENCE, shape(START + rf"{_AREA}{_APART}\d{{2}}\1\d{{6}}\1\d{{2}}" + END), _anybodys, first="12"),
    Rule(
        Entity.LICENCE,
        shape(START + rf"(?:{_AREA}\d{{10}}|\d{{2}}{_APART}\d{{6}}\1\d{{2}}){END}"),
        _licence,
        reach=labels.AFTER,
    ),
    Rule(Entity.PASSPORT, shape(START + r"\d{9}" + END), _passport, reach=labels.AFTER),
)
REGIONAL = (
    Rule(
        Entity.LICENCE,
        shape(rf"(?:{REGIONS})(?:[남북]부)?(?: ?[-./_~] ?| )?\d{{2}}{_APART}\d{{6}}\1\d{{2}}{END}"),
        _anybodys,
        first=FIRST_OF_REGIONS,
    ),
)
PASSPORTS = (
    Rule(Entity.PASSPORT, shape(START + r"(?:M[ -]?|[SR] ?|[ODG])(?:\d{8}|\d{3}[A-Za-z]\d{4})" + END), _dated, first="MSRODG"),
    Rule(Entity.PASSPORT, shape(START + r"(?:m\d{8}|(?:m ?|[srodg])\d{3}[A-Za-z]\d{4})" + END), _dated, first="msrodg"),
    Rule(
        Entity.PASSPORT,
        shape(START + r"(?:[MSRODGm][ -]?|[A-Za-z]{1,2}-?)(?:\d{7,8}|\d{3}[A-Za-z]\d{4})" + END),
        _passport,
        first=ascii_letters,
        reach=labels.AFTER,
    ),
)
