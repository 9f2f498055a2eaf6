"""Guardrails in their order: what each sees, and what happens where one denies, replaces or fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from prometheus_client import REGISTRY

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.guardrails.chain import Chain, Link
from thinmesh_gateway.guardrails.contract import ALLOW, Deny, Replace, Text
from thinmesh_gateway.guardrails.pool import Pool

TEXTS = (Text("user", "a"), Text("arguments", '{"b": 1}', json=True))


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool()
    yield pool
    pool.close()


def counted(name: str, decision: str) -> float:
    labels = {"guardrail": name, "when": "before", "decision": decision}
    return REGISTRY.get_sample_value("thinmesh_guardrail_decisions_total", labels) or 0.0


async def judged(pool: Pool, *judges: Callable[..., Any], closed: bool = True, seconds: float = 10.0) -> Sequence[Text]:
    links = [Link(f"g{index}", judge, seconds, closed) for index, judge in enumerate(judges)]
    return await Chain("before", links, pool).judged(TEXTS)


async def test_each_sees_what_the_ones_before_it_left(pool: Pool) -> None:
    seen: list[str] = []

    def louder(texts: Sequence[Text]) -> Replace:
        seen.append(texts[0].text)
        return Replace(tuple(one.text.replace("b", "c") + "!" * (not one.json) for one in texts))

    assert [one.text for one in await judged(pool, louder, lambda _: ALLOW, louder)] == ["a!!", '{"c": 1}']
    assert seen == ["a", "a!"]


async def test_texts_that_nobody_changes_are_the_very_same(pool: Pool) -> None:
    assert await judged(pool, lambda _: ALLOW) is TEXTS


async def test_a_denial_names_the_guardrail_and_its_word_and_nobody_after_it_is_asked(pool: Pool) -> None:
    before = counted("g0", "deny")
    with pytest.raises(MeshError) as raised:
        await judged(pool, lambda _: Deny("too_loud"), lambda _: pytest.fail("asked"))
    assert raised.value.reason is Reason.CONTENT_DENIED
    assert raised.value.message == "The guardrail 'g0' denies the request: too_loud."
    assert counted("g0", "deny") == before + 1


def raising(_: Sequence[Text]) -> None:
    raise ValueError(TEXTS[0].text)


@pytest.mark.parametrize(
    "judge",
    [
        raising,
        lambda _: None,
        lambda _: "allow",
        lambda _: Deny("No, because of: a"),
        lambda _: Deny("word\n"),
        lambda _: Deny(None),  # type: ignore[arg-type]
        lambda _: Replace(("a",)),
        lambda _: Replace(("a", "{}", "b")),
        lambda _: Replace((1, 2)),  # type: ignore[arg-type]
        lambda _: Replace(("a", "no json")),
    ],
)
async def test_what_is_no_decision_is_a_failure_and_the_policy_says_what_then(
    pool: Pool, judge: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    before = counted("g0", "failed_open"), counted("g0", "failed_closed")
    assert await judged(pool, judge, closed=False) is TEXTS
    with pytest.raises(MeshError) as raised:
        await judged(pool, judge)
    assert (raised.value.reason, "'g0'" in raised.value.message) == (Reason.GUARDRAIL_UNAVAILABLE, True)
    assert (counted("g0", "failed_open"), counted("g0", "failed_closed")) == (before[0] + 1, before[1] + 1)
    assert all("guardrail g0 failed before" in message for message in caplog.messages)
    assert not [message for message in caplog.messages if "because of" in message]


async def test_one_that_is_too_slow_has_failed(pool: Pool) -> None:
    stuck = threading.Event()
    assert await judged(pool, lambda _: stuck.wait(), closed=False, seconds=0.02) is TEXTS
    with pytest.raises(MeshError) as raised:
        await judged(pool, lambda _: stuck.wait(), seconds=0.02)
    assert raised.value.reason is Reason.GUARDRAIL_UNAVAILABLE
    stuck.set()


async def test_json_that_was_none_may_stay_none(pool: Pool) -> None:
    texts = (Text("arguments", '{"cut', json=True),)
    link = Link("g", lambda _: Replace(('{"c',)), 10.0, closed=True)
    assert await Chain("before", [link], pool).judged(texts) == [Text("arguments", '{"c', json=True)]


async def test_nobody_is_asked_of_nothing(pool: Pool) -> None:
    link = Link("g", lambda _: Deny("asked"), 10.0, closed=True)
    assert await Chain("before", [link], pool).judged(()) == ()
