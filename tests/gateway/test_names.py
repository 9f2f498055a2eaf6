"""Persons' names through a whole gateway: refused until the process is there, then masked and restored; others go on."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from gateway.conftest import TENANTS, Gateway, ScriptedRouter, Serve
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.config import convert
from thinmesh_gateway.config import Tenant
from thinmesh_gateway.privacy.names import process

LOADING = """
import pathlib, sys, time
from thinmesh_gateway.privacy.names.frames import *
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.01)
number, places = 0, []
while True:
    sys.stdout.buffer.write(frame(Answered(number, places)))
    sys.stdout.buffer.flush()
    head = sys.stdin.buffer.read(4)
    if not head:
        break
    asked = msgspec.msgpack.decode(sys.stdin.buffer.read(length(head)), type=Asked)
    number, places = asked.number, [[(4, 7)] for _ in asked.texts]
"""


@pytest.fixture
def router() -> ScriptedRouter:
    return Repeating()


class Repeating(ScriptedRouter):
    """Says what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    async def Generate(self, request: pb.GenerateRequest, context: Any) -> pb.GenerateResponse:
        text = request.chat.messages[0].content[0].text
        self.heard.append(text)
        return pb.GenerateResponse(choices=[pb.Choice(text=text, finish_reason=pb.FINISH_REASON_STOP)])


async def said(gateway: Gateway, tenant: str) -> tuple[int, str]:
    """The status, and the answer or the error's code."""
    body = {"model": "m", "messages": [{"role": "user", "content": "성명: 김민준"}]}
    async with gateway.session(tenant) as session, session.post("/v1/chat/completions", json=body) as response:
        answer = await response.json()
        return response.status, answer["choices"][0]["message"]["content"] if response.status == 200 else answer["error"][
            "code"
        ]


async def test_calls_that_need_names_are_refused_until_they_can_be_found(
    serve: Serve, router: Repeating, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = state / "loaded"
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-c", LOADING, str(loaded)))
    needing = convert({"privacy": {"entities": {"name": "reversible"}}}, Tenant, source="test")
    gateway = await serve(tenants=TENANTS | {"usual": needing})
    assert await said(gateway, "usual") == (503, "guardrail_unavailable")
    assert await said(gateway, "last") == (200, "성명: 김민준")
    assert any("names can't be found" in note for note in gateway.app.notes())
    loaded.touch()
    while gateway.app._names.trouble:
        await asyncio.sleep(0.01)
    assert await said(gateway, "usual") == (200, "성명: 김민준")
    assert router.heard == ["성명: 김민준", "성명: <<NAME_1>>"]
    assert not any("names" in note for note in gateway.app.notes())
