"""The guardrail that comes with the gateway: patterns deny, or are replaced, and what can't be served is refused by its key."""

from __future__ import annotations

from typing import Any

import pytest

from thinmesh_core.config import ConfigError, convert
from thinmesh_gateway.guardrails.contract import ALLOW, Deny, Replace, Text
from thinmesh_gateway.guardrails.denied_words import DeniedWords, DeniedWordsSettings


def guardrail(**settings: Any) -> DeniedWords:
    return DeniedWords(convert(settings, DeniedWordsSettings, source="settings"))


USUAL = [Text("system", "Be kind."), Text("user", "Tell me of project ZEUS"), Text("arguments", '{"of": "Zeus"}', json=True)]


def test_one_text_with_one_pattern_denies_all_for_the_reason_that_is_configured() -> None:
    assert guardrail(patterns=["hera", "zeus"]).before(USUAL) == Deny("denied_words")
    assert guardrail(patterns=["zeus"], reason="secret_project").after(USUAL) == Deny("secret_project")
    assert guardrail(patterns=["hera", r"\bzeu\b"]).before(USUAL) == ALLOW


def test_case_counts_where_the_settings_say_so() -> None:
    assert guardrail(patterns=["zeus"], ignore_case=False).before(USUAL) == ALLOW
    assert guardrail(patterns=["Zeus"], ignore_case=False).before(USUAL) == Deny("denied_words")


def test_what_stands_instead_is_put_in_every_pattern_s_place() -> None:
    found = guardrail(patterns=["zeus", "kind"], instead=r"[x]").before(USUAL)
    assert found == Replace(("Be [x].", "Tell me of project [x]", '{"of": "[x]"}'))


def test_an_alternative_of_one_pattern_does_not_reach_into_the_next() -> None:
    assert guardrail(patterns=["^a|b$", "c"]).before([Text("user", "xa b x")]) == ALLOW


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"patterns": ["ok", "(a"]}, r"patterns\[1\] is no pattern"),
        ({"patterns": [r"(?=a)b"]}, r"patterns\[0\] is no pattern"),
        ({"patterns": ["a*"]}, r"patterns\[0\] matches the empty text"),
        ({"patterns": [f"{n}[가-힣]{{900}}" for n in range(100, 300)]}, "too large together"),
        ({"patterns": []}, "length >= 1"),
        ({"patterns": ["a"], "reason": "A sentence."}, "reason"),
        ({"patterns": ["a"], "instead": '"'}, "instead"),
        ({"patterns": ["a"], "words": []}, "words"),
    ],
)
def test_settings_that_can_not_be_served_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        guardrail(**settings)
