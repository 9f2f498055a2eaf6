"""Cards by Luhn's digit and their issuer's, bank accounts by the words around them."""

from __future__ import annotations

import re

from thinmesh_gateway.privacy import digits, labels
from thinmesh_gateway.privacy.entities import Entity
from thinmesh_gateway.privacy.rules.rule import END, START, Rule, shape

# Visa, Mastercard, American Express, Diners, JCB, Discover, UnionPay, and Korean cards for use at home (9).
_ISSUER = re.compile(r"4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3(?:[47]|0[0-5]|[689]|5[2-8])|6(?:011|2|4[4-9]|5)|9")


def _card(match: re.Match[str]) -> bool:
    number = digits.only(match[0])
    if not 13 <= len(number) <= 19 or not digits.luhn(number):
        return False
    label = labels.before(match.string, match.start())
    if label == "card":
        return True
    return len(number) >= 14 and _ISSUER.match(number) is not None and not (label == "other" and match[0].isdecimal())


def _account(match: re.Match[str]) -> bool:
    """No check digit exists, so the nearest label decides, or without one the words behind."""
    number = digits.only(match[0])
    if not 10 <= len(number) <= 16 or digits.moment(number):
        return False
    if labels.counted_after(match.string, match.end(), match.endpos):
        return False
    label = labels.before(match.string, match.start())
    return label == "account" or (label is None and labels.bank_after(match.string, match.end(), match.endpos))


_GROUPED = r"\d{4}([- ]?)(?:\d{4}\1\d{4}\1\d{1,7}|\d{6}\1\d{4,5})"
_HYPHENATED = r"\d{2,6}(?:-\d{1,9}){1,4}"
_SPACED = r"\d{2,6}(?: \d{1,7}){2,3}"

RULES = (
    Rule(Entity.CARD, shape(START + _GROUPED + END), _card),
    Rule(Entity.ACCOUNT, shape(START + rf"(?:{_HYPHENATED}|{_SPACED}|\d{{10,16}}){END}(?!\.\d)"), _account, reach=labels.AFTER),
)
