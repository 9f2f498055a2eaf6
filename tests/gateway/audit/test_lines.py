"""The lines in the state folder."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from thinmesh_gateway.audit.chain import Chain, Sealed
from thinmesh_gateway.audit.entry import Entry
from thinmesh_gateway.audit.lines import FILE, LOCK, OLDER, Lines


def entries(count: int, writer: str = "w") -> list[Sealed]:
    chain = Chain(b"key", writer)
    return [chain.seal(Entry(number, "rest", "x", "ALLOWED")) for number in range(count)]


def read(lines: Lines) -> list[Sealed | None]:
    return [found.sealed for found in lines.read()]


def test_what_is_written_is_read_and_its_owners_alone(state: Path) -> None:
    lines, written = Lines(state), entries(5)
    assert (read(lines), lines.last()) == ([], None)
    lines.write(written[:2])
    lines.write(written[2:])
    assert (read(lines), lines.last()) == (written, written[-1])
    assert {stat.S_IMODE((state / name).stat().st_mode) for name in (FILE, LOCK)} == {0o600}


def test_a_file_is_put_aside_before_it_is_too_large_and_the_chain_goes_on(state: Path) -> None:
    lines, written = Lines(state, most_bytes=600), entries(20)
    for one in written:
        lines.write([one])
    assert len(list(state.glob(OLDER))) > 3
    assert all(path.stat().st_size <= 600 for path in state.glob("audit*.jsonl"))
    assert read(lines) == written
    newest = [found.sealed for found in lines.read(older=1)]
    assert newest == written[-len(newest) :]
    (state / FILE).unlink()
    assert lines.last() in written


def test_many_writers_share_a_file(state: Path) -> None:
    def write(writer: int) -> None:
        for one in entries(20, str(writer)):
            Lines(state, most_bytes=5000).write([one])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    found = [one for one in read(Lines(state)) if one is not None]
    assert sorted((one.writer, one.number) for one in found) == sorted((str(w), n) for w in range(4) for n in range(20))


def test_a_line_that_a_process_died_in_harms_no_other(state: Path) -> None:
    lines, written = Lines(state), entries(3)
    lines.write(written[:2])
    with (state / FILE).open("ab") as file:
        file.write(b'{"writer":"w","num')
    assert lines.last() is None
    lines.write(written[2:])
    assert read(lines) == [*written[:2], None, written[2]]


def test_of_a_batch_that_a_full_disk_refuses_nothing_is_left(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, written = Lines(state), entries(4)
    lines.write(written[:1])
    write = os.write

    def half(descriptor: int, data: memoryview) -> int:
        if len(data) < 300:
            raise OSError("No space left on device")
        return write(descriptor, data[: len(data) // 2])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        with pytest.raises(OSError, match="No space"):
            lines.write(written[1:])
    assert read(lines) == written[:1]
    lines.write(written[1:])
    assert read(lines) == written
