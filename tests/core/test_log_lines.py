"""A log record is one line, and an exception's own words are not in it."""

from __future__ import annotations

import json
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinmesh_core.log_lines import ACCESS, LineFormatter

CANARY = "900101-1234567"


def formatted(message: str, *args: object, error: BaseException | None = None) -> str:
    found = None if error is None else (type(error), error, error.__traceback__)
    return LineFormatter().format(logging.LogRecord("thinmesh", logging.ERROR, "x.py", 1, message, args, found))


@given(st.text())
def test_a_record_is_one_line(text: str) -> None:
    assert len(formatted("%s", text).splitlines()) == 1


@given(st.text())
def test_a_line_of_json_stays_that_and_one_line(text: str) -> None:
    line = json.dumps({"said": text}, ensure_ascii=False)
    written = LineFormatter().format(logging.LogRecord(ACCESS, logging.INFO, "x.py", 1, "%s", (line,), None))
    assert json.loads(written) == {"said": text}
    assert len(written.splitlines()) == 1


def fail(text: str) -> None:
    try:
        try:
            int(text)
        except ValueError as error:
            raise KeyError(text) from error
    except KeyError as error:
        raise ExceptionGroup(text, [RuntimeError(text)]) from error


def test_a_failure_is_told_by_kind_and_place() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        fail(CANARY)
    text = formatted("a handler failed", error=raised.value)
    assert CANARY not in text
    assert all(kind in text for kind in ("ValueError", "KeyError", "RuntimeError", "ExceptionGroup", "in fail"))


def test_an_endless_chain_of_causes_ends() -> None:
    error = RuntimeError()
    for _ in range(sys.getrecursionlimit() * 2):
        error, cause = RuntimeError(), error
        error.__cause__ = cause
    assert len(formatted("x", error=error).splitlines()) < 20
