"""The kit finds what is broken, and nothing else: an adapter with one fault fails the cases about it and passes the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes import broken_adapters
from thinmesh_adapters.config import AdapterConfig
from thinmesh_adapters.conformance.case import Verdict
from thinmesh_adapters.conformance.engine import ScriptedEngine
from thinmesh_adapters.conformance.hosting import hosted
from thinmesh_adapters.conformance.kit import judge_all
from thinmesh_adapters.registry import ADAPTERS, Entry

LEAVING = {
    *("a_deadline_ends_a_stream", "a_deadline_ends_a_whole_answer", "a_deadline_ends_the_wait_for_a_first_token"),
    *("a_cancelled_stream_is_let_go", "a_cancelled_wait_for_a_first_token_is_let_go", "a_cancelled_whole_answer_is_let_go"),
}
LOSS = {"an_engine_lost_before_the_first_token_is_unavailable", "an_engine_lost_in_an_answer_is_unavailable"}
MEMORY = "a_reader_that_stops_costs_no_memory"


@pytest.mark.parametrize(
    ("name", "failed"),
    [
        ("Sound", set()),
        ("Leaking", {"an_engines_words_stay_inside"}),
        ("Splitting", {"characters_stay_whole"}),
        ("Trimming", {"the_engine_reads_what_was_written"}),
        ("Mixing", {"parallel_streams_do_not_mix"}),
        ("Editing", {"the_request_is_left_as_it_was"}),
        ("Unstoppable", {"a_stop_text_ends_and_is_left_out"}),
        ("Hiding", LOSS),
        ("Hoarding", {MEMORY}),
        ("Deaf", LEAVING),
    ],
)
async def test_a_fault_fails_the_cases_about_it(name: str, failed: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine()
    monkeypatch.setattr(broken_adapters.Sound, "engine", engine, raising=False)
    monkeypatch.setitem(ADAPTERS, "broken", Entry("fakes.broken_adapters", name))
    async with hosted(AdapterConfig(adapter="broken"), engine) as target:
        # Memory is measured where it is at stake alone: it takes the longest.
        measured = target if name in {"Sound", "Hoarding"} else replace(target, pid=None)
        found = [result async for result in judge_all(measured)]
    wrong = {result.case: result.why for result in found if result.verdict is Verdict.FAILED}
    assert wrong.keys() == failed, "\n".join(f"{case}: {why}" for case, why in wrong.items())
