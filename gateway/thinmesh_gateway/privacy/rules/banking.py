"""Cards by Luhn's digit and their issuer's, bank accounts by the words around them."""

from __future__ import annotations

import re

from thinmesh_gateway.privacy import digits, labels
from thinmesh_gateway.privacy.entities import Entity
from thinmesh_gateway.privacy.rules.rule import END, START, Rule, shape

# American Express, Diners, JCB (3), Visa (4), Mastercard (2, 5), Discover, UnionPay (6), and Korean cards for use at home (9).
_ISSUER = re.compile(r"[4569]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[0-9]")


def _card(match: re.Match[str]) -> bool:
    number = digits.only(match[0])
    if not 13 <= len(number) <= 19 or not digits.luhn(number):
        return False
    label = labels.before(match.string, match.start(), labels.NEAR)
    return label == "card" or (label != "other" and len(number) >= 14 and _ISSUER.match(number) is not None)


def _account(match: re.Match[str]) -> bool:
    """No check digit exists, so the nearest label decides, or without one the words behind."""
    number = digits.only(match[0])
    if not 10 <= len(number) <= 16 or digits.moment(number):
        return False
    if labels.amount(match.string, match.start(), match.end(), match.endpos):
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
