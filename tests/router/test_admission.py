"""Waiting for a place: in order, within bounds, and no place is ever lost."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from google.protobuf.message import DecodeError
from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata
from hall import CALL, TEXT, TOOLS, Hall, Held, turns
from hypothesis import given, settings
from hypothesis import strategies as st
from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.inference.v1 import capability_pb2 as cap

from thinmesh_core.errors import MeshError, Reason
from thinmesh_router import attempt
from thinmesh_router.breaker import Health
from thinmesh_router.config import ModelConfig


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


async def test_one_slow_answer_keeps_nobody_from_waiting_for_half_of_its_time() -> None:
    hall = Hall({"a": 1})
    held = await hall.admit()
    hall.backends["a"].latency.observe(500, asyncio.get_running_loop().time())
    waiting = asyncio.create_task(hall.admit(seconds=60))
    await turns()
    assert not waiting.done()
    held.close()
    (await waiting).close()


async def test_a_call_that_fails_as_it_begins_to_wait_waits_no_more() -> None:
    hall = Hall({"a": 1})
    held = await hall.admit()

    def broken(model: str) -> None:
        raise ArithmeticError(model)

    hall.admission.queues.on_wait = broken
    with pytest.raises(ArithmeticError):
        await hall.admit()
    assert hall.admission.queues["m"].calls == 0
    held.close()
    assert hall.running == 0


async def test_an_answer_that_cannot_be_read_frees_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(error: AioRpcError) -> MeshError:
        raise DecodeError

    monkeypatch.setattr(attempt, "from_rpc_error", broken)
    hall = Hall({"a": 1})
    held = await hall.admit()
    with pytest.raises(DecodeError), held.ticket, held.attempt:
        raise AioRpcError(StatusCode.INTERNAL, Metadata(), Metadata())
    assert hall.running == 0


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
