"""What the words around a number say that it is. Pure.

Of several words the nearest counts: in `상품 계좌 110-123-456789` that is the account and not the goods. A word that speaks
against a value of a good form must be the number's own label, with nothing but a particle or punctuation between them.
"""

from __future__ import annotations

import re

from thinmesh_gateway.privacy.words import BANKS, DEEDS, LABELS, NUMBER, THINGS

REACH = 40
"""How many characters before a number its label may begin."""

NEAR = 14
"""The same for words that are more often about something else."""

AFTER = 20
"""How many characters after a number the words behind it may end."""

OTHER = "other"
"""The kind of a number of goods, orders and papers."""

_WORDS = {**LABELS, OTHER: THINGS}
# Words that are labels only right before a number: they mean much else.
_CLOSE = {"account": BANKS, "version": "제|_v"}
_GAP = r"""(?=[ .:()\[\]|"'/=>\n-]{0,5}\Z)"""


def _written(word: str) -> str:
    """A word's pattern, beginning with its own letter: so Python passes other places by at once."""
    first, rest = word.lstrip("_")[0], word.lstrip("_")[1:].replace("~", "[ _.-]?")
    return (f"{first}(?<![a-z0-9]{first})" if word.startswith("_") else first) + rest


def _any(words: str) -> str:
    """Longer words first."""
    return "|".join(map(_written, sorted(words.split("|"), key=len, reverse=True)))


def _labels() -> re.Pattern[str]:
    words = [(word, "") for words in _WORDS.values() for word in words.split("|")]
    words += [(word, _GAP) for words in _CLOSE.values() for word in words.split("|")]
    return re.compile("|".join(_written(word) + ahead for word, ahead in sorted(words, key=lambda pair: -len(pair[0]))))


_FILLED = str.maketrans("", "", " _.-~")
_KINDS = {
    word.translate(_FILLED): kind for kinds in (_CLOSE, _WORDS) for kind, words in kinds.items() for word in words.split("|")
}
_LABEL = _labels()
_BEHIND = re.compile(rf"[^\n0-9,;]{{0,12}}?(?:{_any('|'.join(LABELS.values()))})|[ (\[/,]{{0,2}}(?:{_any(BANKS)})")
_COUNT = f"[ _.-]?(?:{NUMBER})"
_ELSEWHERE = re.compile(
    rf"(?:(?:{_any(THINGS)})(?:{_COUNT})?|(?:{_any(DEEDS)}){_COUNT})"
    r"(?: ?(?:은|는|이|가|을|를|도|의|란|is|was))?[^가-힣a-z0-9]{0,12}\Z"
)
_COUNTED = re.compile(r"\s?(?:원|달러|엔|위안|유로|건|명|개|회|번째|바이트|krw|won|usd|bytes?|ms\b|%)", re.IGNORECASE)
_CURRENCIES = frozenset("₩￦$€£¥")


def before(text: str, at: int, reach: int = REACH) -> str | None:
    """The kind of the nearest label before a place; None where there is none."""
    label = None
    for match in _LABEL.finditer(text[max(0, at - reach) : at].lower()):
        label = match[0]
    return None if label is None else _KINDS[label.translate(_FILLED)]


def elsewhere(text: str, at: int) -> bool:
    """Whether the label right before a number is that of goods, an order or a paper."""
    return _ELSEWHERE.search(text[max(0, at - REACH) : at].lower()) is not None


def behind(text: str, at: int, stop: int) -> str | None:
    """The kind of the label right behind a number; None where there is none."""
    match = _BEHIND.match(text[at : min(at + AFTER, stop)].lower())
    if match is None:
        return None
    for label in _LABEL.finditer(match[0]):
        return _KINDS[label[0].translate(_FILLED)]
    return "account"


def amount(text: str, start: int, end: int, stop: int) -> bool:
    """Whether a currency before a number or a unit behind it makes it an amount."""
    return text[max(start - 1, 0) : start] in _CURRENCIES or _COUNTED.match(text, end, stop) is not None
