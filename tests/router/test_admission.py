"""Waiting for a place: in order, within bounds, and no place is ever lost."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thinmesh.adapter.v1 import adapter_service_pb2 as pb
from thinmesh.inference.v1 import capability_pb2 as cap

from fakes.adapter import ScriptedAdapter
from thinmesh_core.errors import MeshError, Reason
from thinmesh_router.admission import Admission, Ticket
from thinmesh_router.backends import Backends
from thinmesh_router.config import ModelConfig, QueueConfig
from thinmesh_router.routes import RouteTable

TEXT = frozenset({cap.CAPABILITY_COMPLETION})


class Hall:
    """An admission whose backends' states the test sets by hand."""

    def __init__(self, limits: dict[str, int], models: dict[str, ModelConfig] | None = None, **queue: Any) -> None:
        models = models or {"m": ModelConfig(backends=tuple(limits))}
        self.backends = Backends({name: name for name in limits}, lambda _: ScriptedAdapter().channel())
        self.table = RouteTable(models, limits)
        self.admission = Admission(self.table, self.backends, QueueConfig(**queue), Random(1))
        for name, limit in limits.items():
            self.set(name, pb.STATE_READY, limit)

    def set(self, name: str, state: pb.State.ValueType, limit: int = 1) -> None:
        """What the backend's watch would have heard."""
        model = pb.ServedModel(name="m", capabilities=[cap.CAPABILITY_COMPLETION])
        self.backends[name].status = pb.Status(state=state, models=[model])
        self.backends[name].limit.maximum = limit
        self.backends.on_change()

    async def admit(self, model: str = "m", needs: frozenset[Any] = TEXT) -> Ticket:
        return await self.admission.admit(model, needs)

    @property
    def running(self) -> int:
        return sum(backend.limit.running for backend in self.backends.values())


def close(ticket: Ticket) -> None:
    with ticket:
        pass


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_whoever_waits_longest_is_next() -> None:
    hall = Hall({"a": 1})
    held = await hall.admit()
    order: list[int] = []

    async def wait(number: int) -> None:
        with await hall.admit():
            order.append(number)

    async with asyncio.TaskGroup() as tasks:
        for number in range(5):
            tasks.create_task(wait(number))
            await turns()
        close(held)
    assert order == [0, 1, 2, 3, 4]
    assert hall.running == 0


async def test_nobody_overtakes_a_line() -> None:
    hall = Hall({"a": 1})
    held = await hall.admit()
    waiting = asyncio.create_task(hall.admit())
    await turns()
    close(held)
    late = asyncio.create_task(hall.admit())
    ticket = await waiting
    await turns()
    assert not late.done()
    close(ticket)
    close(await late)


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
    close(held)
    assert hall.running == 0


async def test_a_waiter_cancelled_in_the_turn_of_its_grant_gives_the_place_back() -> None:
    hall = Hall({"a": 1})
    held = await hall.admit()
    first, second = asyncio.create_task(hall.admit()), asyncio.create_task(hall.admit())
    await turns()
    close(held)  # grants to the first
    first.cancel()  # in the same turn
    with pytest.raises(asyncio.CancelledError):
        await first
    close(await second)
    assert hall.running == 0


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_no_order_of_events_loses_a_place(data: st.DataObject) -> None:
    """Admissions, closings, cancels and turns of the loop in any order: in the end nothing runs and nobody is stuck."""

    async def play() -> None:
        hall = Hall({"a": data.draw(st.integers(1, 2)), "b": 1}, wait_seconds=60)
        waiting: list[asyncio.Task[Ticket]] = []
        for _ in range(data.draw(st.integers(1, 25))):
            match data.draw(st.sampled_from(["admit", "close", "cancel", "turn", "fail", "ready"])):
                case "admit":
                    waiting.append(asyncio.create_task(hall.admit()))
                case "close":
                    done = [task for task in waiting if task.done() and not task.cancelled() and task.exception() is None]
                    if done:
                        waiting.remove(done[0])
                        close(done[0].result())
                case "cancel" if waiting:
                    data.draw(st.sampled_from(waiting)).cancel()
                case "fail":
                    hall.set("b", pb.STATE_STARTING)
                case "ready":
                    hall.set("b", pb.STATE_READY)
                case _:
                    await turns(1)
            assert hall.backends["a"].limit.running <= hall.backends["a"].limit.maximum
        while waiting:
            await turns()
            for task in [task for task in waiting if task.done()]:
                waiting.remove(task)
                if not task.cancelled() and task.exception() is None:
                    close(task.result())
        assert hall.running == 0

    asyncio.run(play())


async def test_all_failed_is_refused_at_once_and_starting_is_waited_for() -> None:
    hall = Hall({"a": 1})
    hall.set("a", pb.STATE_FAILED)
    with pytest.raises(MeshError) as raised:
        await hall.admit()
    assert raised.value.reason is Reason.NO_BACKEND
    hall.set("a", pb.STATE_STARTING)
    waiting = asyncio.create_task(hall.admit())
    await turns()
    assert not waiting.done()
    hall.set("a", pb.STATE_READY)
    close(await waiting)


async def test_whoever_waits_for_a_backend_that_then_fails_is_refused() -> None:
    hall = Hall({"a": 1})
    hall.set("a", pb.STATE_STARTING)
    waiting = asyncio.create_task(hall.admit())
    await turns()
    hall.set("a", pb.STATE_FAILED)
    with pytest.raises(MeshError) as raised:
        await waiting
    assert raised.value.reason is Reason.NO_BACKEND


async def test_what_no_backend_can_do_is_refused_by_name() -> None:
    hall = Hall({"a": 1})
    with pytest.raises(MeshError, match="tools") as raised:
        await hall.admit(needs=TEXT | {cap.CAPABILITY_TOOLS})
    assert raised.value.reason is Reason.CAPABILITY_MISSING
    assert "completion" not in raised.value.message
    assert hall.admission.refusal("m", TEXT | {cap.CAPABILITY_TOOLS}).message == raised.value.message
    hall.set("a", pb.STATE_FAILED)
    assert hall.admission.refusal("m", TEXT | {cap.CAPABILITY_TOOLS}).reason is Reason.NO_BACKEND


async def test_another_model_stands_in_only_while_no_target_takes_calls() -> None:
    models = {"m": ModelConfig(backends=("a",), fallback=("n",)), "n": ModelConfig(backends=("b",))}
    hall = Hall({"a": 1, "b": 1}, models)
    first = await hall.admit()
    assert (first.place.backend.name, first.place.model) == ("a", "m")
    close(first)
    hall.set("a", pb.STATE_FAILED)
    second = await hall.admit()
    assert (second.place.backend.name, second.place.model) == ("b", "n")
    close(second)


async def test_a_limit_that_shrinks_under_running_calls_admits_nobody_until_there_is_room() -> None:
    hall = Hall({"a": 2})
    tickets = [await hall.admit(), await hall.admit()]
    hall.set("a", pb.STATE_READY, limit=1)
    waiting = asyncio.create_task(hall.admit())
    close(tickets[0])
    await turns()
    assert not waiting.done()
    close(tickets[1])
    close(await waiting)
    assert hall.running == 0
