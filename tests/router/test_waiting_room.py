"""Waiting for a replica of a model that may have none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hall import Hall, turns
from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_router.autoscaling.config import AutoscaleConfig
from thinmesh_router.config import ModelConfig


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
