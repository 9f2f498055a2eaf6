"""Whether the log is whole: every entry is its writer's own and in its place, and the database and the lines agree. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from thinmesh_gateway.audit import account
from thinmesh_gateway.audit.account import Missed
from thinmesh_gateway.audit.chain import FIRST, Found, Sealed, authentic

YOUNG_MS = 60_000
"""A newer entry may be on its way to one place while the other has it."""

DATABASE, FILE = "database", "file"


@dataclass(slots=True)
class Writer:
    """One chain, as far as one place has it."""

    first: int
    last: int = -1
    hash: str = FIRST
    unix_ms: int = 0
    ended: bool = False
    gaps: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """What was found. `faults` say what is wrong and where; `notes` what can't be told."""

    entries: int = 0
    writers: dict[str, dict[str, Writer]] = field(default_factory=lambda: {DATABASE: {}, FILE: {}})
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missed: dict[str, set[Missed]] = field(default_factory=dict)
    seen: dict[tuple[str, int], str] = field(default_factory=dict)


def verify(key: bytes, database: Iterable[Found], lines: Iterable[Found], now_ms: int) -> Report:
    """Looks at every entry of both; the lines are read first, so that what is younger is no news."""
    report = Report()
    for found in lines:
        _look(report, key, FILE, found)
    for found in database:
        report.entries += 1
        _look(report, key, DATABASE, found)
    kept, written = report.writers[DATABASE], report.writers[FILE]
    for writer in sorted(kept.keys() | written.keys()):
        _compare(report, writer, kept.get(writer), written.get(writer), now_ms)
    for (writer, number), witness in sorted(report.seen.items()):
        last = kept[writer].last if writer in kept else -1
        if number > last and not (writer in written and written[writer].last >= number):  # else that is told already
            report.faults.append(f"{_those(last + 1, number)} of writer {writer} are gone: {witness} began after them")
    return report


def _look(report: Report, key: bytes, place: str, found: Found) -> None:
    """One entry: whether it is authentic, and where it stands in its chain."""
    sealed = found.sealed
    if sealed is None:
        report.faults.append(f"{found.place}: is no entry")
        return
    sound = found.sound and authentic(key, sealed)
    where = found.place if place == DATABASE else f"{found.place}, writer {sealed.writer} number {sealed.number}"
    if not sound:
        report.faults.append(f"{where}: was altered")
    writers = report.writers[place]
    writer = writers.get(sealed.writer)
    if writer is None:
        writer = writers[sealed.writer] = Writer(sealed.number, sealed.number - 1, sealed.previous)
    if sealed.number <= writer.last:
        report.faults.append(f"{where}: stands out of order, after number {writer.last}")
        return
    if sealed.number > writer.last + 1:
        writer.gaps.append((writer.last + 1, sealed.number - 1))
    elif sound and sealed.previous != writer.hash:
        report.faults.append(f"{where}: does not follow the entry before it")
    writer.last, writer.hash = sealed.number, sealed.hash
    if sound:
        _heed(report, writer, sealed)


def _heed(report: Report, writer: Writer, sealed: Sealed) -> None:
    """What a sound entry says of the log."""
    try:
        entry = sealed.opened()
    except msgspec.DecodeError:
        report.notes.append(f"writer {sealed.writer} number {sealed.number} is of a later version")
        return
    writer.unix_ms, writer.ended = entry.unix_ms, account.ends(entry)
    missed, followed = account.told_missed(entry), account.followed(entry)
    if missed is not None:
        report.missed.setdefault(sealed.writer, set()).add(missed)
    if followed is not None:
        report.seen[followed] = sealed.writer


def _compare(report: Report, name: str, kept: Writer | None, written: Writer | None, now_ms: int) -> None:
    """One chain in the database and in the lines."""
    missed = report.missed.get(name, set())
    newest = max(one.unix_ms for one in (kept, written) if one is not None)
    young = now_ms - newest < YOUNG_MS
    gone: list[tuple[str, int, int]] = []
    if kept is not None:
        gone += [(DATABASE, *gap) for gap in ((0, kept.first - 1), *kept.gaps)]
    if written is not None:
        gone += [(FILE, *gap) for gap in written.gaps]
    if written is not None and not young:
        gone.append((DATABASE, 0 if kept is None else kept.last + 1, written.last))
        if kept is not None:
            gone.append((FILE, written.last + 1, kept.last))
    for place, first, last in gone:
        for start, end in _unexplained(first, last, [(one.first, one.last) for one in missed if one.place == place]):
            other = written if place == DATABASE else kept
            there = other is not None and other.first <= start and end <= other.last
            has = f"; the {FILE if place == DATABASE else DATABASE} has them" if there else ""
            report.faults.append(f"{place}: {_those(start, end)} of writer {name} are missing{has}")
    if not (kept or written).ended and not young:  # type: ignore[union-attr]  # there is one of them
        report.notes.append(f"writer {name} never stopped: it runs, was killed, or its end was removed everywhere")


def _unexplained(first: int, last: int, explained: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What of a range is in none of the others."""
    for start, end in sorted(explained):
        if start > last or end < first:
            continue
        if start > first:
            yield first, start - 1
        first = max(first, end + 1)
    if first <= last:
        yield first, last


def _those(first: int, last: int) -> str:
    return f"entries {first} to {last}"
