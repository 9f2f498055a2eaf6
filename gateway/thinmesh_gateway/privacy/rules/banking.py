"""Cards by Luhn's digit and their issuer's, bank accounts by the words around them."""

from __future__ import annotations

import re

from thinmesh_gateway.privacy import digits, labels
from thinmesh_gateway.privacy.entities import Entity
from thinmesh_gateway.privacy.rules.rule import END, START, Rule, shape

# Which first digits issuers have, and how many follow.
_ISSUED = re.compile(
    r"4\d{15}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"  # Visa, Mastercard
    r"|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}"  # American Express, Diners, JCB
    r"|6(?:011|4[4-9]\d|5\d\d)\d{12}|62\d{14,17}|9\d{15}",  # Discover, UnionPay, Korean cards for use at home
    re.ASCII,
)


def _card(match: re.Match[str]) -> bool:
    number = digits.only(match[0])
    if not 13 <= len(number) <= 19 or not digits.luhn(number):
        return False
    label = labels.before(match.string, match.start(), labels.NEAR)
    return label == "card" or (label != "other" and _ISSUED.fullmatch(number) is not None)


def _account(match: re.Match[str]) -> bool:
    """No check digit exists, so the nearest label decides, or without one the words behind."""
    number = digits.only(match[0])
    if not 10 <= len(number) <= 16 or digits.moment(number):
        return False
    if labels.amount(match.string, match.start(), match.end(), match.endpos):
        return False
    label = labels.before(match.string, match.start())
    return label == "account" or (label is None and labels.bank_after(match.string, match.end(), match.endpos))


_GROUPED = r"\d{4}([-. ]?)(?:\d{4}\1\d{4}\1\d{1,7}|\d{6}\1\d{4,5})"
_HYPHENATED = r"\d{2,6}(?:-\d{1,9}){1,4}"
_SPACED = r"\d{2,6}(?: \d{1,7}){2,3}"

RULES = (
    Rule(Entity.CARD, shape(START + _GROUPED + END), _card),
    Rule(Entity.ACCOUNT, shape(START + rf"(?:{_HYPHENATED}|{_SPACED}|\d{{10,16}}){END}(?!\.\d)"), _account, reach=labels.AFTER),
)
