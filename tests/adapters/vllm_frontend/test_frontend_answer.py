"""What vLLM's Rust frontend streams as text."""

from __future__ import annotations

from thinmesh_adapters.text.answer import TextAnswer
from thinmesh_adapters.vllm_frontend.answer import CountedText


def test_stops_hold_once_the_least_tokens_have_come() -> None:
    choice = CountedText(TextAnswer(0, ["END"]), least=2)
    early, late = choice.feed("a END", 2), choice.feed(" b END c", 1)
    assert early is not None
    assert late is not None
    assert (early.text, late.text, choice.stopped) == ("a END", " b ", True)
