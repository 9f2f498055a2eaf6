"""Several processes' metrics read as one: counters add up, and never fall when a process is replaced."""

from __future__ import annotations

from math import isnan

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from thinmesh_core.joined_metrics import LEAST, MOST, STARTED, JoinedMetrics

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


@pytest.mark.parametrize(
    "name",
    [
        "thinmesh_engine_queued",
        "thinmesh_engine_kv_cache_ratio",
        "thinmesh_quota_used_ratio",
        "thinmesh_backend_ejected",
        "thinmesh_autoscale_wanted_replicas",
        "thinmesh_autoscale_ready_replicas",
        "thinmesh_autoscale_calls",
        "thinmesh_autoscale_replica",
        "thinmesh_autoscale_wait_seconds",
    ],
)
def test_what_all_read_of_the_same_thing_is_not_added_up(name: str) -> None:
    joined = JoinedMetrics()
    for place, value in (("1", 0.5), ("2", 0.5), ("3", 0.25)):
        joined.tell(place, f'# TYPE {name} gauge\n{name}{{backend="a"}} {value}\n')
    assert said(joined) == {f"{name}a": 0.5}


@pytest.mark.parametrize("values", [("NaN", "1", "0"), ("0", "NaN", "1"), ("1", "0", "NaN")])
def test_what_one_can_not_reach_is_told_though_others_can_or_have_none(values: tuple[str, ...]) -> None:
    joined = JoinedMetrics()
    for place, value in enumerate(values):
        joined.tell(str(place), f"# TYPE thinmesh_temporal_reachable gauge\nthinmesh_temporal_reachable {value}\n")
    assert said(joined) == {"thinmesh_temporal_reachable": 0}


def test_where_nobody_has_it_there_is_no_number() -> None:
    joined = JoinedMetrics()
    for place in ("1", "2"):
        joined.tell(place, "# TYPE thinmesh_temporal_reachable gauge\nthinmesh_temporal_reachable NaN\n")
    assert isnan(said(joined)["thinmesh_temporal_reachable"])


def test_every_gauge_that_is_joined_in_its_own_way_is_one() -> None:
    told = {family.name for family in REGISTRY.collect() if family.type == "gauge"}
    assert (LEAST | MOST) - told <= {STARTED, "process_max_fds"}  # those of the process are told on Linux alone
