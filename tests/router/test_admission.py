"""Waiting for a place: in order, within bounds, and no place is ever lost."""

from __future__ import annotations

import asyncio
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import chat_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from fakes.adapter import ScriptedAdapter
from thinmesh_core.call import Call, from_metadata
from thinmesh_core.errors import MeshError, Reason
from thinmesh_router.admission import Admission
from thinmesh_router.attempt import Attempt
from thinmesh_router.autoscaling.config import AutoscaleConfig
from thinmesh_router.backends import Backends
from thinmesh_router.breaker import Health
from thinmesh_router.config import ModelConfig, QueueConfig, RouterConfig
from thinmesh_router.placement import Placement
from thinmesh_router.quota.local import LocalCounts
from thinmesh_router.quota.quotas import Quotas
from thinmesh_router.routes import RouteTable
from thinmesh_router.ticket import Ticket

TEXT = pb.GenerateRequest(model="m", text="x")
TOOLS = pb.GenerateRequest(model="m", chat=chat_pb2.ChatInput(tools=[chat_pb2.Tool(name="t")]))
CALL = from_metadata(())


class Held:
    """A call that was let in and has its place, until it is closed."""

    def __init__(self, ticket: Ticket, attempt: Attempt) -> None:
        self.ticket = ticket
        self.attempt = attempt

    def close(self) -> None:
        with self.ticket, self.attempt:
            pass


class Hall:
    """An admission whose backends' states the test sets by hand."""

    def __init__(self, limits: dict[str, int], models: dict[str, ModelConfig] | None = None, **settings: Any) -> None:
        models = models or {"m": ModelConfig(backends=tuple(limits))}
        addresses = {name: name for name in limits}
        self.backends = Backends(addresses, lambda _: ScriptedAdapter().channel(), Random(1))
        placement = Placement(RouteTable(models, limits), self.backends, Random(1))
        tenants = settings.pop("tenants", {})
        config = RouterConfig(models=models, backends=addresses, queue=QueueConfig(**settings), tenants=tenants)
        self.admission = Admission(placement, Quotas(tenants, {}, LocalCounts()), config)
        self.backends.on_change = self.admission.queues.dispatch
        for name, limit in limits.items():
            self.set(name, adapter_pb.STATE_READY, limit)

    def set(self, name: str, state: adapter_pb.State.ValueType, limit: int = 1) -> None:
        """What the backend's watch would have heard."""
        model = adapter_pb.ServedModel(name="m", capabilities=[cap.CAPABILITY_COMPLETION])
        self.backends[name].status = adapter_pb.Status(state=state, models=[model])
        self.backends[name].limit.maximum = limit
        self.backends.on_change()

    def lose(self, name: str) -> None:
        """Its adapter can't be reached any more."""
        self.set(name, adapter_pb.STATE_FAILED)
        self.backends[name].absent = True

    async def admit(self, request: pb.GenerateRequest = TEXT, call: Call = CALL, seconds: float = 600) -> Held:
        ticket = await self.admission.admit(request, call, seconds, streaming=True)
        try:
            return Held(ticket, await ticket.attempt())
        except BaseException:
            with ticket:
                pass
            raise

    @property
    def running(self) -> int:
        return sum(backend.limit.running for backend in self.backends.values())


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_whoever_waits_longest_is_next() -> None:
    hall = Hall({"a": 1})
    held = await hall.admit()
    order: list[int] = []

    async def wait(number: int) -> None:
        held = await hall.admit()
        order.append(number)
        held.close()

    async with asyncio.TaskGroup() as tasks:
        for number in range(5):
            tasks.create_task(wait(number))
            await turns()
        held.close()
    assert order == [0, 1, 2, 3, 4]
    assert hall.running == 0


async def test_nobody_overtakes_a_line() -> None:
    hall = Hall({"a": 1})
    held = await hall.admit()
    waiting = asyncio.create_task(hall.admit())
    await turns()
    held.close()
    late = asyncio.create_task(hall.admit())
    ticket = await waiting
    await turns()
    assert not late.done()
    ticket.close()
    (await late).close()


async def test_the_wait_is_bounded_in_time_and_the_line_in_length() -> None:
    hall = Hall({"a": 1}, wait_seconds=0.05, max_waiting=1)
    held = await hall.admit()
    waiting = asyncio.create_task(hall.admit())
    await turns()
    with pytest.raises(MeshError, match="queue is full") as full:
        await hall.admit()
    assert full.value.reason is Reason.OVERLOADED
    assert full.value.retry_after
    with pytest.raises(MeshError, match=r"no place within 0\.05 s") as late:
        await waiting
    assert late.value.reason is Reason.OVERLOADED
    held.close()
    assert hall.running == 0


async def test_a_call_that_would_be_answered_too_late_leaves_the_queue_before_its_deadline() -> None:
    hall = Hall({"a": 1})
    held = await hall.admit()
    hall.backends["a"].latency.observe(500, asyncio.get_running_loop().time())
    with pytest.raises(MeshError) as raised:
        await hall.admit(seconds=400)
    assert raised.value.reason is Reason.OVERLOADED
    held.close()


@pytest.mark.parametrize("seconds", [-1.0, 0.0, 0.0019])
async def test_a_call_whose_time_is_over_is_not_begun(seconds: float) -> None:
    hall = Hall({"a": 1})
    with pytest.raises(MeshError) as late:
        await hall.admit(seconds=seconds)
    assert late.value.reason is Reason.DEADLINE_EXCEEDED
    assert hall.running == 0


async def test_a_waiter_cancelled_in_the_turn_of_its_grant_gives_the_place_back() -> None:
    hall = Hall({"a": 1})
    held = await hall.admit()
    first, second = asyncio.create_task(hall.admit()), asyncio.create_task(hall.admit())
    await turns()
    held.close()  # grants to the first
    first.cancel()  # in the same turn
    with pytest.raises(asyncio.CancelledError):
        await first
    (await second).close()
    assert hall.running == 0


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_no_order_of_events_loses_a_place(data: st.DataObject) -> None:
    """Admissions, closings, cancels and turns of the loop in any order: in the end nothing runs and nobody is stuck."""

    async def play() -> None:
        hall = Hall({"a": data.draw(st.integers(1, 2)), "b": 1}, wait_seconds=60)
        waiting: list[asyncio.Task[Held]] = []
        for _ in range(data.draw(st.integers(1, 25))):
            match data.draw(st.sampled_from(["admit", "close", "cancel", "turn", "fail", "ready"])):
                case "admit":
                    waiting.append(asyncio.create_task(hall.admit()))
                case "close":
                    done = [task for task in waiting if task.done() and not task.cancelled() and task.exception() is None]
                    if done:
                        waiting.remove(done[0])
                        done[0].result().close()
                case "cancel" if waiting:
                    data.draw(st.sampled_from(waiting)).cancel()
                case "fail":
                    hall.set("b", adapter_pb.STATE_STARTING)
                case "ready":
                    hall.set("b", adapter_pb.STATE_READY)
                case _:
                    await turns(1)
            assert hall.backends["a"].limit.running <= hall.backends["a"].limit.maximum
        while waiting:
            await turns()
            for task in [task for task in waiting if task.done()]:
                waiting.remove(task)
                if not task.cancelled() and task.exception() is None:
                    task.result().close()
        assert hall.running == 0

    asyncio.run(play())


async def test_all_failed_is_refused_at_once_and_starting_is_waited_for() -> None:
    hall = Hall({"a": 1})
    hall.set("a", adapter_pb.STATE_FAILED)
    with pytest.raises(MeshError) as raised:
        await hall.admit()
    assert raised.value.reason is Reason.NO_BACKEND
    hall.set("a", adapter_pb.STATE_STARTING)
    waiting = asyncio.create_task(hall.admit())
    await turns()
    assert not waiting.done()
    hall.set("a", adapter_pb.STATE_READY)
    (await waiting).close()


async def test_whoever_waits_for_a_backend_that_then_fails_is_refused() -> None:
    hall = Hall({"a": 1})
    hall.set("a", adapter_pb.STATE_STARTING)
    waiting = asyncio.create_task(hall.admit())
    await turns()
    hall.set("a", adapter_pb.STATE_FAILED)
    with pytest.raises(MeshError) as raised:
        await waiting
    assert raised.value.reason is Reason.NO_BACKEND


async def test_what_no_backend_can_do_is_refused_by_name() -> None:
    hall = Hall({"a": 1})
    with pytest.raises(MeshError, match="tools") as raised:
        await hall.admit(TOOLS)
    assert raised.value.reason is Reason.CAPABILITY_MISSING
    assert "completion" not in raised.value.message
    hall.set("a", adapter_pb.STATE_FAILED)
    with pytest.raises(MeshError) as gone:
        await hall.admit(TOOLS)
    assert gone.value.reason is Reason.NO_BACKEND


async def test_another_model_stands_in_only_while_no_target_takes_calls() -> None:
    models = {"m": ModelConfig(backends=("a",), fallback=("n",)), "n": ModelConfig(backends=("b",))}
    hall = Hall({"a": 1, "b": 1}, models)
    first = await hall.admit()
    assert (first.attempt.backend.name, dict(first.attempt.metadata)["thinmesh-model"]) == ("a", "m")
    first.close()
    hall.set("a", adapter_pb.STATE_FAILED)
    second = await hall.admit()
    assert (second.attempt.backend.name, dict(second.attempt.metadata)["thinmesh-model"]) == ("b", "n")
    second.close()


async def test_a_limit_that_shrinks_under_running_calls_admits_nobody_until_there_is_room() -> None:
    hall = Hall({"a": 2})
    tickets = [await hall.admit(), await hall.admit()]
    hall.set("a", adapter_pb.STATE_READY, limit=1)
    waiting = asyncio.create_task(hall.admit())
    tickets[0].close()
    await turns()
    assert not waiting.done()
    tickets[1].close()
    (await waiting).close()
    assert hall.running == 0


async def test_a_full_backend_is_looked_at_again_when_it_takes_calls_though_timers_are_a_millisecond_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hall = Hall({"a": 1})
    loop, now = asyncio.get_running_loop(), 1000.0
    looks: list[float] = []
    monkeypatch.setattr(loop, "call_later", lambda seconds, _: looks.append(seconds))
    hall.backends["a"].full(now)
    hall.admission.queues.look_again()
    monkeypatch.undo()
    assert hall.backends["a"].has_room(now + looks[0] - 0.001)


async def test_the_time_in_the_waiting_room_is_none_that_engines_took(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 1000.0
    monkeypatch.setattr("thinmesh_router.queues.time", SimpleNamespace(monotonic=lambda: clock))
    hall = Hall({"a": 4}, max_waiting=100)
    hall.set("a", adapter_pb.STATE_STARTING, 4)
    waiting = [asyncio.create_task(hall.admit()) for _ in range(100)]
    await turns()
    clock += 20  # it starts
    hall.set("a", adapter_pb.STATE_READY, 4)
    ((_, queue),) = hall.admission.queues.items()
    for served in waiting[:50]:  # forty a second
        await turns()
        clock += 0.025
        (await served).close()
    assert queue.rate.tokens_per_second == pytest.approx(40 * next(queue.entries()).tokens, rel=0.1)
    for served in waiting:
        served.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.parametrize("state", [adapter_pb.STATE_DRAINING, adapter_pb.STATE_STARTING])
async def test_what_only_a_backend_can_do_that_comes_back_waits_for_it(state: adapter_pb.State.ValueType) -> None:
    hall = Hall({"a": 1, "tools": 1})
    can = [cap.CAPABILITY_CHAT, cap.CAPABILITY_TOOLS]

    def become(state: adapter_pb.State.ValueType) -> None:
        model = adapter_pb.ServedModel(name="m", capabilities=can)
        hall.backends["tools"].status = adapter_pb.Status(state=state, models=[model])
        hall.backends.on_change()

    become(state)
    waiting = asyncio.create_task(hall.admit(TOOLS))
    await turns()
    assert not waiting.done()
    become(adapter_pb.STATE_READY)
    held = await waiting
    assert held.attempt.backend.name == "tools"
    held.close()


async def test_a_probe_that_is_answered_ends_the_ejection_however_long_its_stream_is() -> None:
    hall = Hall({"a": 8})
    breaker = hall.backends["a"].breaker
    now = asyncio.get_running_loop().time() - 10
    while breaker.closed:
        breaker.failed(now, breaker.begin(now))
    probe = await hall.admit()
    assert breaker.health(now) is Health.PROBING
    probe.attempt.heard()
    assert breaker.until is None
    probe.close()


async def test_a_call_of_one_tenant_does_not_wait_for_one_before_it_that_needs_another_backend() -> None:
    hall = Hall({"a": 1, "b": 1})
    on_a, on_b = await hall.admit(), await hall.admit()
    if on_a.attempt.backend.name != "a":
        on_a, on_b = on_b, on_a
    picky = await hall.admission.admit(TEXT, CALL, 600, streaming=True)
    picky.entry.item.wanted.tried.add("a")
    first = asyncio.create_task(picky.attempt())
    second = asyncio.create_task(hall.admit())
    await turns()
    on_a.close()
    (await second).close()
    assert not first.done()
    on_b.close()
    with picky, await first:
        pass
    assert hall.running == 0


def scaled(minimum: int = 0, *, fallback: tuple[str, ...] = (), **settings: Any) -> dict[str, ModelConfig]:
    return {
        "m": ModelConfig(backends=("a",), autoscale=AutoscaleConfig(minimum=minimum, **settings), fallback=fallback),
        "other": ModelConfig(backends=("b",)),
    }


async def test_a_call_for_a_model_that_may_have_no_replica_waits_for_one() -> None:
    hall = Hall({"a": 1, "b": 1}, scaled())
    told: list[str] = []
    hall.admission.queues.on_wait = told.append
    hall.lose("a")
    waiting = [asyncio.create_task(hall.admit()) for _ in range(2)]
    await turns()
    assert not any(one.done() for one in waiting)
    assert told == ["m"]
    hall.set("a", adapter_pb.STATE_READY)
    for one in waiting:
        (await one).close()
    assert hall.running == 0


@pytest.mark.parametrize("models", [scaled(1), None])
async def test_a_call_for_a_model_whose_backends_should_be_there_does_not_wait(models: dict[str, ModelConfig] | None) -> None:
    hall = Hall({"a": 1, "b": 1}, models)
    hall.lose("a")
    hall.lose("b")
    with pytest.raises(MeshError) as raised:
        await hall.admit()
    assert raised.value.reason is Reason.NO_BACKEND


async def test_a_replica_that_was_reached_and_failed_is_not_waited_for() -> None:
    hall = Hall({"a": 1, "b": 1}, scaled())
    hall.set("a", adapter_pb.STATE_FAILED)
    with pytest.raises(MeshError) as raised:
        await hall.admit()
    assert raised.value.reason is Reason.NO_BACKEND


async def test_the_wait_for_a_replica_has_bounds_of_its_own() -> None:
    hall = Hall({"a": 1, "b": 1}, scaled(waiting_room_seconds=0.05), max_waiting=1)
    hall.lose("a")
    waiting = asyncio.create_task(hall.admit())
    await turns()
    with pytest.raises(MeshError, match="queue is full"):
        await hall.admit()
    with pytest.raises(MeshError) as late:
        await waiting
    assert late.value.reason is Reason.NO_BACKEND
    assert late.value.retry_after
    with pytest.raises(MeshError) as expired:
        await hall.admit(seconds=0.02)
    assert expired.value.reason is Reason.DEADLINE_EXCEEDED


async def test_a_model_that_stands_in_answers_at_once_and_the_call_is_remembered() -> None:
    hall = Hall({"a": 1, "b": 1}, scaled(fallback=("other",)))
    hall.lose("a")
    held = await hall.admit()
    assert held.attempt.backend.name == "b"
    assert asyncio.get_running_loop().time() - hall.admission.queues.last_call("m") < 5
    held.close()
