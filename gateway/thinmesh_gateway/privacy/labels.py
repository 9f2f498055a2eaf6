"""What the words around a number say that it is. Pure.

Of several words the nearest counts: in `상품 계좌 110-123-456789` that is the account and not the goods. A word that speaks
against a value of a good form must be the number's own label, with nothing but a particle or punctuation between them.
"""

from __future__ import annotations

import re

from thinmesh_gateway.privacy.words import BANKS, DEEDS, GOODS, IDS, LABELS, NUMBER, THINGS

REACH = 40
"""How many characters before a number its label may begin."""

NEAR = 14
"""The same for words that are more often about something else."""

AFTER = 20
"""How many characters after a number the words behind it may end."""

OTHER = "other"
"""The kind of a number of goods, orders and papers: a word for them is its own label."""

_WORDS = {**LABELS, "things": THINGS, "goods": GOODS, "deeds": DEEDS, "ids": IDS}
# Words that are labels only right before a number: they mean much else.
_CLOSE = {"bank": BANKS, "version": "제|_v"}
_POINT = r"""[ .:()\[\]|"'/=>\n-]"""
_GAP = {"bank": rf"(?={_POINT}{{0,5}}(?:[가-힣]{{2,4}}{_POINT}{{1,3}})?\Z)", "version": rf"(?={_POINT}{{0,5}}\Z)"}


def _any() -> re.Pattern[str]:
    """Grouped by first letters, so that Python passes other places by at once; longer words first."""
    rests: dict[str, list[str]] = {}
    words = [(word, "") for words in _WORDS.values() for word in words.split("|")]
    words += [(word, _GAP[kind]) for kind, words in _CLOSE.items() for word in words.split("|")]
    for word, ahead in sorted(words, key=lambda pair: -len(pair[0])):
        first, rest = word.lstrip("_")[0], word.lstrip("_")[1:].replace("~", "[ _.-]?")
        alone = f"(?<![a-z0-9]{first})" if word.startswith("_") else ""
        rests.setdefault(first, []).append(alone + rest + ahead)
    return re.compile("|".join(f"{first}(?:{'|'.join(rests[first])})" for first in rests))


_PLACEHOLDER = re.compile(r"<<[A-Z][A-Z0-9_]*(?:>>|>?\Z)|\A<?[A-Z][A-Z0-9_]*>>")
_FILLED = str.maketrans("", "", " _.-~")
_KINDS = {
    word.translate(_FILLED): kind for kinds in (_CLOSE, _WORDS) for kind, words in kinds.items() for word in words.split("|")
}
_LABEL = _any()
_TO = r"(?: ?(?:은|는|이|가|을|를|도|의|란|is|was))?[^가-힣a-z0-9]{0,12}\Z"
_COUNT = f"[ _.-]?(?:{NUMBER})"
_OWN = {
    "things": re.compile(f"(?:{_COUNT})?{_TO}"),
    "goods": re.compile(f"(?:{_COUNT}|(?= ?[:=])){_TO}"),
    "deeds": re.compile(_COUNT + _TO),
    "ids": re.compile(_TO),
}
_BANK_BEHIND = re.compile(rf"[ (\[/,]{{0,2}}(?:(?:{BANKS.replace('_', '').replace('~', ' ?')}) ?){{1,2}}")
_SAID_BEHIND = re.compile(r"은행|뱅크|증권|이?요|이에요|예요|입니다|임|으?로|[)\],.]|\Z")
_DIGIT = re.compile("[0-9]")
_HANGUL = re.compile("[가-힣]")
_FAR = re.compile(r"[\n0-9,;]|.{13}", re.DOTALL)
_COUNTED = re.compile(r"\s?(?:원|달러|엔|위안|유로|건|명|개|회|번째|바이트|krw|won|usd|bytes?|ms\b|%)", re.IGNORECASE)
_CURRENCIES = frozenset("₩￦$€£¥")


def before(text: str, at: int, reach: int = REACH) -> str | None:
    """The kind of the nearest label before a place, `bank` with a holder's name between; None where there is none."""
    head = _plain(text[max(0, at - reach) : at])
    kind, found, start, end, owned = None, "", 0, 0, -REACH
    for match in _LABEL.finditer(head):
        found, start, end = _KINDS[match[0].translate(_FILLED)], match.start(), match.end()
        if found in LABELS or found in _CLOSE:
            kind, owned = found, end
        elif found in {"things", "goods"}:
            kind = found
    if kind == "company" and _DIGIT.search(head, owned) is not None:
        kind = None  # it has its number
    if kind == "bank" and _HANGUL.search(head, owned) is None:
        kind = "account"
    if found not in _OWN or _OWN[found].match(head, end) is None or (found == "ids" and 0 <= start - owned <= 1):
        return kind
    return OTHER


def mailed(text: str, at: int) -> bool:
    """Whether the label right before a word says that it begins an e-mail address."""
    return before(text, at, NEAR) == "email"


def behind(text: str, at: int, stop: int) -> str | None:
    """The kind of the label right behind a number; None where there is none."""
    tail = _plain(text[at : min(at + AFTER, stop)])
    bank = _BANK_BEHIND.match(tail)
    if bank is not None:
        return "bank" if _SAID_BEHIND.match(tail, bank.end()) is None else "account"
    label = _LABEL.search(tail)
    if label is None or _FAR.search(tail, 0, label.start()):
        return None
    return _KINDS[label[0].translate(_FILLED)]


def amount(text: str, start: int, end: int, stop: int) -> bool:
    """Whether a currency before a number or a unit behind it makes it an amount."""
    return text[max(start - 1, 0) : start] in _CURRENCIES or _COUNTED.match(text, end, stop) is not None


def _plain(text: str) -> str:
    """In lower case, without placeholders: their names say nothing of the numbers beside them."""
    return (_PLACEHOLDER.sub(" ", text) if "<<" in text or ">>" in text else text).lower()
