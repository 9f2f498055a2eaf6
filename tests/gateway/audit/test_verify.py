"""Whatever is altered, moved or removed is found, and named."""

from __future__ import annotations

from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinmesh_gateway.audit import account
from thinmesh_gateway.audit.chain import Chain, Found, Sealed, authentic, key_of
from thinmesh_gateway.audit.entry import Entry
from thinmesh_gateway.audit.verify import YOUNG_MS, Report, verify

KEY = key_of(b"pepper")
FIRST, SECOND = "1" * 16, "2" * 16
LATER = 1000 + YOUNG_MS


def chain(writer: str, calls: int, seen: Sealed | None = None) -> list[Sealed]:
    """A whole chain: its start, some calls, its stop."""
    growing = Chain(KEY, writer)
    between = [
        Entry(1000, "rest", "POST /v1/completions", "ALLOWED", tenant="t", model=f"m{number}") for number in range(calls)
    ]
    return [growing.seal(entry) for entry in (account.started(1000, seen), *between, account.stopped(1000))]


def two_runs(calls: int = 4) -> list[Sealed]:
    """Two runs of a process, of which the second saw the end of the first."""
    first = chain(FIRST, calls)
    return [*first, *chain(SECOND, calls, first[-1])]


def check(database: list[Sealed], lines: list[Sealed], now_ms: int = LATER) -> Report:
    """Looks at both, as they are read."""
    rows = [Found(f"database, writer {one.writer} number {one.number}", one) for one in database]
    return verify(KEY, rows, [Found(f"audit.jsonl line {number}", one) for number, one in enumerate(lines, 1)], now_ms)


LOG = two_runs()
PLACES = st.integers(0, len(LOG) - 1)


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, LATER))
def test_what_nobody_touched_is_whole(calls: int, away: int, now_ms: int) -> None:
    log = two_runs(calls)
    for lines in (log, log[away:], []):  # older files may have been put away
        report = check(log, lines, now_ms)
        assert (report.faults, report.notes, report.entries) == ([], [], len(log))


@given(PLACES, st.sampled_from(["writer", "number", "previous", "entry", "hash"]), st.data())
def test_any_alteration_is_found_wherever_it_is(place: int, field: str, data: st.DataObject) -> None:
    sealed = LOG[place]
    before = getattr(sealed, field)
    if field == "number":
        new: object = data.draw(st.integers(0, 1 << 62).filter(lambda number: number != before))
    elif field == "entry":
        text = bytes(before)
        at = data.draw(st.integers(0, len(text) - 1))
        other = data.draw(st.integers(0, 127).filter(lambda code: code != text[at]))
        new = msgspec.Raw(text[:at] + bytes((other,)) + text[at + 1 :])
    else:
        new = data.draw(st.text("0123456789abcdef", max_size=64).filter(lambda text: text != before))
    altered = [*LOG[:place], msgspec.structs.replace(sealed, **{field: new}), *LOG[place + 1 :]]
    assert any("was altered" in fault for fault in check(altered, LOG).faults)
    assert any("was altered" in fault for fault in check(LOG, altered).faults)


def test_an_altered_entry_is_named() -> None:
    entry = msgspec.Raw(bytes(LOG[2].entry).replace(b"m1", b"m9"))
    altered = [*LOG[:2], msgspec.structs.replace(LOG[2], entry=entry), *LOG[3:]]
    assert check(altered, LOG).faults == [f"database, writer {FIRST} number 2: was altered"]
    assert check(LOG, altered).faults == [f"audit.jsonl line 3, writer {FIRST} number 2: was altered"]


def test_what_a_row_is_searched_by_must_be_what_was_sealed() -> None:
    rows = [Found("a row", one, sound=one is not LOG[3]) for one in LOG]
    assert verify(KEY, rows, [], LATER).faults == ["a row: was altered"]


def test_a_line_that_is_none_is_named() -> None:
    assert verify(KEY, [], [Found("audit.jsonl line 7", None)], LATER).faults == ["audit.jsonl line 7: is no entry"]


def test_nobody_without_the_key_makes_an_entry() -> None:
    forged = Chain(key_of(b"guessed"), FIRST).seal(Entry(1, "rest", "x", "ALLOWED"))
    assert not authentic(KEY, forged)


@given(st.sets(PLACES, min_size=1, max_size=len(LOG) - 1))
def test_whatever_is_removed_from_the_database_is_found(gone: set[int]) -> None:
    left = [one for place, one in enumerate(LOG) if place not in gone]
    assert check(left, LOG).faults


@given(st.sets(PLACES, min_size=1, max_size=len(LOG) - 1))
def test_what_is_removed_from_the_lines_is_found_unless_it_is_their_beginning(gone: set[int]) -> None:
    left = [one for place, one in enumerate(LOG) if place not in gone]
    writers = {one.writer for one in left}
    begins = {writer: min(one.number for one in left if one.writer == writer) for writer in writers}
    ours = [LOG[place] for place in gone if LOG[place].writer in writers and LOG[place].number > begins[LOG[place].writer]]
    assert bool(check(LOG, left).faults) == bool(ours)


def test_a_removed_entry_is_named_and_where_it_still_is() -> None:
    faults = check([*LOG[:2], *LOG[4:]], LOG).faults
    assert faults == [f"database: entries 2 to 3 of writer {FIRST} are missing; the file has them"]


def test_an_end_that_is_removed_everywhere_is_told_by_the_next_run() -> None:
    cut = [*LOG[:3], *LOG[6:]]
    assert check(cut, cut).faults == [f"entries 3 to 5 of writer {FIRST} are gone: {SECOND} began after them"]


def test_a_run_that_is_removed_everywhere_is_told_by_the_next_one() -> None:
    assert check(LOG[6:], LOG[6:]).faults == [f"entries 0 to 5 of writer {FIRST} are gone: {SECOND} began after them"]


def test_the_last_end_removed_everywhere_is_no_more_than_a_note() -> None:
    report = check(LOG[:-1], LOG[:-1])
    assert report.faults == []
    assert report.notes == [f"writer {SECOND} never stopped: it runs, was killed, or its end was removed everywhere"]


@given(PLACES, PLACES)
def test_lines_that_change_places_are_found(one: int, other: int) -> None:
    moved = list(LOG)
    moved[one], moved[other] = moved[other], moved[one]
    if [line for line in moved if line.writer == FIRST] + [line for line in moved if line.writer == SECOND] != LOG:
        assert check(LOG, moved).faults


def test_what_one_place_does_not_have_yet_is_no_fault_while_it_is_young() -> None:
    assert check(LOG[:-2], LOG, now_ms=LATER - 1).faults == []
    assert check(LOG[:-2], LOG).faults != []
    assert check(LOG, LOG[:-2], now_ms=LATER - 1).faults == []


@pytest.mark.parametrize("place", ["database", "file"])
def test_what_a_place_never_got_is_explained_by_a_sealed_entry_alone(place: str) -> None:
    growing = Chain(KEY, FIRST)
    log = [growing.seal(account.started(1000, None))]
    log += [growing.seal(Entry(1000, "rest", "x", "ALLOWED", tenant="t")) for _ in range(4)]
    log += [growing.seal(account.missed(1000, place, 2, 3)), growing.seal(account.stopped(1000))]
    short = [*log[:2], *log[4:]]
    assert check(*((short, log) if place == "database" else (log, short))).faults == []
    assert check(*((log, short) if place == "database" else (short, log))).faults != []
    shorter = [*log[:2], *log[5:]]
    faults = check(*((shorter, log) if place == "database" else (log, shorter))).faults
    assert [fault.partition(";")[0] for fault in faults] == [f"{place}: entries 4 to 4 of writer {FIRST} are missing"]


def test_entries_of_a_later_version_are_checked_all_the_same() -> None:
    growing = Chain(KEY, FIRST)
    log = [growing.seal(account.started(1000, None))]
    later = msgspec.defstruct("Later", [("operation", int)])(3)
    log.append(growing.seal(cast("Entry", later)))
    report = check(log, log)
    assert (report.faults, report.notes[0]) == ([], f"writer {FIRST} number 1 is of a later version")
