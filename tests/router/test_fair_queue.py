"""Who is served next: classes, tenants by tokens, bounds, deadlines."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinmesh_core.priority import Priority
from thinmesh_router.fair_queue import FairQueue, Full
from thinmesh_router.line import Entry

CRITICAL, STANDARD, BATCH = Priority


def entry(
    item: str = "",
    priority: Priority = STANDARD,
    tenant: str = "t",
    *,
    weight: float = 1.0,
    input_tokens: int = 10,
    tokens: int = 10,
    arrived: float = 0.0,
    deadline: float = inf,
) -> Entry[str]:
    return Entry(item, priority, tenant, weight, input_tokens, tokens, arrived, deadline)


def queue(max_calls: int = 1000, max_tokens: int = 10**9, share: float = 0.05) -> FairQueue[str]:
    return FairQueue(max_calls=max_calls, max_tokens=max_tokens, minimum_share=share)


def serve(one: FairQueue[str], now: float = 0.0) -> Entry[str]:
    head = next(one.heads(now))
    one.take(head, now)
    return head


def test_classes_go_in_order_and_a_line_by_arrival() -> None:
    one = queue(share=0)
    for number, priority in enumerate((BATCH, STANDARD, CRITICAL, STANDARD, CRITICAL)):
        one.push(entry(str(number), priority), 0)
    assert [serve(one).item for _ in range(5)] == ["2", "4", "1", "3", "0"]
    assert (len(one), one.tokens, list(one.heads(0))) == (0, 0, [])


@pytest.mark.parametrize(("below", "share"), [(BATCH, 0.05), (STANDARD, 0.05), (BATCH, 0.2)])
def test_who_waits_below_a_flood_keeps_a_small_share(below: Priority, share: float) -> None:
    one = queue(share=share)
    served = {CRITICAL: 0, below: 0}
    for number in range(3000):
        for priority in served:
            while sum(waiting.priority is priority for waiting in one.entries()) < 3:
                one.push(entry(priority=priority, tokens=10 + number % 7), 0)
        taken = serve(one)
        served[taken.priority] += taken.tokens
    assert served[below] / sum(served.values()) == pytest.approx(share, rel=0.1)


def test_idleness_saves_nothing_up() -> None:
    one = queue()
    for _ in range(50):
        one.push(entry("heavy", tenant="heavy"), 0)
    for _ in range(20):
        serve(one)
    for _ in range(20):
        one.push(entry("light", tenant="light"), 0)
    assert [serve(one).item for _ in range(20)].count("light") == pytest.approx(10, abs=1)


def test_what_did_not_wait_counts_too() -> None:
    one = queue()
    one.push(entry("patient", tenant="patient"), 0)
    lucky = entry("lucky", tenant="lucky")
    one.pass_by(lucky)
    one.charge(lucky, 1000)
    for _ in range(3):
        one.push(entry("lucky", tenant="lucky"), 0)
        one.push(entry("patient", tenant="patient"), 0)
    assert [serve(one).item for _ in range(4)] == ["patient"] * 4


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(1, 80)), min_size=4, max_size=60),
    st.sampled_from([1.0, 2.0, 3.5]),
    st.integers(1, 6),
)
def test_the_gap_between_two_that_always_wait_is_bounded(sizes: list[tuple[int, int]], weight: float, slots: int) -> None:
    """VTC, theorem 4.4: at most 2 max(largest input, tokens that run at once), each over its weight."""
    one = queue()
    weights = {"a": weight, "b": 1.0}
    running: deque[tuple[Entry[str], int]] = deque()
    served = dict.fromkeys(weights, 0.0)
    bound = 2 * max(*(i for i, _ in sizes), slots * max(i + o for i, o in sizes)) / min(weights.values())
    for number in range(300):
        for tenant, its_weight in weights.items():
            if sum(waiting.tenant == tenant for waiting in one.entries()) < 2:
                given_in, given_out = sizes[(number + (tenant == "a")) % len(sizes)]
                one.push(entry(str(given_out), tenant=tenant, weight=its_weight, input_tokens=given_in, tokens=given_in), 0)
        if len(running) == slots:
            done, out = running.popleft()
            one.charge(done, out)
            served[done.tenant] += out / done.weight
        taken = serve(one)
        served[taken.tenant] += taken.input_tokens / taken.weight
        running.append((taken, int(taken.item)))
        assert abs(served["a"] - served["b"]) <= bound


def test_a_full_queue_pushes_out_the_lowest_class_first_and_never_a_higher_one() -> None:
    one = queue(max_calls=3)
    for number, priority in enumerate((BATCH, BATCH, STANDARD)):
        one.push(entry(str(number), priority), 0)
    assert [gone.item for gone in one.push(entry("3", CRITICAL), 0)] == ["1"]
    assert [gone.item for gone in one.push(entry("4", CRITICAL), 0)] == ["0"]
    assert [gone.item for gone in one.push(entry("5", CRITICAL), 0)] == ["2"]
    for priority in Priority:
        with pytest.raises(Full):
            one.push(entry("6", priority), 0)
    assert len(one) == 3


def test_a_class_below_keeps_its_share_of_the_room() -> None:
    one = queue(max_calls=20)
    for _ in range(19):
        one.push(entry(), 0)
    with pytest.raises(Full):
        one.push(entry(), 0)
    one.push(entry("kept", BATCH), 0)
    with pytest.raises(Full):
        one.push(entry(priority=BATCH), 0)
    pushed_out = [gone for _ in range(18) for gone in one.push(entry(priority=CRITICAL), 0)]
    assert {gone.priority for gone in pushed_out} == {STANDARD}
    with pytest.raises(Full):
        one.push(entry(priority=CRITICAL), 0)
    assert [waiting.priority for waiting in one.entries()] == [CRITICAL] * 18 + [STANDARD, BATCH]


def test_a_flood_pushes_out_its_own_calls_and_not_the_others() -> None:
    one = queue(max_calls=4)
    for number in range(4):
        one.push(entry(str(number), tenant="flood"), 0)
    assert [gone.item for gone in one.push(entry(tenant="light"), 0)] == ["3"]
    assert [gone.item for gone in one.push(entry(tenant="light"), 0)] == ["2"]
    with pytest.raises(Full):
        one.push(entry(tenant="light"), 0)
    with pytest.raises(Full):
        one.push(entry(tenant="flood"), 0)


def test_tokens_are_bounded_and_whoever_is_refused_pushed_nobody_out() -> None:
    one = queue(max_tokens=100)
    for number, tokens in enumerate((40, 30, 30)):
        one.push(entry(str(number), BATCH, tokens=tokens), 0)
    assert [gone.item for gone in one.push(entry("3", tokens=60), 0)] == ["2", "1"]
    before = [waiting.item for waiting in one.entries()]
    with pytest.raises(Full):
        one.push(entry("4", tokens=80), 0)
    assert [waiting.item for waiting in one.entries()] == before
    empty = queue(max_tokens=100)
    empty.push(entry(tokens=500), 0)  # larger than the queue, but nobody else waits
    assert len(empty) == 1


def test_what_expired_is_never_next() -> None:
    one = queue()
    one.push(entry("late", deadline=5), 0)
    one.push(entry("early", deadline=9), 0)
    assert [head.item for head in one.heads(4)] == ["late"]
    assert [head.item for head in one.heads(5)] == ["early"]
    assert list(one.heads(9)) == []


def test_whoever_is_put_back_is_first_again_and_owes_nothing() -> None:
    one = queue()
    for name in ("a", "b"):
        one.push(entry(name, tenant="t"), 0)
        one.push(entry(f"other {name}", tenant="u"), 0)
    first = serve(one)
    one.put_back(first, 0)
    assert next(one.heads(0)) is first
    assert (len(one), one.tokens) == (4, 40)
    direct = entry("direct", tenant="new")
    one.pass_by(direct)
    one.put_back(direct, 0)
    assert direct in list(one.heads(0))


def test_a_wait_is_told_once_the_rate_is_known_and_a_light_tenant_waits_less() -> None:
    one = queue()
    for _ in range(60):
        one.push(entry(tenant="heavy"), 0)
    assert one.wait(STANDARD, "heavy", 1) is None
    for second in range(1, 21):
        serve(one, float(second))
    assert one.rate.tokens_per_second == pytest.approx(10)
    assert one.wait(STANDARD, "heavy", 1) == pytest.approx(40)
    assert one.wait(STANDARD, "light", 1) == 0
    assert one.wait(BATCH, "light", 1) == pytest.approx(1 / 0.05 / 10)
    assert one.wait(CRITICAL, "light", 1) == 0


def test_a_wait_counts_those_who_will_come_and_go_first() -> None:
    one = queue()
    for _ in range(60):
        one.push(entry(), 0)
    for second in range(40):
        if second % 2:
            one.push(entry(priority=CRITICAL), float(second))
        serve(one, float(second))
    waiting = sum(waiting.tokens for waiting in one.entries())
    assert one.wait(STANDARD, "t", 1) == pytest.approx(waiting / (10 / 2), rel=0.1)
    assert one.wait(CRITICAL, "t", 1) == 0


def test_positions_and_lines_are_told() -> None:
    one = queue()
    entries = [entry(str(number), tenant="t") for number in range(3)]
    for waiting in entries:
        one.push(waiting, 0)
    one.push(entry(tenant="u", priority=CRITICAL), 0)
    assert [one.position(waiting) for waiting in entries] == [1, 2, 3]
    assert [(view.priority, view.tenant, view.calls, view.tokens, view.waited) for view in one.lines(7)] == [
        (CRITICAL, "u", 1, 10, 7),
        (STANDARD, "t", 3, 30, 7),
    ]


def test_a_rate_of_long_ago_says_nothing_of_now() -> None:
    one = queue()
    for _ in range(10):
        one.push(entry(), 0)
    for second in range(2, 22, 2):
        serve(one, float(second))
    assert one.rate.tokens_per_second == pytest.approx(5)
    one.push(entry(tokens=1000), 21)
    assert one.wait(STANDARD, "t", 1) == pytest.approx(200)  # a pause of seconds changes nothing
    serve(one, 22)
    one.push(entry(tokens=1000), 3600)
    assert one.wait(STANDARD, "t", 1) is None


def test_where_nobody_may_wait_nobody_does() -> None:
    with pytest.raises(Full):
        queue(max_calls=0).push(entry(), 0)


def test_calls_without_tokens_take_turns_and_their_waits_are_told() -> None:
    one = queue()
    for number in range(6):
        one.push(entry(str(number), input_tokens=0, tokens=0), 0)
    for now in range(1, 6):
        serve(one, now)
    assert one.wait(STANDARD, "t", 1.0) == pytest.approx(1)
    assert one.longest(5) == 5
    assert [line.wait for line in one.lines(5)] == [one.wait(STANDARD, "t", 1.0)]


def test_who_has_its_tokens_counted_without_end_does_not_go_before_others_for_ever() -> None:
    one = queue()
    for number in range(500):
        one.push(entry(str(number), tenant="counts", input_tokens=0, tokens=0), 0)
    for _ in range(50):
        serve(one)
    one.push(entry("generation", tenant="other", input_tokens=10, tokens=10), 0)
    one.push(entry("generation", tenant="other", input_tokens=10, tokens=10), 0)
    served = [serve(one).tenant for _ in range(30)]
    assert served.count("other") == 2


def test_calls_without_tokens_do_not_push_out_more_than_their_share() -> None:
    one = queue(max_calls=10)
    for number in range(10):
        one.push(entry(str(number), tenant="first", tokens=0), 0)
    pushed_out = 0
    for number in range(10):
        with suppress(Full):
            pushed_out += len(one.push(entry(str(number), tenant="late", tokens=0), 0))
    assert pushed_out == 5


def test_whoever_is_refused_takes_nothing_of_what_a_class_is_owed() -> None:
    one = queue(max_calls=10, max_tokens=100)
    one.push(entry(priority=BATCH, tokens=30), 0)
    one.push(entry(priority=STANDARD, tokens=30), 0)
    serve(one)
    one.push(entry(priority=CRITICAL, tokens=50), 0)
    owed = one._classes[BATCH].credit
    assert owed > 0
    with pytest.raises(Full):
        one.push(entry(priority=CRITICAL, tokens=101), 0)
    assert one._classes[BATCH].credit == owed
