"""How other readers' texts are found: python -m bench.privacy.readers docs/reports

They wrote them from public formats without seeing the rules. Puts a section for each of them into privacy.md.
"""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import NamedTuple, Protocol

from bench.privacy import reader_a, reader_b, reader_c, reader_d
from bench.privacy.corpus import Case
from thinmesh_gateway.privacy.config import PrivacyConfig
from thinmesh_gateway.privacy.detector import OPAQUE, PLACEHOLDER
from thinmesh_gateway.privacy.policy import Privacy
from thinmesh_gateway.privacy.rewriter import Rewriter
from thinmesh_gateway.privacy.work import at_once

SEED = 20261
EXAMPLES = 12
"""Of each kind of failure, the most that the report shows."""


class Told(Protocol):
    """A personal text: what in it is whose, the pattern it was made by, and whether a word beside the value says what it is."""

    @property
    def case(self) -> Case: ...
    @property
    def pattern(self) -> str: ...
    @property
    def labelled(self) -> bool: ...


class Reader(NamedTuple):
    """Who wrote texts, and what is to be known of them."""

    name: str
    note: str
    personal: Callable[[Random], Iterable[Told]]
    harmless: Callable[[Random], Iterable[str]]


READERS = (
    Reader(
        "A",
        "The first: 86.4 % of its values were found when it was first asked. The rules were mended by what it showed, so it is "
        "no judge any more, and stays as a test.",
        reader_a.personal,
        lambda random: [told.case.text for told in reader_a.harmless(random)],
    ),
    Reader(
        "B",
        "Its texts were not shown to who mended the rules, but its own account named some of its hard cases, and that was passed on: "
        "a judge of most of what it has.",
        reader_b.personal,
        reader_b.harmless,
    ),
    Reader(
        "C",
        "Written beside the mending by somebody who saw neither rules nor other texts; the rules were finished before it was "
        "first asked. A judge.",
        reader_c.personal,
        reader_c.harmless,
    ),
    Reader(
        "D",
        "As C, by another one, asked after it; nothing was mended in between.",
        reader_d.personal,
        reader_d.harmless,
    ),
)


class Span(NamedTuple):
    start: int
    end: int
    kind: str


class Judged(NamedTuple):
    """A personal text, what was found in it, and whether that covers the value, as its own entity alone."""

    told: Told
    found: list[Span]
    whole: bool
    named: bool


def spans(privacy: Privacy, text: str) -> list[Span]:
    """Where the engine's own rewriter would replace something: by marks that it is told to put there."""
    found: list[tuple[str, str]] = []

    def mark(kind: str, value: str) -> str:
        found.append((kind, value))
        return f"\ue000{len(found) - 1}\ue001"

    place, out = 0, []
    for number, part in enumerate(re.split("\ue000([0-9]+)\ue001", at_once(Rewriter(privacy.detector, mark).whole(text)))):
        kind, value = found[int(part)] if number % 2 else ("", part)
        assert text.startswith(value, place)
        if kind and kind not in {PLACEHOLDER, OPAQUE}:
            out.append(Span(place, place + len(value), kind))
        place += len(value)
    assert place == len(text)
    return out


def judged(privacy: Privacy, told: Told) -> Judged:
    """Whether all letters and digits of the value are found."""
    found = spans(privacy, told.case.text)
    start = told.case.text.index(told.case.value)
    places = [place for place, letter in enumerate(told.case.value, start) if letter.isalnum()]
    kinds = [{span.kind for span in found if span.start <= place < span.end} for place in places]
    return Judged(told, found, all(kinds), all(kind == {told.case.entity} for kind in kinds))


def section(reader: Reader, privacy: Privacy) -> str:
    """What the report says of one reader's texts."""
    random = Random(SEED)
    personal = [judged(privacy, told) for told in reader.personal(random)]
    harmless = list(reader.harmless(random))
    flagged = [(text, found) for text in harmless if (found := spans(privacy, text))]
    by: dict[str, list[Judged]] = defaultdict(list)
    for one in personal:
        by[str(one.told.case.entity)].append(one)
    lines = [
        f"## By reader {reader.name}",
        "",
        reader.note,
        "",
        f"{len(personal)} personal and {len(harmless)} harmless texts, seed {SEED}. Found: all letters and digits of the value are covered;",
        "named: by its own entity alone; bare: no word beside the value says what it is.",
        "",
        "| Entity | Values | Found | Named | Bare | Found |",
        "|---|---|---|---|---|---|",
        *(_row(entity, some) for entity, some in by.items()),
        _row("**all**", personal),
        "",
        f"Harmless texts with any finding: **{len(flagged)} of {len(harmless)} ({len(flagged) / len(harmless):.2%})**.",
        "",
        "Missed: " + _missed(personal),
        "",
        "Touched: " + _touched(flagged),
        "",
    ]
    return "\n".join(lines)


def _row(entity: str, some: list[Judged]) -> str:
    bare = [one for one in some if not one.told.labelled]
    shares = f"{_share(some, lambda one: one.whole)} | {_share(some, lambda one: one.named)}"
    return f"| {entity} | {len(some)} | {shares} | {len(bare)} | {_share(bare, lambda one: one.whole)} |"


def _share(some: list[Judged], which: Callable[[Judged], bool]) -> str:
    return f"{sum(map(which, some)) / len(some):.1%}" if some else "-"


def _missed(personal: list[Judged]) -> str:
    patterns = Counter((str(one.told.case.entity), one.told.case.text, one.told.pattern) for one in personal if not one.whole)
    first = {pattern: (entity, text) for entity, text, pattern in reversed(patterns)}
    count = Counter(pattern for _, _, pattern in patterns)
    shown = [f"{first[one][0]} {_shown(first[one][1])} ({number})" for one, number in count.most_common(EXAMPLES)]
    return "; ".join(shown) or "none."


def _touched(flagged: list[tuple[str, list[Span]]]) -> str:
    shown = [f"{found[0].kind} in {_shown(text)}" for text, found in flagged[:EXAMPLES]]
    return "; ".join(shown) or "none."


def _shown(text: str) -> str:
    clean = text.replace("\n", "⏎").replace("\t", "⇥").replace("\u00a0", "␣").replace("`", "'").replace("|", "¦")
    return f"`{clean[:120]}`"


def main(folder: Path) -> None:
    privacy = Privacy(PrivacyConfig(default="mask"))
    path = folder / "privacy.md"
    kept = re.split(r"^## By (?:a second|reader)", path.read_text("utf-8"), maxsplit=1, flags=re.MULTILINE)[0]
    sections = "\n".join(section(reader, privacy) for reader in READERS)
    path.write_text(f"{kept.rstrip()}\n\n{sections}", "utf-8")
    print(sections)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
