"""Whether matching a regular expression by backtracking can take exponential time. Pure.

It does where a text leads from a place in the expression back to that place in two ways: every round doubles them. Places are
the characters and classes of the expression (Glushkov's automaton), and two ways are looked for in pairs of places that are
reached by the same text (Allauzen, Mohri, Rastogi: General Algorithms for Testing the Ambiguity of Finite Automata, 2008).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import re2

MAX_STEPS = 20_000
"""Of the search; an expression that needs more counts as one that explodes."""

FEW = 4
"""So many repetitions are no loop."""

_LOOP = re.compile(r"\)(?:[*+]|\{)")
_TOKEN = re.compile(
    r"(?P<flags>\(\?[imsU-]*\))|(?P<open>\((?:\?(?:P?<\w+>|[imsU-]*:))?)|(?P<close>\))|(?P<or>\|)"
    r"|(?P<empty>[$^]|\\[AbBz])|(?P<repeat>(?:[*+?]|\{(?P<least>\d+)(?P<comma>,(?P<most>\d*))?\})\??)"
    r"|(?P<atom>\\[pP](?:\{[^}]*\}|.)|\\x(?:\{[^}]*\}|..)|\\[0-7]{1,3}|\\.|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]|.)",
    re.DOTALL,
)
_QUIET = re2.Options()
_QUIET.log_errors = False
_OTHER = "\N{SNOWMAN}"


def explodes(pattern: str) -> bool:
    """Whether some text takes exponential time; `pattern` is one that RE2 takes."""
    if not _LOOP.search(pattern):
        return False
    if r"\Q" in pattern:
        return True
    try:
        places = _Places(pattern)
        return places.twice()
    except _TooManyStepsError:
        return True


class _TooManyStepsError(Exception):
    """The search was given up."""


class _Part(NamedTuple):
    """A part of the expression: whether it matches nothing, and the places that it can begin and end with."""

    empty: bool
    first: tuple[int, ...]
    last: tuple[int, ...]


_NOTHING = _Part(empty=True, first=(), last=())


class _Places:
    """The places of an expression, with the characters of each, and which follows which: in how many ways."""

    def __init__(self, pattern: str) -> None:
        others = sorted({one for one in pattern if one > "\x7f"} - {_OTHER})
        self._alphabet = "".join((*map(chr, range(128)), *others, _OTHER))
        self._bits = {one: 1 << index for index, one in enumerate(self._alphabet)}
        self._matched: dict[str, int] = {}
        self._flags = "(?i)" if "(?i" in pattern else ""
        self._characters: list[int] = []
        self._follows: list[Counter[int]] = []
        self._steps = 0
        self._tokens = list(_TOKEN.finditer(pattern))
        self._at = 0
        self._either()

    def twice(self) -> bool:
        """Whether a text leads from a place to itself in two ways."""
        loops = self._loops()
        for place, follows in enumerate(self._follows):
            if any(ways > 1 and loops[after] == loops[place] for after, ways in follows.items()):
                return True
        same = [(place, place) for place in range(len(self._follows))]
        onward: dict[tuple[int, int], list[tuple[int, int]]] = {}
        back: dict[tuple[int, int], list[tuple[int, int]]] = {}
        waiting = list(same)
        while waiting:
            pair = waiting.pop()
            if pair in onward:
                continue
            onward[pair] = self._together(pair, loops)
            for after in onward[pair]:
                back.setdefault(after, []).append(pair)
            waiting += onward[pair]
        apart = {pair for pair in onward if pair[0] != pair[1]}
        met: set[tuple[int, int]] = set()
        waiting = same
        while waiting:
            for before in back.get(waiting.pop(), ()):
                if before in apart:
                    return True
                if before not in met:
                    met.add(before)
                    waiting.append(before)
        return False

    def _together(self, pair: tuple[int, int], loops: list[int]) -> list[tuple[int, int]]:
        """The pairs that the same character leads to, within the loop."""
        one, other = pair
        found = []
        for first in self._follows[one]:
            if loops[first] != loops[one]:
                continue
            for second in self._follows[other]:
                self._step()
                if loops[second] == loops[one] and self._characters[first] & self._characters[second]:
                    found.append((first, second))
        return found

    def _loops(self) -> list[int]:
        """A number for each place, the same for those that can be reached from one another (Kosaraju's algorithm)."""
        order: list[int] = []
        seen: set[int] = set()
        for start in range(len(self._follows)):
            path = [(start, iter(self._follows[start]))] if start not in seen else []
            seen.add(start)
            while path:
                place, ahead = path[-1]
                after = next((one for one in ahead if one not in seen), None)
                if after is None:
                    order.append(path.pop()[0])
                else:
                    seen.add(after)
                    path.append((after, iter(self._follows[after])))
        leading: list[list[int]] = [[] for _ in self._follows]
        for place, follows in enumerate(self._follows):
            for after in follows:
                leading[after].append(place)
        loops = [-1] * len(order)
        for start in reversed(order):
            waiting = [start]
            while waiting:
                place = waiting.pop()
                if loops[place] < 0:
                    loops[place] = start
                    waiting += leading[place]
        return loops

    def _step(self, count: int = 1) -> None:
        self._steps += count
        if self._steps > MAX_STEPS:
            raise _TooManyStepsError

    def _join(self, last: Iterable[int], first: tuple[int, ...]) -> None:
        for place in last:
            self._step(len(first))
            self._follows[place].update(first)

    def _either(self) -> _Part:
        """Alternatives, up to a closing bracket."""
        part = self._sequence()
        while self._at < len(self._tokens) and self._tokens[self._at]["or"]:
            self._at += 1
            other = self._sequence()
            part = _Part(part.empty or other.empty, part.first + other.first, part.last + other.last)
        self._at += 1
        return part

    def _sequence(self) -> _Part:
        part = _NOTHING
        while self._at < len(self._tokens) and not (self._tokens[self._at]["or"] or self._tokens[self._at]["close"]):
            after = self._repeated()
            self._join(part.last, after.first)
            part = _Part(
                part.empty and after.empty,
                part.first + after.first if part.empty else part.first,
                part.last + after.last if after.empty else after.last,
            )
        return part

    def _repeated(self) -> _Part:
        token = self._tokens[self._at]
        self._at += 1
        part = self._either() if token["open"] else self._place(token["atom"]) if token["atom"] else _NOTHING
        while self._at < len(self._tokens) and self._tokens[self._at]["repeat"]:
            repeat = self._tokens[self._at]
            self._at += 1
            least, most = _counts(repeat)
            if most > FEW:
                self._join(part.last, part.first)
            part = part._replace(empty=part.empty or least == 0)
        return part

    def _place(self, atom: str) -> _Part:
        self._characters.append(self._matching(atom))
        self._follows.append(Counter())
        place = (len(self._follows) - 1,)
        return _Part(empty=False, first=place, last=place)

    def _matching(self, atom: str) -> int:
        """Which characters of the alphabet an atom matches, as bits; where RE2 does not tell, all."""
        if len(atom) == 1 and atom != "." and (not self._flags or atom.lower() == atom.upper()):
            return self._bits[atom]
        known = self._matched.get(atom)
        if known is None:
            self._step(len(self._alphabet))
            try:
                found = re2.findall(f"(?s){self._flags}{atom}", self._alphabet, _QUIET)
            except re2.error:
                return -1
            known = self._matched[atom] = sum(self._bits[one] for one in found)
        return known


def _counts(repeat: re.Match[str]) -> tuple[int, float]:
    """The least and the most repetitions."""
    if repeat["least"] is None:
        return {"*": (0, float("inf")), "+": (1, float("inf")), "?": (0, 1.0)}[repeat[0][0]]
    least = int(repeat["least"])
    if repeat["comma"] is None:
        return least, least
    return least, int(repeat["most"]) if repeat["most"] else float("inf")
