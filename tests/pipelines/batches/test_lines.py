"""What a batch's file may be, and how it is cut into lines and ranges."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinmesh_pipelines.batches.lines import (
    MAX_DEPTH,
    MAX_ERRORS,
    MAX_LINE_BYTES,
    MAX_LINES,
    RANGE_BYTES,
    RANGE_LINES,
    Examination,
    Splitter,
)

URL = "/v1/embeddings"


def line(custom_id: str = "a", **others: object) -> bytes:
    fields = {"custom_id": custom_id, "method": "POST", "url": URL, "body": {}} | others
    return json.dumps(fields).encode() + b"\n"


def examined(*lines: bytes) -> Examination:
    found = Examination(URL)
    for one in lines:
        found.add(one)
    found.end()
    return found


@given(st.lists(st.binary(min_size=1, max_size=20) | st.text("ab \t\r\n", min_size=1, max_size=20).map(str.encode)))
def test_however_bytes_come_their_lines_are_the_same(pieces: list[bytes]) -> None:
    splitter = Splitter()
    lines = [one for piece in pieces for one in splitter.add(piece)]
    lines += splitter.rest()
    said = [one.strip(b" \t\r\n") for one in lines]
    assert [one for one in said if one] == [one for text in b"".join(pieces).split(b"\n") if (one := text.strip(b" \t\r\n"))]
    assert b"".join(lines) == b"".join(pieces)


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b" \t\n"])
def test_blank_lines_are_no_lines_of_their_own(blank: bytes) -> None:
    splitter, first, second = Splitter(), line("a"), line("b")
    lines = [*splitter.add(first + blank * 1000 + second + blank), *splitter.add(blank * 1000)]
    assert lines == [first + blank * 1000, second + blank, blank * 1000]
    found = examined(*lines)
    assert (found.lines, [(one.start, one.lines) for one in found.ranges]) == (2, [(0, 2)])


def test_a_line_is_as_long_as_what_it_says() -> None:
    blank = b"\n" * MAX_LINE_BYTES
    assert not examined(line() + blank).errors
    fits = line(body={"input": "x" * (MAX_LINE_BYTES - len(line(body={"input": ""})))})
    assert len(fits) == MAX_LINE_BYTES
    assert not examined(fits + blank).errors
    assert [one.code for one in examined(b" " + fits + blank).errors] == ["line_too_large"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"{\n", "invalid_json_line"),
        (b'{"custom_id": "\xff"}\n', "invalid_json_line"),
        (b"[]\n", "invalid_request"),
        (line(method="GET"), "invalid_request"),
        (line(body=[]), "invalid_request"),
        (line(""), "invalid_custom_id"),
        (line("x" * 513), "invalid_custom_id"),
        (line(url="/v1/rerank"), "mismatched_url"),
        (line(body={"input": "x" * MAX_LINE_BYTES}), "line_too_large"),
        (line()[:-3] + b'"x": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}}\n", "line_too_deep"),
        (b"[" * 100_000 + b"\n", "line_too_deep"),
    ],
)
def test_a_line_that_is_none_is_told_with_its_number(text: bytes, code: str) -> None:
    found = examined(line("first"), b"\n", text)
    assert [(one.code, one.line) for one in found.errors] == [(code, 2)]


def test_brackets_in_strings_and_beside_each_other_are_no_depth() -> None:
    assert not examined(line(body={"input": '["' * MAX_LINES}), line("b", body={"input": [[[]]] * MAX_DEPTH})).errors


def test_a_file_is_refused_where_it_is_empty_or_too_long() -> None:
    assert [one.code for one in examined(b"\n").errors] == ["empty_file"]
    assert [one.code for one in examined(*(line(str(n)) for n in range(MAX_LINES + 1))).errors] == ["too_many_tasks"]
    assert len(examined(*(b"{\n",) * (MAX_ERRORS + 1)).errors) == MAX_ERRORS
    assert [one.code for one in examined(line(), line()).errors] == ["duplicate_custom_id"]


def test_ranges_are_all_of_the_file_and_bounded() -> None:
    lines = [line(str(n), body={"input": "x" * (n % 7) * 30_000}) for n in range(3 * RANGE_LINES)]
    found = examined(b"\n", *lines)
    assert not found.errors
    assert sum(one.lines for one in found.ranges) == len(lines)
    assert [one.first for one in found.ranges] == [1 + sum(o.lines for o in found.ranges[:i]) for i in range(len(found.ranges))]
    data = b"\n" + b"".join(lines)
    assert b"".join(data[one.start : one.start + one.length] for one in found.ranges) == b"".join(lines)
    assert all(one.lines <= RANGE_LINES and one.length < RANGE_BYTES + MAX_LINE_BYTES for one in found.ranges)
