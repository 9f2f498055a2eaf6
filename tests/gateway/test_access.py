"""The access log: a line for each call of somebody known, with its parts, its tokens and nothing of what was said."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from canaries import PROMPT, secrets
from gateway.conftest import Gateway, ScriptedRouter, Serve, unread
from prometheus_client import REGISTRY
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc

from thinmesh_core.channel import dial
from thinmesh_core.course import Course
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.log_lines import ACCESS
from thinmesh_gateway import access
from thinmesh_gateway.access import AccessLog
from thinmesh_gateway.audit.entry import Entry
from thinmesh_gateway.config import LogConfig

CHAT = {"model": "echo", "messages": [{"role": "user", "content": PROMPT}]}
TRACE = "0af7651916cd43dd8448eb211c80319c"
COURSE = Course("gpu-1", 1e-7, 2e-7, 4e-7, 3e-7, 11, 5)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is logged."""
    caplog.set_level(logging.INFO, ACCESS)
    return caplog


def written(gateway: Gateway, lines: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The lines of the calls so far."""
    gateway.app._access.write()
    return [json.loads(record.message) for record in lines.records if record.name == ACCESS]


async def test_a_line_has_the_parts_of_a_call_that_add_up_and_its_tokens(
    gateway: Gateway, router: ScriptedRouter, lines: pytest.LogCaptureFixture
) -> None:
    router.course = COURSE
    traced = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "x-request-id": "req-mine"}
    async with gateway.session("first") as session:
        async with session.post("/v1/chat/completions", json=CHAT, headers=traced) as response:
            assert response.status == 200
        async with session.post("/v1/chat/completions", json=CHAT | {"stream": True}) as response:
            await response.read()
    async with dial(gateway.grpc) as channel:
        stub: Any = inference_grpc.InferenceServiceStub(channel)
        await stub.Generate(pb.GenerateRequest(model="echo", text=PROMPT), metadata=gateway.metadata(tenant="first"))
    found = written(gateway, lines)
    assert [one["operation"] for one in found[:2]] == ["POST /v1/chat/completions"] * 2
    assert (found[0]["request_id"], found[0]["trace_id"]) == ("req-mine", TRACE)
    for one in found:
        assert (one["backend"], one["priority"], one["decision"]) == ("gpu-1", "critical", "ALLOWED")
        assert (one["input_tokens"], one["output_tokens"]) == (11, 5)
        parts = ("gateway_ms", "queue_ms", "retries_ms", "first_token_ms", "generation_ms")
        assert sum(one[part] for part in parts) == pytest.approx(one["total_ms"])
    assert len(found) == 3
    assert not secrets(lines.text.encode())


async def test_a_call_that_is_refused_or_fails_has_a_line(
    gateway: Gateway, router: ScriptedRouter, lines: pytest.LogCaptureFixture
) -> None:
    router.course = COURSE
    router.errors.append(MeshError(Reason.ENGINE_ERROR, "m"))
    async with gateway.session() as session:
        for body in (CHAT, CHAT | {"n": 0}):
            async with session.post("/v1/chat/completions", json=body):
                pass
    found = written(gateway, lines)
    assert [(one["decision"], one.get("backend")) for one in found] == [("ENGINE_ERROR", "gpu-1"), ("INVALID_REQUEST", None)]


async def test_a_stream_whose_caller_leaves_has_estimated_tokens(
    gateway: Gateway, router: ScriptedRouter, lines: pytest.LogCaptureFixture
) -> None:
    router.pause = asyncio.Event()
    async with gateway.session() as session, session.post("/v1/chat/completions", json=CHAT | {"stream": True}) as response:
        await response.content.readline()
    async with asyncio.timeout(10):
        while not (found := written(gateway, lines)):
            await asyncio.sleep(0.01)
    assert (found[0]["decision"], found[0]["output_tokens"]) == ("CANCELLED", 1)
    assert found[0]["input_tokens"] > 1


async def test_strangers_have_no_line_and_off_is_off(serve: Serve, lines: pytest.LogCaptureFixture, state: Path) -> None:
    gateway = await serve()
    async with aiohttp.ClientSession(f"http://{gateway.http}") as session, session.get("/v1/models") as response:
        assert response.status == 401
    assert written(gateway, lines) == []
    silent = await serve(log=LogConfig(access=False))
    async with silent.session() as session, session.get("/v1/models"):
        pass
    assert written(silent, lines) == []


def test_lines_that_there_is_no_room_for_are_counted(lines: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "MOST", 1)
    log = AccessLog(unread, on=True)
    before = REGISTRY.get_sample_value("thinmesh_log_lines_dropped_total") or 0
    for _ in range(3):
        log.add(Entry(0, "rest", "o", "ALLOWED", tenant="t"))
    log.write()
    assert len(lines.records) == 1
    assert REGISTRY.get_sample_value("thinmesh_log_lines_dropped_total") == before + 2


async def test_two_that_write_at_once_share_the_lines(lines: pytest.LogCaptureFixture) -> None:
    """As at a stop, whose last write does not wait for the one before it."""
    log, held, go_on = AccessLog(unread, on=True), threading.Event(), threading.Event()
    for number in range(10):
        log.add(Entry(number, "rest", "o", "ALLOWED", tenant="t"))

    def hold_the_first(record: logging.LogRecord) -> bool:
        if not held.is_set():
            held.set()
            assert go_on.wait(10)
        return True

    logging.getLogger(ACCESS).addFilter(hold_the_first)
    try:
        first = asyncio.create_task(asyncio.to_thread(log.write))
        assert await asyncio.to_thread(held.wait, 10)
        log.write()
        go_on.set()
        await first
    finally:
        logging.getLogger(ACCESS).removeFilter(hold_the_first)
    assert sorted(json.loads(record.message)["unix_ms"] for record in lines.records) == list(range(10))
