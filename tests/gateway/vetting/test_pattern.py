"""Patterns that engines get stuck in are refused, and those that people write are not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from thinmesh_gateway.vetting import pattern
from thinmesh_gateway.vetting.backtracking import explodes

EXPLODING = [
    "(a+)+$", "(a*)*", "(a|a)*", "(a|aa)+$", "(?:a|ab|b)+", r"(\w+\s?)+", "(.*,)*x", "(a*b*)*", "(a?a?)*", "(a*sa*)*", "(a*a*s)*",
    "(?i)(a|A)+", "(가+)+", r"(\w{5,}){6,}", r"([a-z]+)*\d", "((a{0,9}){0,9}){0,9}", r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(\Qa\E+)+",
]  # fmt: skip
REFUSED = [
    "foo**",
    "(?=a)b",
    "(?<!a)b",
    r"(a)\1",
    "(a",
    "a{1001}",
    "(a{100}){100}",
    "x" * 1025,
    "(" * 33 + "a" + ")" * 33,
    "\ud800",
]
TAKEN = [
    "a+", r"([a-z0-9-]+\.)+[a-z]{2,}", r"^\d{3}-\d{4}$", r"(\w+\s)+", "(cat|car)*", "(a+b+)*", "(가|나)*", r"(\d{1,3}\.){3}\d{1,3}",
    r"^[\uac00-\ud7a3]+$", r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==)?$", r"(?P<y>\d{4})-(?P<m>\d\d)", r"[\w.-]+@[\w.-]+\.\w+",
    r"(\[[^\]]*\])*", r"(\s*\w+\s*=\s*\w+;)+", r'"(\\.|[^\\"])*"', r"[]a]+(b[^]cd]*d)*", r"(?:\p{Hangul}+ )*", "(a{2,4}){2,4}",
]  # fmt: skip


@pytest.mark.parametrize("text", EXPLODING)
def test_what_can_match_a_text_in_many_ways_is_refused(text: str) -> None:
    assert "in many ways" in (pattern.fault(text) or "")


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text[:12]))
def test_what_re2_does_not_take_is_refused(text: str) -> None:
    assert pattern.fault(text) is not None


@pytest.mark.parametrize("text", TAKEN)
def test_what_people_write_passes(text: str) -> None:
    assert pattern.fault(text) is None


PIECES = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", r"\w", ";"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2,}", "{1,3}"])).map(lambda two: f"(?:{two[0]}){two[1]}"),
    ),
    max_leaves=8,
)


@given(PIECES)
def test_repeating_once_more_what_loops_explodes(text: str) -> None:
    assert explodes(f"(({text})+)+")


@given(PIECES)
def test_a_loop_is_told_whatever_stands_around_it(text: str) -> None:
    assert explodes(f"x({text})y") == explodes(f"({text})")


@given(st.text(max_size=60))
def test_any_text_gets_an_answer(text: str) -> None:
    fault = pattern.fault(text)
    assert fault is None or len(fault) < 120


def test_a_refused_pattern_is_not_printed() -> None:
    code = "from thinmesh_gateway.vetting import pattern; assert pattern.fault('secret**')"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert "secret" not in ran.stdout + ran.stderr


def test_characters_that_stand_for_themselves_are_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(re2, "findall", None)
    characters = "".join(map(chr, range(0x4E00, 0x4E00 + 1000)))
    assert not explodes(f"({characters})*")
    assert not explodes(f"(?i)({characters})*")
    assert explodes("((가|가)x)*")


def test_too_many_classes_are_too_much_to_tell() -> None:
    several = [f"[{chr(first)}-{chr(last)}]" for first in range(97, 123) for last in range(first, 123)]
    assert not explodes(f"x({''.join(several[:100])})*")
    assert explodes(f"x({''.join(several[:200])})*")
    assert not explodes(f"x({several[3] * 200})*")
