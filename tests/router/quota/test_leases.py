"""What a router tells the store of what it granted without it."""

from __future__ import annotations

from msgspec.structs import replace

from thinmesh_router.quota.leases import Answer, LeasedMinute, LeasedTotal
from thinmesh_router.quota.meters import MINUTE, Calendar, Moment, SlidingMinute

ANSWER = Answer(given=0, short=False, stamp=0, seconds=1, used=0, wait=0, empty=0)


def at(seconds: float) -> Moment:
    return Moment(seconds, seconds)


def cut_off(limit: int) -> LeasedMinute:
    active: set[LeasedMinute] = set()
    leased = LeasedMinute(limit, SlidingMinute(limit), active)  # type: ignore[arg-type]  # a set of leases of any kind
    leased.cut_off = True
    return leased


def test_a_minutes_debt_is_told_until_the_store_has_heard_it_and_then_no_more() -> None:
    leased = cut_off(100)
    assert leased.take(30, at(1000)) is not None
    for now in (1000, 1001, 1002):  # the store does not answer
        assert leased.speaks(at(now))
        assert leased.ask(at(now)).debt == 30
        leased.unanswered()
    assert leased.speaks(at(1003))
    assert leased.ask(at(1003)).debt == 30
    leased.book(5, at(1003))  # while it is asked
    leased.answered(ANSWER, 1003)
    assert leased.ask(at(1003)).debt == 5
    leased.answered(ANSWER, 1003)
    assert not leased.speaks(at(1003))


def test_of_a_long_time_without_the_store_only_the_last_minute_is_told() -> None:
    leased = cut_off(100)
    for now in range(1000, 1600):
        leased.take(1, at(now))
        leased.speaks(at(now))
    assert leased.ask(at(1600)).debt <= MINUTE + 1


def test_what_is_given_back_of_a_debt_is_not_told() -> None:
    leased = cut_off(100)
    stamp = leased.take(30, at(1000))
    assert stamp is not None
    leased.give(20, stamp)
    assert leased.ask(at(1000)).debt == 10


def test_alone_a_router_has_its_share_of_what_was_left() -> None:
    leased = LeasedMinute(100, SlidingMinute(100 // 4), set())
    leased.answered(replace(ANSWER, used=60), 10.0)
    leased.cut(4, Moment(11.0, 0))
    assert leased.take(11, Moment(11.0, 0)) is None
    assert leased.take(10, Moment(11.0, 0)) is not None
    assert leased.take(25, Moment(72.0, 0)) is not None  # a minute later what was used then is over


def test_what_was_used_longer_ago_than_a_minute_is_not_counted() -> None:
    leased = LeasedMinute(100, SlidingMinute(100 // 4), set())
    leased.answered(replace(ANSWER, used=60), 10.0)
    leased.cut(4, Moment(80.0, 0))
    assert leased.take(25, Moment(80.0, 0)) is not None


def test_a_changed_limit_changes_a_routers_share_of_it() -> None:
    leased = LeasedMinute(100, SlidingMinute(100), set(), replicas=4)
    leased.cut_off = True
    assert leased.take(25, at(10)) is not None
    leased.limit = 120
    assert leased.take(6, at(10)) is None
    assert leased.take(5, at(10)) is not None


def test_a_day_that_was_granted_before_the_store_was_first_reached_is_told() -> None:
    leased = LeasedTotal("day", 100, Calendar(100, monthly=False), set(), 4.9, replicas=2)
    leased.cut_off = True
    assert leased.take(40, at(10)) is not None
    assert leased.ask(at(11)).window == 0
    leased.answered(replace(ANSWER, stamp=20_000, seconds=3600), 11)
    assert leased.speaks(at(11))
    told = leased.ask(at(12))
    assert (told.window, told.used) == (20_000, 40)


def test_what_is_held_of_a_total_is_not_used_while_the_store_cannot_be_told() -> None:
    leased = LeasedTotal("day", 100, None, set(), 4.9)
    leased.answered(replace(ANSWER, given=30, stamp=20_000, seconds=3600), 10)
    leased.cut(1, at(10.1))
    assert leased.take(1, at(10.1)) is None
    leased.cut_off = False
    assert leased.take(1, at(10.2)) is not None
