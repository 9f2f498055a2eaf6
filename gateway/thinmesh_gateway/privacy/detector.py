"""Finding what is personal: one pass over a folded text stops where something may begin, and the rules are tried there. Pure.

Texts come in pieces, and what is found must not depend on how they were cut. So no rule looks farther than WINDOW
characters from where it began, and `open_from` says from where on what will follow may still change the answer.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from thinmesh_gateway.privacy.openings import open_from
from thinmesh_gateway.privacy.patterns import Patterns
from thinmesh_gateway.privacy.rules import addresses, banking, identity, phones
from thinmesh_gateway.privacy.words import FIRST_OF_REGIONS, REGIONS

WINDOW = 84
"""How far a rule may look from where it began, characters; with an escape of JSON before it at most 96 are held back."""

CONTEXT = 96
"""How much of what was decided must be kept before what was not: a label's reach, and a word's whole length."""

PLACEHOLDER = "placeholder"
"""What a span is that has the form of a placeholder, whoever wrote it."""

OPAQUE = "opaque"
"""What a span is that nobody looks into: a data: URL, or base64."""

_BY_DIGITS = (*identity.NUMBERS, *phones.RULES, *banking.RULES)
_TRIED = {
    "address": (*addresses.RULES, *_BY_DIGITS),
    "letters": identity.PASSPORTS,
    "digits": _BY_DIGITS,
    "region": identity.REGIONAL,
    "spoken": phones.SPOKEN_RULES,
}
"""What is tried, in this order, where a thing of that look begins."""

_RULES = {
    kind: {first: tuple(rule for rule in rules if first in rule.first) for first in {*"".join(rule.first for rule in rules)}}
    for kind, rules in _TRIED.items()
}
"""The same by the first character."""

# Most places are passed by their first character, most of the others because a word of letters and then a space is only a word.
# What may begin is read from behind its first character: so Python looks for that alone, in a loop of its own.
_FIRST = "0-9A-Za-z_<+(:" + FIRST_OF_REGIONS + phones.SPOKEN
_START = re.compile(
    rf"[{_FIRST}](?<![A-Za-z][A-Za-z])(?<![0-9][0-9A-Za-z])(?<=(?=(?:"
    rf"(?=[가-힣])(?<![가-힣])(?:(?P<spoken>[{phones.SPOKEN}][일이삼사오육륙칠][0-9공영일이삼사오육륙칠팔구에의다시 ,.-]{{7}})"
    rf"|(?P<region>(?:{REGIONS})(?:[남북]부)?[-. /_~]{{0,3}}\d\d[-. /_~]{{1,3}}\d{{6}}))"
    r"|(?P<placeholder><<[A-Z][A-Z0-9_]{0,15}_\d{1,5}>>)"
    r"|(?:(?<![0-9A-Za-z])|(?<=[Tt][Ee][Ll])|(?<=[HhIi][Pp]))(?![A-Za-z]{2,63}+[ ,\n](?![@(\[{<골]|[Aa][Tt] ))(?:"
    r"(?P<opaque>[Dd]ata:[a-z]{1,12}/[A-Za-z0-9.+-]{1,32}(?:;[A-Za-z0-9=._-]{1,16}){0,2},|[A-Za-z0-9+/]{64})"
    rf"|(?P<address>[A-Za-z0-9_][A-Za-z0-9._+-]{{0,63}}+(?:@|%40|{addresses.AT}| [Aa][Tt] )[A-Za-z0-9]"
    r"|(?:[0-9A-Fa-f]{0,4}:){2}[0-9A-Fa-f:]|\d{1,3}(?:\.\d{1,3}){3})"
    r"|(?P<letters>[A-Za-z]{1,2}[ -]?\d{3}[A-Za-z0-9]\d{3})"
    r"|(?<!\d[-._])(?!(?:19|20)\d\d[-./][01]\d[-./][0-3]\d(?![\d-]))(?P<digits>[+(]{0,2}\d(?:[-. ()/_~]{0,3}\d){7})"
    r"))).)",
    re.ASCII | re.DOTALL,
)
_OPAQUE_REST = re.compile(r"[A-Za-z0-9+/=_%-]*", re.ASCII)


class Span(NamedTuple):
    """What was found, from one offset up to another."""

    kind: str
    start: int
    end: int


class Found(NamedTuple):
    """The spans, in order; up to where the text is decided; and whether it is inside something opaque there."""

    spans: list[Span]
    decided: int
    opaque: bool


def merged(found: Sequence[Span], given: Sequence[Span]) -> list[Span]:
    """Both in order; of two that overlap the one that a form told counts, of two given ones the first."""
    ends = [span.end for span in found]
    free: list[Span] = []
    for one in given:
        at = bisect_right(ends, one.start)  # the first that ends behind its beginning
        taken = at < len(found) and found[at].start < one.end
        if not taken and not (free and one.start < free[-1].end):
            free.append(one)
    return sorted([*found, *free], key=lambda span: span.start)


class Detector:
    """Finds entities, a tenant's own patterns, placeholders, and what nobody looks into."""

    __slots__ = ("_patterns",)

    def __init__(self, patterns: Patterns | None = None) -> None:
        self._patterns = patterns

    def find(self, text: str, at: int, *, opaque: bool, final: bool) -> Found:
        """What a folded text holds from `at` on, whose CONTEXT characters before `at` are there; `final`: nothing follows."""
        spans: list[Span] = []
        end = len(text)
        if opaque:
            rest = _opaque_end(text, at)
            spans.append(Span(OPAQUE, at, rest))
            if rest == end:
                return Found(spans, end, not final)
            at = rest
        until = (
            end
            if final
            else max(at, end - WINDOW + 1, open_from(text, max(at, end - WINDOW), words=self._patterns is not None))
        )
        own = iter(()) if self._patterns is None else self._patterns.find(text, at, WINDOW, final=final)
        mine = next(own, None)
        match = _START.search(text, at)
        while True:
            if match is not None and match.start() < at:
                match = _START.search(text, at)
            start = end if match is None else match.start()
            while mine is not None and mine[1] < at:
                mine = next(own, None)
            if mine is not None and mine[1] <= start and mine[1] < until:
                spans.append(Span(*mine))
                at = mine[2]
                continue
            if match is None or start >= until:
                return Found(spans, max(at, until), opaque=False)
            found = _known(match, text, final=final)
            if found is None:
                at = start + 1
            elif found.end < 0:
                return Found(spans, start, opaque=False)
            else:
                spans.append(found)
                at = found.end
                if found.kind == OPAQUE and at == end and not final:
                    return Found(spans, end, opaque=True)


def _known(match: re.Match[str], text: str, *, final: bool) -> Span | None:
    """What begins here; None for nothing, an end below 0 where what follows decides."""
    start, end = match.start(), len(text)
    kind = str(match.lastgroup)
    if kind == PLACEHOLDER:
        return Span(kind, start, match.end(kind))
    if kind == OPAQUE:
        return Span(kind, start, _opaque_end(text, match.end(kind)))
    stop = min(end, start + WINDOW)
    for rule in _RULES[kind].get(text[start], ()):
        shaped = rule.shape.match(text, start, stop)
        if shaped is None:
            continue
        if not final and shaped.end() + rule.reach > end and start + WINDOW > end:
            return Span(rule.entity, start, -1)
        if rule.check(shaped):
            return Span(rule.entity, start, shaped.end())
    return None


def _opaque_end(text: str, at: int) -> int:
    rest = _OPAQUE_REST.match(text, at)
    return at if rest is None else rest.end()
