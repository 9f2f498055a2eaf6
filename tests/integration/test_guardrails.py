"""Guardrails and the log of prompts on the whole way, one of them from a package that is installed beside the mesh."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from gateway.guardrails.test_registry import SHOUTING, install
from grpc.aio import AioRpcError
from launch import Mode, Running, mesh
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc

from fakes.adapter import reason

CONFIG = """
tenants:
  dev:
    guardrails:
      - {name: shouting, when: [before], settings: {most: 5}}
      - {name: denied_words, when: [after], settings: {patterns: [zeus], reason: project}}
    prompts: {log: true}
backends: {echo: {adapter: echo}}
models: {echo: {backends: [echo]}}
"""
LOUD, SECRET, USUAL = "PLEASE ANSWER", "it is Zeus, I say", "it is 010-1234-5678 now"
NOTE = "The guardrail 'denied_words' denies the answer: project."


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with a guardrail, where the processes that are started look for packages."""
    (tmp_path / "shouting.py").write_text(SHOUTING)
    install(tmp_path, "shouting-guardrail", "shouting = shouting:Shouting", "stuck = shouting:Stuck")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.usefixtures("installed")
async def test_guardrails_hold_on_rest_streams_and_grpc(state: Path, mode: Mode) -> None:
    async with mesh(CONFIG, state, mode) as running:
        for stream in (False, True):
            assert await by_rest(running, LOUD, stream=stream) == (400, "content_filter", None)
            assert await by_rest(running, SECRET, stream=stream) == ("", "content_filter", NOTE)
            assert await by_rest(running, USUAL, stream=stream) == (USUAL, "stop", None)
        async with grpc.aio.insecure_channel(running.grpc) as channel:
            await by_grpc(channel, running)
        async with aiohttp.ClientSession() as session, session.get(f"{running.admin}/metrics") as response:
            metrics = await response.text()
    assert 'thinmesh_guardrail_decisions_total{decision="deny",guardrail="shouting",when="before"} 3.0' in metrics
    assert 'thinmesh_guardrail_decisions_total{decision="deny",guardrail="denied_words",when="after"} 4.0' in metrics
    lines = [json.loads(line) for line in (state / "prompts.jsonl").read_text().splitlines()]
    asked = [one["prompts"][0]["text"] for one in lines]
    assert asked == [SECRET, "it is <<PHONE>> now"] * 2 + [SECRET] * 2
    assert [[said["text"] for said in one["answer"]] for one in lines[:2]] == [[], ["it is <<PHONE>> now"]]


@pytest.mark.usefixtures("installed")
async def test_a_guardrail_that_is_stuck_does_not_keep_the_process_from_its_end(state: Path) -> None:
    stuck = "{name: stuck, when: [before], seconds: 0.05}"
    async with mesh(CONFIG.replace("{name: shouting, when: [before], settings: {most: 5}}", stuck), state, "up") as running:
        assert await by_rest(running, USUAL, stream=False) == (503, "guardrail_unavailable", None)
        running.processes["up"].terminate()
        async with asyncio.timeout(10):
            assert await running.processes["up"].wait() == 0


async def by_rest(running: Running, prompt: str, *, stream: bool) -> tuple[Any, Any, Any]:
    body = {"model": "echo", "messages": [{"role": "user", "content": prompt}], "stream": stream}
    async with (
        aiohttp.ClientSession(headers=running.headers) as session,
        session.post(f"{running.http}/v1/chat/completions", json=body) as response,
    ):
        if response.status != 200:
            return response.status, (await response.json())["error"]["code"], None
        if not stream:
            (choice,) = (await response.json())["choices"]
            return choice["message"]["content"], choice["finish_reason"], choice.get("finish_note")
        lines = [json.loads(line[6:]) async for line in response.content if line.startswith(b"data: {")]
    choices = [choice for line in lines for choice in line["choices"]]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    return text, choices[-1]["finish_reason"], choices[-1].get("finish_note")


async def by_grpc(channel: grpc.aio.Channel, running: Running) -> None:
    stub: Any = inference_grpc.InferenceServiceStub(channel)
    with pytest.raises(AioRpcError) as raised:
        await stub.Generate(pb.GenerateRequest(model="echo", text=LOUD), metadata=running.metadata, timeout=10)
    assert reason(raised.value) == "CONTENT_DENIED"
    secret = pb.GenerateRequest(model="echo", text=SECRET)
    (choice,) = (await stub.Generate(secret, metadata=running.metadata, timeout=10)).choices
    assert (choice.text, choice.finish_reason, choice.note) == ("", pb.FINISH_REASON_CONTENT_FILTER, NOTE)
    (event,) = [one async for one in stub.StreamGenerate(secret, metadata=running.metadata, timeout=10)]
    assert [(one.reason, one.note) for one in event.finishes] == [(pb.FINISH_REASON_CONTENT_FILTER, NOTE)]
