"""Several processes' metrics read as one: counters add up, and never fall when a process is replaced."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from thinmesh_core.joined_metrics import JoinedMetrics

TEXT = """\
# HELP thinmesh_calls_total Calls.
# TYPE thinmesh_calls_total counter
thinmesh_calls_total{{outcome="ok"}} {calls}
# HELP thinmesh_call_seconds Time.
# TYPE thinmesh_call_seconds histogram
thinmesh_call_seconds_bucket{{le="1.0"}} {calls}
thinmesh_call_seconds_bucket{{le="+Inf"}} {calls}
thinmesh_call_seconds_count {calls}
thinmesh_call_seconds_sum 0.5
# HELP thinmesh_calls_running Running.
# TYPE thinmesh_calls_running gauge
thinmesh_calls_running {running}
# HELP thinmesh_backend_ready Ready.
# TYPE thinmesh_backend_ready gauge
thinmesh_backend_ready{{backend="one"}} {ready}
# HELP process_start_time_seconds Start.
# TYPE process_start_time_seconds gauge
process_start_time_seconds {started}
"""


def said(joined: JoinedMetrics) -> dict[str, float]:
    """Every series without its labels' names."""
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(joined.exposition().decode())
        for sample in family.samples
    }


def test_counters_and_histograms_add_up_and_states_are_those_of_the_worst() -> None:
    joined = JoinedMetrics()
    joined.tell("1", TEXT.format(calls=3, running=1, ready=1, started=100))
    joined.tell("2", TEXT.format(calls=4, running=2, ready=0, started=200))
    found = said(joined)
    assert found["thinmesh_calls_totalok"] == 7
    assert found["thinmesh_call_seconds_bucket+Inf"] == found["thinmesh_call_seconds_count"] == 7
    assert found["thinmesh_call_seconds_sum"] == 1
    assert found["thinmesh_calls_running"] == 3
    assert found["thinmesh_backend_readyone"] == 0


def test_what_a_process_counted_stays_counted_when_another_takes_its_place() -> None:
    joined = JoinedMetrics()
    joined.tell("1", TEXT.format(calls=3, running=1, ready=1, started=100))
    joined.tell("1", TEXT.format(calls=5, running=1, ready=1, started=100))
    joined.tell("1", TEXT.format(calls=1, running=0, ready=1, started=300))
    joined.tell("1", TEXT.format(calls=2, running=0, ready=1, started=300))
    found = said(joined)
    assert found["thinmesh_calls_totalok"] == 7
    assert found["thinmesh_calls_running"] == 0


def test_what_was_counted_stays_though_the_next_process_has_not_counted_any_of_it() -> None:
    joined = JoinedMetrics()
    joined.tell("1", TEXT.format(calls=3, running=1, ready=1, started=100))
    joined.tell("1", TEXT[TEXT.index("# HELP process") :].format(started=300))
    assert said(joined)["thinmesh_calls_totalok"] == 3
