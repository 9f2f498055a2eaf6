"""Cards by Luhn's digit and their issuer's, bank accounts by the words around them."""

from __future__ import annotations

import re

from thinmesh_gateway.privacy import digits, labels
from thinmesh_gateway.privacy.entities import Entity
from thinmesh_gateway.privacy.rules.rule import BETWEEN, END, START, Rule, shape

# Which first digits issuers have, and how many follow.
_ISSUED = re.compile(
    r"4\d{15}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"  # Visa, Mastercard
    r"|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}"  # American Express, Diners, JCB
    r"|6(?:011|4[4-9]\d|5\d\d)\d{12}|62\d{14,17}|9\d{15}"  # Discover, UnionPay, Korean cards for use at home
    r"|(?:50[1-4]\d|5[6-8]\d\d|63\d\d|67\d\d)\d{12}",  # Maestro
    re.ASCII,
)


def _card(match: re.Match[str]) -> bool:
    """With hyphens it needs no known issuer, nor with its label."""
    number = digits.only(match[0])
    if not 13 <= len(number) <= 19 or not digits.luhn(number):
        return False
    label = labels.before(match.string, match.start())
    if label == labels.OTHER:
        return False
    if "-" in match[0] and len(number) == 16 and number[0] in "2345689":
        return True
    return _ISSUED.fullmatch(number) is not None or label == "card"


def _account(match: re.Match[str]) -> bool:
    """No check digit exists, so the nearest label decides, or without one the words behind."""
    number = digits.only(match[0])
    if not 10 <= len(number) <= 16 or digits.moment(number):
        return False
    label = labels.before(match.string, match.start())
    if label == labels.OTHER or labels.amount(match.string, match.start(), match.end(), match.endpos):
        return False
    # With nothing that makes it a bank's name it means much else: then the number must look like an account.
    named = {"account", "bank"} if len(match[0]) > len(number) else {"account"}
    return label in named or labels.behind(match.string, match.end(), match.endpos) in named


_GROUPED = rf"\d{{4}}{BETWEEN}(?:\d{{4}}\1\d{{4}}\1\d{{1,7}}|\d{{6}}\1\d{{4,5}})"
_HYPHENATED = r"\d{2,8}( ?- ?)\d{1,9}(?:\1\d{1,9}){0,3}"
_APART = r"\d{2,6}( ?[./_~] ?| )\d{1,9}(?:\2\d{1,9}){1,3}"  # one dot alone is a fraction's

RULES = (
    Rule(Entity.CARD, shape(START + _GROUPED + END), _card),
    Rule(
        Entity.ACCOUNT,
        shape(START + rf"(?:{_HYPHENATED}|{_APART}|\d{{10,16}})" + END + r"(?!\.\d)"),
        _account,
        reach=labels.AFTER,
    ),
)
