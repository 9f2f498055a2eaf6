"""A handler that fails in a way nobody thought of: its caller hears of it at once, and the next call is served."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from itertools import cycle
from pathlib import Path

import pytest
from launch import mesh
from load import Answer, Record, complete, percentile, play, seconds, session
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.app import AdapterApp
from thinmesh_adapters.contract import Place
from thinmesh_adapters.echo import EchoAdapter, Options
from thinmesh_core.address import Address
from thinmesh_core.call import Call
from thinmesh_core.server import serve_grpc

CONFIG = """
tenants: {dev: {}}
backends:
  buggy:
    address: "unix:ADDRESS"
    adapter: echo
models: {buggy: {backends: [buggy]}}
"""
BUGS: dict[str, type[BaseException]] = {
    "cancelled": asyncio.CancelledError,
    "bug": ZeroDivisionError,
    "end": StopAsyncIteration,
    "timeout": TimeoutError,
}
WAYS = [("early", False), ("early", True), ("late", True)]


class Buggy(EchoAdapter):
    """Raises what the prompt names, before or after its first word."""

    async def generate(self, request: pb.GenerateRequest, call: Call) -> AsyncGenerator[pb.GenerateEvent, None]:
        kind, _, when = request.text.partition(" ")
        async for event in super().generate(request, call):
            if kind in BUGS and when != "late":
                raise BUGS[kind]("secret")
            yield event
            if kind in BUGS:
                raise BUGS[kind]("secret")


@pytest.mark.faults
async def test_fault_11_a_bug_is_told_at_once(state: Path, record_property: Record, caplog: pytest.LogCaptureFixture) -> None:
    """A handler raises CancelledError or has another bug -> callers hear of it within 100 ms (99 %), the next are served."""
    caplog.set_level(logging.CRITICAL, "thinmesh_core.interceptors")  # 300 tracebacks say the same
    socket = state / "buggy.sock"
    app = AdapterApp("echo", Buggy(Options(), Place("buggy", state)), None)
    whole, early, late = ([(f"{kind} {when}", stream) for kind in BUGS] for when, stream in WAYS)
    prompts = cycle([*whole, *early, *late])
    async with (
        app,
        serve_grpc(app, Address(None, 0, socket), grace=0),
        mesh(CONFIG.replace("ADDRESS", str(socket)), state, "up") as running,
        session(running) as client,
    ):

        async def ask() -> tuple[bool, Answer]:
            prompt, stream = next(prompts)
            return prompt.endswith("late"), await complete(client, running, "buggy", prompt=prompt, stream=stream)

        sent = await play([0.01 * count for count in range(300)], ask)
        well = await complete(client, running, "buggy", prompt="well")
    slowest = percentile(seconds(sent), 99)
    record_property("99 % told within", f"{slowest * 1000:.0f} ms")
    answers = [(late, answer.status, answer.text.count('"error"')) for late, answer in (one.outcome for one in sent)]
    assert set(answers) == {(False, 500, 1), (True, 200, 1)}
    assert "secret" not in "".join(one.outcome[1].text for one in sent)
    assert well.status == 200
    assert slowest <= 0.1
