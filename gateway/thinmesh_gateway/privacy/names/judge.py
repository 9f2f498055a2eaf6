"""Which spans of a text are persons' names: what the tagger makes of its words, and what stands around them. Pure.

A surname and some syllables are many words' beginning, so form alone is never enough: a label, an honorific, a title or a
particle for persons must speak for a name, and the less the tagger knows of the word the more must.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, IntEnum
from typing import NamedTuple

from thinmesh_gateway.privacy.names import words
from thinmesh_gateway.privacy.places import Place


class Token(NamedTuple):
    """A word's part, as the tagger sees it. `known`: it is in its dictionary."""

    start: int
    end: int
    tag: str
    known: bool


class Look(IntEnum):
    """What the tagger makes of a name's syllables."""

    BROKEN = 0  # it cuts them elsewhere
    COMMON = 1  # a word of its dictionary
    LOOSE = 2  # several nouns
    SPLIT = 3  # several nouns, one of them proper
    UNKNOWN = 4  # a noun that it has never seen
    PROPER = 5  # a proper noun


class Sign(Enum):
    """What speaks for a name."""

    FIELD = "a label and a colon"
    NAMED = "a label that means a name"
    LABEL = "a label"
    HONORIFIC = "an honorific behind it"
    TITLE = "a title behind it"
    AGE = "a sex or an age behind it"
    SELF = "it is what somebody says of himself"
    TO_PERSON = "a particle that follows persons"
    LISTED = "a name beside it"


_LEAST = {
    Sign.FIELD: Look.LOOSE,
    Sign.NAMED: Look.LOOSE,
    Sign.LABEL: Look.SPLIT,
    Sign.HONORIFIC: Look.LOOSE,
    Sign.TITLE: Look.LOOSE,
    Sign.AGE: Look.LOOSE,
    Sign.SELF: Look.SPLIT,
    Sign.TO_PERSON: Look.SPLIT,
    Sign.LISTED: Look.UNKNOWN,
}
"""What it takes of a name then."""

_ALOUD = frozenset({Sign.FIELD, Sign.HONORIFIC, Sign.AGE, Sign.SELF})
"""What says of the word itself that it is a person."""

_FOR_SHORT = frozenset({Sign.FIELD, Sign.HONORIFIC, Sign.TITLE})
"""What speaks for a name of two syllables loud enough."""

_NOUNS = frozenset({"NNP", "NNG", "NNB", "NR", "NP", "XSN", "XPN", "XR", "MM", "MAG", "IC"})
_WORD = re.compile(r"(?<![가-힣A-Za-z0-9])[가-힣]{2,}")
_FOLLOWING = re.compile(
    rf"(?: ?(?P<honorific>{words.HONORIFICS})| ?(?P<title>{words.TITLES})(?:님|분)?)?"
    rf"(?P<particle>{words.PARTICLES})?(?![가-힣])"
)
_BUSINESS = re.compile(rf" (?:{words.BUSINESSES})(?![가-힣])")
_AGE = re.compile(r" ?[(,] ?(?:남|여|만? ?\d{1,3} ?세|(?:19|20)\d\d년)")
_FIELD = re.compile(
    rf"(?:{words.LABELS})(?: ?\([가-힣A-Za-z ]{{1,12}}\))?[\"']?[ \t]{{0,3}}[:=|\t][ \t]{{0,3}}[\"']?$", re.IGNORECASE
)
_LABEL = re.compile(rf"(?<![가-힣])(?:{words.LABELS})[은는이가]? $", re.IGNORECASE)
_NAMED = re.compile(rf"(?<![가-힣])(?:{words.NAMED})[은는이가]? $")
_THING = re.compile(rf"(?:{words.THINGS})[ _-]?$", re.IGNORECASE)
_SELF = re.compile(r"(?<![가-힣])(?:저는|나는|제가|내가|전) $")
_LIST = re.compile(r"(?: ?(?:님|씨))?(?:, ?|·|/|과 |와 |하고 |이?랑 | 및 )")
_LATIN = re.compile(
    r"(?<![A-Za-z_])(?:(?:(?:full|customer|client|patient|holder|recipient|sender|contact|employee|passenger|guest)[ _]?)?name|"
    r"customer|patient|recipient|sender|passenger|guest|[Cc]ard ?holder|영문 ?성명|영문 ?이름|성명|이름)"
    r"(?: ?\([가-힣A-Za-z ]{1,12}\))?[\"']?[ \t]{0,3}[:=][ \t]{0,3}[\"']?"
    r"(?P<name>(?-i:[A-Z][A-Za-z'-]{1,20},? [A-Z][A-Za-z'-]{0,20}\.?(?: [A-Z][A-Za-z'-]{1,20})?))(?![A-Za-z])",
    re.IGNORECASE,
)
_REACH = 48
"""How far before a name its label may begin."""


def names(text: str, tokens: Sequence[Token]) -> list[Place]:
    """The names in a folded text, in order."""
    at = {token.start: token for token in tokens}
    found: list[Place] = []
    for word in _WORD.finditer(text):
        for end in _ends(word):
            if _is_name(text, (word.start(), end), at, found[-1] if found else None):
                found.append((word.start(), end))
                break
    found += (match.span("name") for match in _LATIN.finditer(text) if _is_latin_name(text, match))
    return sorted(found)


def repeated(texts: Iterable[str], known: frozenset[str]) -> Iterator[list[Place]]:
    """Where names that were found elsewhere stand once more, without anything that speaks for them."""
    for text in texts:
        yield [
            (word.start(), end)
            for word in _WORD.finditer(text)
            for end in _ends(word)
            if end - word.start() > 2 and text[word.start() : end] in known and _FOLLOWING.match(text, end)
        ]


def _ends(word: re.Match[str]) -> Iterator[int]:
    """Where a name may end that begins with the word."""
    start = word.start()
    if word[0][:2] in words.LONG_SURNAMES:
        lengths: tuple[int, ...] = (4, 3)
    elif word[0][0] in words.SURNAMES:
        lengths = (3, 2, 4)
    else:
        return
    yield from (start + length for length in lengths if start + length <= word.end())


def _is_name(text: str, place: Place, at: dict[int, Token], last: Place | None) -> bool:
    start, end = place
    following = _FOLLOWING.match(text, end)
    if following is None or text[start:end] in words.NO_NAMES:
        return False
    look = _look(place, following.end(), at)
    if look <= Look.LOOSE and text[end - 1] in words.UNIT_ENDINGS:
        return False
    short = end - start == 2
    long = end - start == 4 and text[start : start + 2] not in words.LONG_SURNAMES
    if look is not Look.PROPER and (short or long):
        return False
    place_or_company = (
        _BUSINESS.match(text, end) is not None
        or text[start:end].endswith(words.PLACES_AND_COMPANIES)
        or (look in {Look.SPLIT, Look.PROPER} and at[start].known and text[end - 1] in words.PLACE_ENDINGS)
    )
    for sign in _signs(text, place, following, last):
        if sign is Sign.FIELD and look is Look.BROKEN:
            if not following["particle"]:  # else the tagger knows better where it ends
                return True
        elif look >= _LEAST[sign] and not (short and sign not in _FOR_SHORT) and not (place_or_company and sign not in _ALOUD):
            return True
    return False


def _look(place: Place, most: int, at: dict[int, Token]) -> Look:
    """`most`: up to where an unknown word may go on, into the particle that the tagger took for a part of it."""
    start, end = place
    whole = at.get(start)
    if whole is not None and not whole.known and whole.tag in _NOUNS and end < whole.end <= most:
        return Look.UNKNOWN
    parts: list[Token] = []
    while start < end and (token := at.get(start)) is not None and token.tag in _NOUNS and token.end > start:
        parts.append(token)
        start = token.end
    if start != end:
        return Look.BROKEN
    if len(parts) > 1:
        return Look.SPLIT if any(part.tag == "NNP" or not part.known for part in parts) else Look.LOOSE
    if parts[0].tag == "NNP":
        return Look.PROPER
    return Look.COMMON if parts[0].known else Look.UNKNOWN


def _signs(text: str, place: Place, following: re.Match[str], last: Place | None) -> Iterator[Sign]:
    """What speaks for a name, the strongest first."""
    start, end = place
    before = max(0, start - _REACH)
    particle = following["particle"] or ""
    for sign, label in ((Sign.FIELD, _FIELD), (Sign.NAMED, _NAMED), (Sign.LABEL, _LABEL)):
        match = label.search(text, before, start)
        if match is not None and _THING.search(text, max(0, match.start() - 12), match.start()) is None:
            yield sign
    if following["honorific"]:
        yield Sign.HONORIFIC
    if _AGE.match(text, end):
        yield Sign.AGE
    if following["title"]:
        yield Sign.TITLE
    if particle.endswith(words.SAID_OF_SELF) and _SELF.search(text, before, start):
        yield Sign.SELF
    if particle.startswith(words.TO_PERSONS):
        yield Sign.TO_PERSON
    if last is not None and start - last[1] <= 5 and _LIST.fullmatch(text, last[1], start):
        yield Sign.LISTED


def _is_latin_name(text: str, match: re.Match[str]) -> bool:
    if _THING.search(text, max(0, match.start() - 12), match.start()):
        return False
    return words.LATIN_THINGS.isdisjoint(re.split(r"[ ,.]+", match["name"].lower()))
