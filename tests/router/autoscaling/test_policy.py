"""Replicas follow load: up at once, down after the cool-down, to none only after idleness, never out of bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinmesh_core.config import ConfigError, parse
from thinmesh_router.autoscaling.config import AutoscaleConfig, AutoscaleTarget
from thinmesh_router.autoscaling.policy import Decision, Figures, Policy

BACKENDS = 20
BUSY = AutoscaleTarget(utilisation=0.5)
PROMPT = AutoscaleTarget(queue_wait_seconds=2)
COOL_DOWN, IDLE = 60.0, 100.0

TARGETS = st.builds(
    AutoscaleTarget,
    utilisation=st.floats(0.05, 1),
    queue_wait_seconds=st.none() | st.floats(0.1, 60),
)
CONFIGS = st.integers(0, 5).flatmap(
    lambda minimum: st.builds(
        AutoscaleConfig,
        target=TARGETS,
        minimum=st.just(minimum),
        maximum=st.none() | st.integers(max(minimum, 1), 12),
        cool_down_seconds=st.floats(0, 300),
        idle_seconds=st.floats(0, 300),
    )
)
FIGURES = st.builds(
    Figures,
    replicas=st.integers(0, 12),
    running=st.integers(0, 200),
    waiting=st.integers(0, 200),
    slots=st.none() | st.floats(1, 64),
    wait=st.floats(0, 100),
    partial=st.booleans(),
)
STEPS = st.lists(st.tuples(st.floats(0, 90), FIGURES), min_size=1, max_size=40)


def config(**settings: object) -> AutoscaleConfig:
    return AutoscaleConfig(**{"cool_down_seconds": COOL_DOWN, "idle_seconds": IDLE} | settings)  # type: ignore[arg-type]


def load(running: int, waiting: int = 0, *, replicas: int = 0, wait: float = 0.0, slots: float | None = 8.0) -> Figures:
    return Figures(replicas, running, waiting, slots, wait)


def first(target: AutoscaleTarget, figures: Figures) -> int:
    """What a policy that knows nothing of before wants."""
    return Policy(config(target=target), BACKENDS).decide(figures, 0.0).wanted


def run(one: AutoscaleConfig, steps: list[tuple[float, Figures]]) -> list[tuple[float, Figures, Decision]]:
    policy, now, seen = Policy(one, BACKENDS), 0.0, []
    for passed, figures in steps:
        now += passed
        seen.append((now, figures, policy.decide(figures, now)))
    return seen


@pytest.mark.parametrize(
    ("running", "waiting", "wanted"), [(0, 0, 1), (4, 0, 1), (5, 0, 2), (8, 0, 2), (8, 1, 3), (16, 40, 14), (8, 400, 20)]
)
def test_utilisation_asks_for_so_many_that_this_share_of_places_is_taken(running: int, waiting: int, wanted: int) -> None:
    assert first(BUSY, load(running, waiting)) == wanted


@pytest.mark.parametrize(
    ("waiting", "wait", "wanted"),
    [
        (0, 0.0, 2),  # what runs stays
        (16, 1.0, 2),
        (80, 4.0, 4),  # twice as many serve it twice as soon
        (80, 60.0, 12),  # as many as run all at once are enough
    ],
)
def test_a_wait_asks_for_so_many_that_the_queue_is_served_in_time(waiting: int, wait: float, wanted: int) -> None:
    assert first(PROMPT, load(16, waiting, replicas=2, wait=wait)) == wanted


def test_where_none_runs_as_many_are_wanted_as_serve_all_that_wait() -> None:
    assert first(PROMPT, load(0, 30, wait=0.0)) == 4


def test_one_is_wanted_first_where_nobody_knows_what_a_replica_takes() -> None:
    assert first(BUSY, load(0, 300, slots=None)) == 1


@given(CONFIGS, STEPS)
def test_what_is_wanted_is_within_the_bounds(one: AutoscaleConfig, steps: list[tuple[float, Figures]]) -> None:
    for _, _, decision in run(one, steps):
        assert one.minimum <= decision.wanted <= (one.maximum or BACKENDS)
        assert decision.why


@given(TARGETS, FIGURES, st.integers(0, 50), st.integers(0, 50), st.floats(0, 50))
def test_more_load_never_asks_for_fewer(
    target: AutoscaleTarget, figures: Figures, running: int, waiting: int, wait: float
) -> None:
    more = figures._replace(running=figures.running + running, waiting=figures.waiting + waiting, wait=figures.wait + wait)
    assert first(target, more) >= first(target, figures)


@given(CONFIGS, STEPS)
def test_after_more_were_wanted_no_fewer_are_until_the_cool_down_is_over(
    one: AutoscaleConfig, steps: list[tuple[float, Figures]]
) -> None:
    raised, before = 0.0, 0
    for now, _, decision in run(one, steps):
        if decision.wanted < before and decision.wanted > 0:
            assert now - raised > one.cool_down_seconds
        if decision.wanted > before:
            raised = now
        before = decision.wanted


@given(CONFIGS, STEPS)
def test_none_are_wanted_only_after_no_call_was_there_for_the_idle_time(
    one: AutoscaleConfig, steps: list[tuple[float, Figures]]
) -> None:
    busy: float | None = None
    for now, figures, decision in run(one, steps):
        if figures.running or figures.waiting:
            busy = now
        if decision.wanted == 0:
            assert one.minimum == 0
            assert busy is None or now - busy >= one.idle_seconds


def test_a_fleet_goes_down_by_steps_and_to_none_when_idle_and_up_again_with_the_first_call() -> None:
    policy = Policy(config(target=BUSY, minimum=0), BACKENDS)

    def wanted(now: float, calls: int) -> int:
        return policy.decide(load(calls), now).wanted

    assert wanted(0, 12) == 3
    assert wanted(30, 2) == 3
    assert wanted(60, 2) == 3
    assert wanted(61, 2) == 1
    assert wanted(100, 0) == 1
    assert wanted(160, 0) == 1
    assert wanted(161, 0) == 0
    assert wanted(400, 0) == 0
    assert wanted(401, 1) == 1


def test_load_that_comes_and_goes_within_the_cool_down_moves_nothing() -> None:
    seen = run(config(target=BUSY), [(10.0, load(20 if step % 2 else 2)) for step in range(60)])
    assert {decision.wanted for _, _, decision in seen[1:]} == {5}


def test_what_runs_when_a_router_begins_is_kept_for_a_cool_down() -> None:
    policy = Policy(config(target=BUSY, minimum=0), BACKENDS)
    assert policy.decide(load(0, replicas=3), 0.0).wanted == 3
    assert policy.decide(load(0, replicas=3), COOL_DOWN - 1).wanted == 3
    assert policy.decide(load(0, replicas=3), COOL_DOWN + 1).wanted == 1
    assert policy.decide(load(0, replicas=3), IDLE).wanted == 0


def test_replicas_that_still_run_do_not_wake_a_model_that_rests_already() -> None:
    policy = Policy(config(minimum=0, cool_down_seconds=1000), BACKENDS)
    assert policy.decide(load(5), 0.0).wanted == 1
    assert policy.decide(load(0, replicas=1), IDLE).wanted == 0
    assert policy.decide(load(0, replicas=1), IDLE + 1).wanted == 0


def test_a_router_that_finds_none_running_wants_none() -> None:
    assert Policy(config(minimum=0), BACKENDS).decide(load(0, slots=None), 5.0).wanted == 0


def test_a_call_that_somebody_else_answered_wakes_a_model_and_keeps_it_awake() -> None:
    policy = Policy(config(minimum=0), BACKENDS)
    assert policy.decide(load(0)._replace(idle=IDLE), 0.0).wanted == 0
    assert policy.decide(load(0)._replace(idle=0.2), 10.0).wanted == 1
    assert policy.decide(load(0)._replace(idle=IDLE - 1), 10.0 + IDLE - 1).wanted == 1
    assert policy.decide(load(0)._replace(idle=IDLE + 1), 10.0 + IDLE).wanted == 0


def test_no_fewer_are_wanted_while_other_routers_figures_are_missing() -> None:
    policy = Policy(config(target=BUSY), BACKENDS)
    assert policy.decide(load(40), 0.0).wanted == 10
    alone = policy.decide(load(4)._replace(partial=True), 500.0)
    assert alone.wanted == 10
    assert "missing" in alone.why[-1]
    assert policy.decide(load(60)._replace(partial=True), 510.0).wanted == 15
    assert policy.decide(load(4), 600.0).wanted == 1


def test_a_fleet_is_not_stopped_while_other_routers_figures_are_missing() -> None:
    policy = Policy(config(minimum=0), BACKENDS)
    assert policy.decide(load(1), 0.0).wanted == 1
    assert policy.decide(load(0)._replace(partial=True), 500.0).wanted == 1
    assert policy.decide(load(0), 501.0).wanted == 0
    assert policy.decide(load(0)._replace(partial=True), 502.0).wanted == 0


def test_a_decision_says_what_it_is_made_of() -> None:
    policy = Policy(config(target=BUSY, maximum=4), BACKENDS)
    assert policy.decide(load(30, 10, replicas=2), 0.0).why == (
        "calls: 30 run, 10 wait; replicas that take calls: 2, 8 at once each",
        "10 keep utilisation at 50%",
        "at most 4: `maximum`, or the number of backends",
    )
    assert policy.decide(load(2, replicas=4), 50.0).why[-1] == "4 for 10 s yet: `cool_down_seconds` after 4 were asked for"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{target: {}}", "utilisation"),
        ("{minimum: 3, maximum: 2}", "minimum"),
        ("{maximum: 0}", "maximum"),
        ("{target: {utilisation: 1.5}}", "utilisation"),
        ("{cool_down: 3}", "cool_down"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse(text, AutoscaleConfig, source="x")
