"""Why a model is slow: from two looks at metrics and the backends of one moment to a cause and what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from thinmesh_core.scraped import Scraped
from thinmesh_deploy.diagnose.advice import advice
from thinmesh_deploy.diagnose.stages import Stage, behind, measured
from thinmesh_deploy.diagnose.verdict import verdict
from thinmesh_deploy.sight import BackendSeen

A = BackendSeen("a", "vllm", "ready", "healthy", 4, 8, None, None, 0.1, 0, "")
B = replace(A, backend="b", adapter="llamacpp")


def metrics(
    calls: int, *, first: float, pace: float = 0.0, queue: float = 0.0, tokens: int = 1, lag: float = 0.0, model: str = "m"
) -> str:
    """What a process exposes after so many streams, each with these times and tokens."""
    of = f'gen_ai_request_model="{model}"'
    return "\n".join(
        f"# TYPE {name} {kind}\n{samples}"
        for name, kind, samples in (
            (
                "gen_ai_server_time_to_first_token_seconds",
                "histogram",
                _histogram("gen_ai_server_time_to_first_token_seconds", of, calls, first),
            ),
            (
                "gen_ai_server_time_per_output_token_seconds",
                "histogram",
                _histogram("gen_ai_server_time_per_output_token_seconds", of, calls, pace),
            ),
            (
                "thinmesh_queue_seconds",
                "histogram",
                _histogram("thinmesh_queue_seconds", f'model="{model}",priority="standard"', calls, queue),
            ),
            ("thinmesh_tokens", "counter", f'thinmesh_tokens_total{{model="{model}",type="output"}} {calls * tokens}\n'),
            ("thinmesh_event_loop_lag_seconds", "gauge", f"thinmesh_event_loop_lag_seconds {lag}\n"),
        )
    )


def _histogram(name: str, labels: str, count: int, each: float) -> str:
    return f'{name}_bucket{{{labels},le="+Inf"}} {count}\n{name}_count{{{labels}}} {count}\n{name}_sum{{{labels}}} {count * each}\n'


NOTHING = Scraped(())


@pytest.mark.parametrize(
    ("times", "stage"),
    [
        ({"first": 0.2, "pace": 0.1, "tokens": 11}, Stage.GENERATION),
        ({"first": 2.0, "pace": 0.01, "tokens": 11}, Stage.FIRST_TOKEN),
        ({"first": 2.0, "queue": 1.9, "pace": 0.01, "tokens": 11}, Stage.QUEUE),
        ({"first": 0.1, "lag": 3.0}, Stage.GATEWAY),
    ],
)
def test_most_of_the_time_goes_where_it_was_measured(times: dict[str, float], stage: Stage) -> None:
    seen = measured("m", Scraped([metrics(10, **times)]), NOTHING, [A], None)  # type: ignore[arg-type]
    assert seen is not None
    assert (seen.longest.stage, seen.calls) == (stage, 10)
    assert sum(seen.share(one) for one in seen.took) == pytest.approx(1)


def test_only_what_came_between_the_two_looks_counts_and_of_all_processes_together() -> None:
    before = Scraped([metrics(1000, first=0.1), metrics(10, first=0.1)])
    now = Scraped([metrics(1000, first=0.1), metrics(20, first=1.05)])
    seen = measured("m", now, before, [A], 5)
    assert seen is not None
    assert seen.calls == 10
    assert seen.longest.seconds == pytest.approx(2.0)
    assert measured("m", before, before, [A], 5) is None
    assert measured("other", now, before, [A], 5) is None


def test_calls_that_wait_inside_the_engine_are_its_queue_by_littles_law() -> None:
    now = Scraped([metrics(10, first=2.0)])
    seen = measured("m", now, NOTHING, [replace(A, queued=3)], 5)
    assert seen is not None
    assert {one.stage: one.seconds for one in seen.took}[Stage.ENGINE_QUEUE] == pytest.approx(1.5)


def test_a_backend_that_begins_to_answer_much_later_than_the_others_is_named_first() -> None:
    slow = replace(B, latency_seconds=0.8)
    found = behind([A, slow])
    assert found is not None
    assert (found[0].backend, round(found[1])) == ("b", 8)
    assert behind([A, replace(B, latency_seconds=0.15)]) is None
    assert behind([slow]) is None
    said = verdict("m", "now", None, [A, slow])
    assert (said.backend, said.cause.startswith("the backend b begins to answer 8 times later")) == ("b", True)
    assert said.advice[0].startswith("`thinmesh drain b`")


def test_advice_is_of_the_adapter_at_hand_and_a_full_cache_comes_first() -> None:
    said = advice(Stage.GENERATION, [replace(A, kv_cache_use=0.97), B])
    assert said[0].startswith("the KV cache of a is 97% full")
    assert any("--quantization" in one for one in said)
    assert any("options.threads" in one for one in said)
    assert all(advice(stage, [replace(A, adapter="mine")]) for stage in Stage)


def test_without_any_stream_the_verdict_says_that_nothing_was_measured() -> None:
    said = verdict("m", "now", None, [A])
    assert (said.stages, "nothing was measured" in said.cause) == ((), True)
