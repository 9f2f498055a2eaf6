"""What a router tells of a call at its end: where it went, how long each part of it was, and its tokens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from canaries import PROMPT
from grpc.aio import AioRpcError
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import usage_pb2
from thinmesh.router.v1 import backend_service_pb2 as backend_pb

from fakes.adapter import ScriptedAdapter
from thinmesh_core.course import COURSE, Course, from_metadata
from thinmesh_core.errors import MeshError, Reason

Route = Callable[..., Awaitable[Any]]
REQUEST = pb.GenerateRequest(model="m", text=PROMPT)
SECONDS = 10.0


async def course(call: Any) -> Course:
    """What is told of a call that has ended."""
    told = from_metadata(await call.trailing_metadata())
    assert told is not None
    return told


async def test_the_parts_of_a_stream_follow_each_other(route: Route) -> None:
    adapter = ScriptedAdapter()
    usage = usage_pb2.Usage(prompt_tokens=7, completion_tokens=2)
    finish = pb.GenerateEvent(finishes=[pb.Finish(reason=pb.FINISH_REASON_STOP)], usage=usage)
    adapter.events = [*(pb.GenerateEvent(deltas=[pb.Delta(text="a")]) for _ in range(2)), finish]
    routed = await route({"a": adapter})
    began = time.monotonic()
    call = routed.stub.StreamGenerate(REQUEST, timeout=SECONDS)
    assert len([event async for event in call]) == 3
    took = time.monotonic() - began
    told = await course(call)
    assert (told.backend, told.input_tokens, told.output_tokens) == ("a", 7, 2)
    assert (told.queue, told.retries) == (0, 0)
    assert told.first_token is not None
    assert 0 < told.first_token + told.generation <= took


async def test_an_answer_as_a_whole_has_no_first_token(route: Route) -> None:
    routed = await route({"a": ScriptedAdapter()})
    call = routed.stub.Generate(REQUEST, timeout=SECONDS)
    await call
    told = await course(call)
    assert (told.backend, told.first_token) == ("a", None)
    assert told.generation > 0


async def test_the_wait_for_a_place_is_the_queues(route: Route) -> None:
    adapter = ScriptedAdapter(limit=1)
    adapter.hold = asyncio.Event()
    routed = await route({"a": adapter})
    calls = [routed.stub.Generate(REQUEST, timeout=SECONDS) for _ in range(2)]
    first, second = (asyncio.ensure_future(call) for call in calls)
    await adapter.began.wait()
    adapter.hold.set()
    await asyncio.gather(first, second)
    assert (await course(calls[0])).queue == 0
    assert (await course(calls[1])).queue > 0


async def test_what_another_backend_cured_is_told_apart(route: Route) -> None:
    bad, good = ScriptedAdapter(), ScriptedAdapter()
    bad.error = MeshError(Reason.ENGINE_UNAVAILABLE, "no")
    routed = await route({"bad": bad, "good": good})
    lost = []
    while not bad.requests:
        call = routed.stub.Generate(REQUEST, timeout=SECONDS)
        await call
        lost.append(await course(call))
    assert {one.backend for one in lost} == {"good"}
    assert [one.retries > 0 for one in lost] == [*(False for _ in lost[1:]), True]


async def test_a_call_that_fails_is_told_of_and_one_that_had_no_place_names_no_backend(route: Route) -> None:
    adapter = ScriptedAdapter()
    adapter.error = MeshError(Reason.ENGINE_ERROR, "no")
    routed = await route({"a": adapter})
    with pytest.raises(AioRpcError) as raised:
        await routed.stub.Generate(REQUEST, timeout=SECONDS)
    told = from_metadata(raised.value.trailing_metadata())
    assert told is not None
    assert (told.backend, told.input_tokens, told.output_tokens) == ("a", None, None)
    await routed.backends.DrainBackend(backend_pb.DrainBackendRequest(name="a"), timeout=SECONDS)
    with pytest.raises(AioRpcError) as raised:
        await routed.stub.Generate(REQUEST, timeout=0.05)
    told = from_metadata(raised.value.trailing_metadata())
    assert told is None or told.backend == ""  # the deadline is the wire's too, and it may be first


@pytest.mark.parametrize("sent", [(), ((COURSE, b"\xc1"),), ((COURSE, b"\x91\x01"),), (("x", "y"),)])
def test_what_is_no_course_says_nothing(sent: Any) -> None:
    assert from_metadata(sent) is None


def test_what_is_no_course_is_none() -> None:
    for told in (b"", b"\x95\xa2\xff\xfe\x00\x00\x00", b"\x91" * 5000, b"\xc1"):
        assert from_metadata([(COURSE, told)]) is None
