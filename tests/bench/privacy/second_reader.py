"""How the second reader's texts are found: python -m bench.privacy.second_reader docs/reports

Puts the section "By a second reader" into privacy.md.
"""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from pathlib import Path
from random import Random
from typing import NamedTuple

from bench.privacy.blind import Told, harmless, personal
from thinmesh_gateway.privacy.config import PrivacyConfig
from thinmesh_gateway.privacy.detector import OPAQUE, PLACEHOLDER
from thinmesh_gateway.privacy.policy import Privacy
from thinmesh_gateway.privacy.rewriter import Rewriter

SEED = 20261
HEADING = "## By a second reader"


class Span(NamedTuple):
    start: int
    end: int
    kind: str


def spans(privacy: Privacy, text: str) -> list[Span]:
    """Where the engine's own rewriter would replace something: by marks that it is told to put there."""
    found: list[tuple[str, str]] = []

    def mark(kind: str, value: str) -> str:
        found.append((kind, value))
        return f"\ue000{len(found) - 1}\ue001"

    place, out = 0, []
    for number, part in enumerate(re.split("\ue000([0-9]+)\ue001", Rewriter(privacy.detector, mark).whole(text))):
        kind, value = found[int(part)] if number % 2 else ("", part)
        assert text.startswith(value, place)
        if kind and kind not in {PLACEHOLDER, OPAQUE}:
            out.append(Span(place, place + len(value), kind))
        place += len(value)
    assert place == len(text)
    return out


def _judged(told: Told, found: list[Span]) -> tuple[bool, bool, bool]:
    """Whether all letters and digits of the value are covered, by its own entity's name alone, and all but Hangul."""
    start = told.case.text.index(told.case.value)
    places = [place for place, letter in enumerate(told.case.value, start) if letter.isalnum()]
    kinds = [{span.kind for span in found if span.start <= place < span.end} for place in places]
    numbers = [kind for place, kind in zip(places, kinds, strict=True) if not "가" <= told.case.text[place] <= "힣"]
    return all(kinds), all(kind == {told.case.entity} for kind in kinds), all(numbers)


def _shown(text: str) -> str:
    return (
        "`" + text.replace("\n", "⏎").replace("\t", "⇥").replace("\u00a0", "␣").replace("`", "'").replace("|", "¦")[:150] + "`"
    )


def report(seed: int = SEED) -> str:
    r, privacy = Random(seed), Privacy(PrivacyConfig(default="mask"))
    texts, plain = personal(r), harmless(r)
    all_, hit, named, numbers, bare, bare_hit = (Counter[str]() for _ in range(6))
    missed: dict[str, list[tuple[Told, list[Span]]]] = defaultdict(list)
    wrong: Counter[tuple[str, str]] = Counter()
    beside = 0
    for told in texts:
        assert told.case.entity is not None
        entity, found = told.case.entity.value, spans(privacy, told.case.text)
        whole, right, number = _judged(told, found)
        start = told.case.text.index(told.case.value)
        end = start + len(told.case.value)
        all_[entity] += 1
        hit[entity] += whole
        named[entity] += right
        numbers[entity] += number
        bare[entity] += not told.labelled
        bare_hit[entity] += whole and not told.labelled
        beside += sum(not (span.start < end and span.end > start) for span in found)
        if not whole:
            missed[entity].append((told, found))
        elif not right:
            wrong.update({(entity, "+".join(sorted({span.kind for span in found})))})
    flagged: dict[str, list[tuple[Told, list[Span]]]] = defaultdict(list)
    for told in plain:
        if found := spans(privacy, told.case.text):
            flagged[told.pattern].append((told, found))
    lines = [
        HEADING, "", f"{len(texts)} personal and {len(plain)} harmless texts (seed {seed}), written from public formats by a reader who had not seen the engine's",
        "rules, its tests or the corpus above, apart from a few lines of that corpus's templates; `tests/bench/privacy/blind.py` made them.",
        "A value is found where all its letters and digits are covered by findings of any entity, and named where its own entity covers them.", "Its number: all but a region's name in Hangul is covered. Without a label: no word beside the value says what it is.", "",
        "| Entity | Values | Found | Named | Its number | Without a label | Found |", "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for entity in (*all_, ""):
        counters = (all_, hit, named, numbers, bare, bare_hit)
        a, h, n, d, b, c = (counter[entity] if entity else counter.total() for counter in counters)
        lines.append(
            f"| {entity or '**all**'} | {a} | {h / a:.1%} | {n / a:.1%} | {d / a:.1%} | {b} | {f'{c / b:.1%}' if b else '-'} |"
        )
    hits, count_of = sum(map(len, flagged.values())), Counter(told.pattern for told in plain)
    lines += [
        "",
        f"Harmless texts with any finding: **{hits} of {len(plain)} ({hits / len(plain):.2%})**; findings beside the value in personal texts: {beside}.",
        "",
        "| Harmless kind | Texts | With a finding | As |",
        "|---|---|---|---|",
    ]
    for kind in count_of:
        kinds = Counter(span.kind for _, found in flagged[kind] for span in found)
        lines.append(
            f"| {kind} | {count_of[kind]} | {len(flagged[kind])} | {', '.join(f'{name} {count}' for name, count in kinds.most_common())} |"
        )
    lines += [
        "",
        "Found under another name: "
        + (", ".join(f"{a} as {b} {count}" for (a, b), count in wrong.most_common()) or "none")
        + ".",
        "",
        "### Misses",
        "",
    ]
    lines += [*_examples(missed), "", "### False hits", "", *_examples(flagged)]
    return "\n".join(lines) + "\n"


def _examples(groups: dict[str, list[tuple[Told, list[Span]]]]) -> list[str]:
    lines: list[str] = []
    for name, cases in groups.items():
        patterns = Counter(told.pattern + ("" if told.labelled else ", no label") for told, _ in cases)
        if cases:
            lines.append(
                f"- **{name}**, {len(cases)}: "
                + "; ".join(f"{pattern} ({count})" for pattern, count in patterns.most_common(24))
            )
        first = {told.pattern: place for place, (told, _) in reversed(list(enumerate(cases)))}
        for told, found in sorted(cases, key=lambda case: case not in [cases[place] for place in first.values()])[:10]:
            cut = ", ".join(f"{span.kind} {_shown(told.case.text[span.start : span.end])}" for span in found) or "nothing found"
            lines.append(f"    - {_shown(told.case.text)}: {cut}")
    return lines or ["None."]


def main(folder: Path) -> None:
    path, section = folder / "privacy.md", report()
    before, _, after = (path.read_text("utf-8") if path.exists() else "").partition(HEADING)
    _, mark, rest = after.partition("\n## ")
    path.write_text(f"{before.rstrip()}\n\n{section}" + (f"\n## {rest}" if mark else ""), "utf-8")
    print(section)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
