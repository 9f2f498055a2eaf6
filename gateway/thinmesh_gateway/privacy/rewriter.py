"""A text that comes in pieces, rewritten as it comes. Pure.

What comes out does not depend on how the text was cut: a whole text is one piece. Text is held back only while something
may be beginning at its end, at most 96 characters of it, and never by a clock.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Sequence

from thinmesh_gateway.privacy.detector import CONTEXT, Detector, Found, Span, merged
from thinmesh_gateway.privacy.escapes import Escapes, unescaped
from thinmesh_gateway.privacy.folding import fold
from thinmesh_gateway.privacy.work import SLICE, Work

_NUMBER = frozenset("+-.0123456789eE")
"""What a number is written with; next to a span that is a number in JSON, it is a part of a longer one, and none by itself."""

_DIGIT = re.compile(r"\d")

Replace = Callable[[str, str], str]
"""What stands in an answer for a span, by its kind and its text."""


class Rewriter:
    """One text. `quoted`: it is JSON, where what is put in must be a string and may be no more than that."""

    __slots__ = ("_at", "_begin", "_detector", "_escapes", "_folded", "_in_string", "_opaque", "_quoted", "_replace", "_text")

    def __init__(self, detector: Detector, replace: Replace, *, quoted: bool = False) -> None:
        self._detector = detector
        self._replace = replace
        self._quoted = quoted
        self._escapes = Escapes()
        self._text = self._folded = ""
        self._at = self._begin = 0
        self._opaque = self._in_string = False

    def feed(self, text: str) -> str:
        """What can be passed on now."""
        self._take(self._escapes.feed(text))
        return self._passed_on(final=False)

    def end(self) -> str:
        """What was held back; nothing may be fed any more."""
        self._take(self._escapes.end())
        return self._passed_on(final=True)

    def whole(self, text: str, given: Sequence[Span] = ()) -> Work[str]:
        """All of a text that comes in one piece; `given` was found in it by others, in order."""
        pieces: list[str] = []
        start = 0
        while len(text) - start > SLICE:
            self._take(self._escapes.feed(text[start : start + SLICE]))
            pieces.append(self._passed_on(final=False, given=given))
            start += SLICE
            yield SLICE
        self._take(self._escapes.feed(text[start:]) + self._escapes.end())
        pieces.append(self._passed_on(final=True, given=given))
        yield len(text) - start
        return "".join(pieces)

    def _take(self, text: str) -> None:
        if self._quoted:
            text = unescaped(text)
        self._text += text
        self._folded += fold(text)

    def _passed_on(self, *, final: bool, given: Sequence[Span] = ()) -> str:
        text, at = self._text, self._at
        found = self._detector.find(self._folded, at, opaque=self._opaque, final=final)
        if given:
            found = self._with(given, found)
        pieces: list[str] = []
        for kind, start, end in found.spans:
            pieces += (text[at:start], self._replaced(kind, text[start:end], at, start, end))
            at = end
        pieces.append(text[at : found.decided])
        if self._quoted and self._folded.count('"', at, found.decided) % 2:
            self._in_string = not self._in_string
        keep = max(found.decided - CONTEXT, 0)
        self._text, self._folded = text[keep:], self._folded[keep:]
        self._at, self._opaque = found.decided - keep, found.opaque
        self._begin += keep
        return "".join(pieces)

    def _with(self, given: Sequence[Span], found: Found) -> Found:
        """What was found, with those of others that begin in it; the text is decided up to one that ends behind it."""
        first, behind = (bisect_left(given, self._begin + at, key=_start) for at in (self._at, found.decided))
        mine = [Span(kind, start - self._begin, end - self._begin) for kind, start, end in given[first:behind]]
        spans = merged(found.spans, mine)
        if spans and spans[-1].end > found.decided:
            return Found(spans[:-1], spans[-1].start, opaque=False)
        return found._replace(spans=spans)

    def _replaced(self, kind: str, value: str, at: int, start: int, end: int) -> str:
        new = self._replace(kind, value)
        if not self._quoted:
            return new
        if self._folded.count('"', at, start) % 2:
            self._in_string = not self._in_string
        inside = self._in_string
        if self._folded.count('"', start, end) % 2:
            self._in_string = not self._in_string
        if new == value:
            return new
        quoted = json.dumps(new, ensure_ascii=False)
        if inside:
            return quoted[1:-1]
        part = self._folded[max(start - 1, 0) : start] in _NUMBER or self._folded[end : end + 1] in _NUMBER
        return _DIGIT.sub("1", value) if part else quoted


def _start(span: Span) -> int:
    return span.start
