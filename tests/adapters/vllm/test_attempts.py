"""Ids at an engine: whose call is none of a job's has its own, and of a step's attempts only the last goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from thinmesh_adapters.vllm.attempts import Attempts
from thinmesh_core.call import Call
from thinmesh_core.errors import MeshError, Reason

CALL = Call("r-1", "t", "p")
STEP = Call("r-1", "t", "p", step="job-1.1")


class Engine:
    """Notes what it is told to abort; an attempt leaves when it is told so the second time, as one that was not there yet."""

    def __init__(self) -> None:
        self.told: list[list[str]] = []
        self.leave = asyncio.Event()

    async def abort(self, ids: Sequence[str]) -> None:
        self.told.append(list(ids))
        if len(self.told) > 2:
            self.leave.set()


async def running(attempts: Attempts, engine: Engine, began: asyncio.Event) -> None:
    async with attempts.ids(STEP):
        began.set()
        await engine.leave.wait()


async def test_a_call_that_is_no_steps_has_an_id_of_its_own_each_time() -> None:
    engine = Engine()
    attempts = Attempts(engine.abort)
    async with attempts.ids(CALL) as (first,), attempts.ids(CALL) as (second,):
        assert first != second
        assert first.startswith("r-1-")
    assert engine.told == []


async def test_a_steps_parts_have_the_same_ids_in_every_attempt() -> None:
    attempts = Attempts(Engine().abort)
    async with attempts.ids(STEP, 2) as first:
        assert first == ["job-1.1-0", "job-1.1-1"]
    async with attempts.ids(STEP, 2) as again:
        assert again == first


async def test_an_attempt_is_told_again_to_end_where_the_engine_did_not_know_it_yet() -> None:
    engine, began = Engine(), asyncio.Event()
    attempts = Attempts(engine.abort)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(running(attempts, engine, began))
        await began.wait()
        async with attempts.ids(STEP):
            assert engine.leave.is_set()
    assert engine.told == [["job-1.1"]] * 3


async def test_of_attempts_that_wait_only_the_last_goes_on() -> None:
    engine, began = Engine(), asyncio.Event()
    attempts = Attempts(engine.abort)

    async def waits() -> None:
        async with attempts.ids(STEP):
            raise AssertionError("another has come after it")

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(running(attempts, engine, began))
        await began.wait()
        second = asyncio.ensure_future(waits())
        while len(engine.told) < 2:
            await asyncio.sleep(0)
        async with attempts.ids(STEP) as (name,):
            assert name == "job-1.1"
        with pytest.raises(MeshError) as raised:
            await second
    assert raised.value.reason is Reason.CANCELLED
