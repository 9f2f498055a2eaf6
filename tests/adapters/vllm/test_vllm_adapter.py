"""The vllm adapter against an engine that behaves, fails, lies, stalls, drifts and dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import msgspec
import pytest
from smg_grpc_proto.generated import vllm_engine_pb2 as vllm
from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from fakes.tokenizers import THINKING_TEMPLATE, model_files, zipped
from fakes.vllm_engine import FakeVllm, drifted, fake_vllm
from thinmesh_adapters.conformance.engine import Fault, Trouble
from thinmesh_adapters.contract import Place
from thinmesh_adapters.vllm.adapter import EMBEDS_AT_ONCE, VllmAdapter
from thinmesh_adapters.vllm.config import Options
from thinmesh_adapters.vllm.known import SEATS
from thinmesh_core.call import Call
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.fold import fold

CALL = Call("r-1", "t", "p", model="tiny", seconds=10.0)
TEXT = pb.GenerateRequest(model="m", text="x")
SAID = "The sea is blue, 바다 🌊!"
SECONDS = 5.0


@asynccontextmanager
async def served(engine: FakeVllm, **options: Any) -> AsyncIterator[VllmAdapter]:
    async with VllmAdapter(Options(address=engine.address, **options), Place("vllm", Path("/nowhere"))) as adapter:
        yield adapter


@pytest.fixture
async def engine() -> AsyncIterator[FakeVllm]:
    async with fake_vllm() as engine:
        yield engine


@pytest.fixture
async def adapter(engine: FakeVllm) -> AsyncIterator[VllmAdapter]:
    async with served(engine) as adapter:
        yield adapter


async def stream(adapter: VllmAdapter, request: pb.GenerateRequest = TEXT, call: Call = CALL) -> pb.GenerateResponse:
    async with aclosing(adapter.generate(request, call)) as events:
        return await fold(events, max(request.sampling.n, 1))


async def fails(adapter: VllmAdapter, request: pb.GenerateRequest = TEXT, call: Call = CALL) -> MeshError:
    async with asyncio.timeout(SECONDS):
        with pytest.raises(MeshError) as raised:
            await stream(adapter, request, call)
    return raised.value


def chat(text: str = "hi", *tools: str, **fields: Any) -> pb.GenerateRequest:
    request = pb.GenerateRequest(model="m", **fields)
    request.chat.messages.add(role=chat_pb2.ROLE_USER).content.add(text=text)
    for name in tools:
        request.chat.tools.add(name=name, parameters_json='{"type":"object"}')
    return request


async def test_its_status_is_the_engines(engine: FakeVllm, adapter: VllmAdapter) -> None:
    engine.waiting = 3
    status = await adapter.status()
    (model,) = status.models
    assert (model.name, model.context_length, status.max_concurrency) == ("tiny", 4096, 16)
    assert (status.queued, status.kv_cache_use) == (6, 0.5)
    assert {cap.CAPABILITY_CHAT, cap.CAPABILITY_TOOLS, cap.CAPABILITY_N, cap.CAPABILITY_COUNT_TOKENS} < model.capabilities
    engine.healthy = False
    with pytest.raises(MeshError, match="its engine is dead"):
        await adapter.status()


async def test_numbers_below_nothing_are_none(engine: FakeVllm, adapter: VllmAdapter) -> None:
    engine.seats, engine.waiting = -1, -5
    status = await adapter.status()
    assert (status.max_concurrency, status.queued) == (SEATS, 0)


@pytest.mark.parametrize("per_chunk", [1, 2, 7])
async def test_a_stream_and_a_whole_answer_say_the_same(engine: FakeVllm, adapter: VllmAdapter, per_chunk: int) -> None:
    engine.per_chunk = per_chunk
    streamed, whole = await stream(adapter), await adapter.answer(TEXT, CALL)
    tokens = len(engine.tokenizer.encode(SAID, special=False)) + 1
    for told in (streamed, whole):
        assert (told.choices[0].text, told.choices[0].finish_reason) == (SAID, pb.FINISH_REASON_STOP)
        assert (told.usage.prompt_tokens, told.usage.completion_tokens, told.usage.cached_prompt_tokens) == (1, tokens, 1)
    assert [one.stream for one in engine.requests] == [True, False]
    first, second = (one.request_id for one in engine.requests)
    assert first.startswith("r-1-")
    assert first != second


async def test_attempts_of_a_step_have_one_id_and_a_later_one_ends_the_earlier(engine: FakeVllm, adapter: VllmAdapter) -> None:
    """The engine would abort both by it: so the first is over before the second begins, and the second is whole."""
    await adapter.status()
    engine.fault = Fault(Trouble.STALL, 1)
    step = msgspec.structs.replace(CALL, step="job-1.1")
    first = asyncio.ensure_future(stream(adapter, call=step))
    async with asyncio.timeout(SECONDS):
        await engine.began.wait()
        await asyncio.sleep(0)  # in the next turn it stalls
        engine.fault = None
        second = await stream(adapter, call=step)
        (ended,) = await asyncio.gather(first, return_exceptions=True)
    assert isinstance(ended, MeshError)
    assert second.choices[0].text == SAID
    assert [one.request_id for one in engine.requests] == ["job-1.1", "job-1.1"]


async def test_no_character_is_ever_split(engine: FakeVllm, adapter: VllmAdapter) -> None:
    async with aclosing(adapter.generate(TEXT, CALL)) as events:
        pieces = [delta.text async for event in events for delta in event.deltas]
    assert "".join(pieces) == SAID
    assert not any("\ufffd" in piece for piece in pieces)
    engine.text = "🌊"
    cut = pb.GenerateRequest(text="x", stopping=sampling_pb2.Stopping(max_tokens=2))
    assert (await stream(adapter, cut)).choices[0].text == "\ufffd"


@pytest.mark.parametrize("per_chunk", [1, 5])
async def test_stops_are_sent_and_cut(engine: FakeVllm, adapter: VllmAdapter, per_chunk: int) -> None:
    engine.per_chunk = per_chunk
    request = pb.GenerateRequest(text="x", stopping=sampling_pb2.Stopping(stop=["blue, "]))
    for told in (await stream(adapter, request), await adapter.answer(request, CALL)):
        assert (told.choices[0].text, told.choices[0].finish_reason) == ("The sea is ", pb.FINISH_REASON_STOP)
    assert list(engine.requests[0].sampling_params.stop) == ["blue, "]


async def test_choices_are_told_apart_and_greedy_ones_are_made_once(engine: FakeVllm, adapter: VllmAdapter) -> None:
    request = pb.GenerateRequest(text="x", sampling=sampling_pb2.Sampling(n=3))
    assert [one.text for one in (await stream(adapter, request)).choices] == [SAID] * 3
    request.sampling.temperature = 0
    greedy = await stream(adapter, request)
    assert [one.text for one in greedy.choices] == [SAID] * 3
    assert [one.sampling_params.n for one in engine.requests] == [3, 1]
    assert greedy.usage.completion_tokens % 3 == 0


async def test_a_conversation_is_rendered_and_counted(engine: FakeVllm, adapter: VllmAdapter) -> None:
    request = chat("hé")
    told = await stream(adapter, request)
    counted = await adapter.count_tokens(pb.CountTokensRequest(chat=request.chat), CALL)
    assert counted.tokens == told.usage.prompt_tokens == len(engine.requests[0].tokenized.input_ids)
    assert engine.tokenizer.decode(engine.requests[0].tokenized.input_ids) == "user\nhéassistant\n"


async def test_calls_are_read_from_text(engine: FakeVllm, adapter: VllmAdapter) -> None:
    engine.text = 'Look: <tool_call>{"name": "f", "arguments": {"a": "바"}}</tool_call>'
    choice = (await stream(adapter, chat("hi", "f"))).choices[0]
    assert (choice.text, choice.finish_reason) == ("Look: ", pb.FINISH_REASON_TOOL_CALLS)
    assert [(one.name, one.arguments_json) for one in choice.tool_calls] == [("f", '{"a": "바"}')]
    assert engine.requests[0].sampling_params.WhichOneof("constraint") is None


@pytest.mark.parametrize("style", ["hermes", "llama3", "mistral"])
@pytest.mark.parametrize("choice", [{"mode": chat_pb2.TOOL_MODE_REQUIRED}, {"function": "g"}])
async def test_calls_are_forced_in_every_style(engine: FakeVllm, style: Any, choice: Any) -> None:
    async with served(engine, tool_style=style) as adapter:
        request = chat("hi", "f", "g")
        request.chat.tool_choice.MergeFrom(chat_pb2.ToolChoice(**choice))
        told = (await stream(adapter, request)).choices[0]
    assert (told.text, told.finish_reason) == ("", pb.FINISH_REASON_TOOL_CALLS)
    assert [(one.name, one.arguments_json) for one in told.tool_calls] == [(choice.get("function", "f"), "{}")]


async def test_a_model_thinks_aloud_unless_it_is_held_to_a_form(engine: FakeVllm, adapter: VllmAdapter) -> None:
    engine.files = model_files(THINKING_TEMPLATE)
    engine.text = "hm</think>\n\nYes"
    told = (await stream(adapter, chat())).choices[0]
    assert (told.reasoning, told.text) == ("hm", "Yes")
    form = sampling_pb2.ResponseFormat(json_object=sampling_pb2.JsonObject())
    held = (await stream(adapter, chat(response_format=form))).choices[0]
    assert (held.reasoning, held.text) == ("", '{"n": 1}')


async def test_embeddings_come_in_order_and_never_too_many_at_once() -> None:
    async with fake_vllm(generates=False, delay=0.01) as engine, served(engine) as adapter:
        (model,) = (await adapter.status()).models
        assert cap.CAPABILITY_EMBED in model.capabilities
        assert cap.CAPABILITY_COMPLETION not in model.capabilities
        inputs = [pb.EmbedInput(text="a" * (1 + number % 5)) for number in range(100)]
        told = await adapter.embed(pb.EmbedRequest(inputs=inputs), CALL)
        lengths = [len(engine.tokenizer.encode(one.text, special=True)) for one in inputs]
        assert [one.values[0] for one in told.embeddings] == lengths
        assert told.usage.prompt_tokens == sum(lengths)
        assert 1 < engine.most_embedding <= EMBEDS_AT_ONCE
        engine.fault = Fault(Trouble.FAILURE, words="boom")
        with pytest.raises(MeshError) as raised:
            await adapter.embed(pb.EmbedRequest(inputs=inputs), CALL)
        assert raised.value.reason is Reason.ENGINE_ERROR


@pytest.mark.parametrize("after", [0, 3])
@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        (grpc.StatusCode.INTERNAL, "CUDA error at 10.1.2.3", Reason.ENGINE_ERROR),
        (grpc.StatusCode.INVALID_ARGUMENT, "Token id 999999 is out of vocabulary", Reason.INVALID_REQUEST),
        (grpc.StatusCode.INVALID_ARGUMENT, "longer than the maximum model length of 4", Reason.CONTEXT_LENGTH_EXCEEDED),
        (grpc.StatusCode.INVALID_ARGUMENT, "This model does not support generation", Reason.CAPABILITY_MISSING),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "queue of 10.1.2.3", Reason.BACKEND_FULL),
        (grpc.StatusCode.UNAVAILABLE, "going away: 10.1.2.3", Reason.ENGINE_UNAVAILABLE),
        (grpc.StatusCode.NOT_FOUND, "lora at /secret", Reason.MODEL_NOT_FOUND),
    ],
)
async def test_an_error_is_ours_in_meaning_and_words(
    engine: FakeVllm, adapter: VllmAdapter, after: int, code: grpc.StatusCode, text: str, reason: Reason
) -> None:
    engine.fault, engine.code = Fault(Trouble.FAILURE, after, text), code
    error = await fails(adapter)
    assert error.reason is reason
    assert text not in str(error)
    assert "10.1.2.3" not in str(error)


async def test_an_engine_that_dies_in_mid_stream_is_lost(engine: FakeVllm, adapter: VllmAdapter) -> None:
    engine.kill_after = 2
    assert (await fails(adapter)).reason is Reason.ENGINE_UNAVAILABLE


@pytest.mark.parametrize("after", [0, 2])
async def test_an_engine_that_falls_silent_ends_at_the_deadline(engine: FakeVllm, adapter: VllmAdapter, after: int) -> None:
    await adapter.status()
    engine.fault = Fault(Trouble.STALL, after)
    error = await fails(adapter, call=msgspec.structs.replace(CALL, seconds=0.3))
    assert error.reason is Reason.DEADLINE_EXCEEDED
    async with asyncio.timeout(SECONDS):
        await engine.left.wait()


async def test_a_call_without_a_deadline_is_bounded(engine: FakeVllm) -> None:
    engine.fault = Fault(Trouble.STALL)
    async with served(engine, answer_seconds=0.3) as adapter:
        assert (await fails(adapter, call=msgspec.structs.replace(CALL, seconds=None))).reason is Reason.DEADLINE_EXCEEDED


async def test_leaving_a_stream_stops_the_engine(engine: FakeVllm, adapter: VllmAdapter) -> None:
    engine.fault = Fault(Trouble.STALL, 3)
    async with aclosing(adapter.generate(TEXT, CALL)) as events:
        async for _ in events:
            break
    async with asyncio.timeout(SECONDS):
        await engine.left.wait()


async def test_leaving_a_whole_answer_stops_the_engine(engine: FakeVllm, adapter: VllmAdapter) -> None:
    engine.fault = Fault(Trouble.STALL, 3)
    running = asyncio.ensure_future(adapter.answer(TEXT, CALL))
    async with asyncio.timeout(SECONDS):
        await engine.began.wait()
        running.cancel()
        await engine.left.wait()
    assert (await asyncio.gather(running, return_exceptions=True))[0].__class__ is asyncio.CancelledError


@pytest.mark.parametrize(
    ("finish", "reason"),
    [("abort", Reason.ENGINE_ERROR), ("error", Reason.ENGINE_ERROR), ("bored", Reason.ENGINE_PROTOCOL)],
)
async def test_an_end_that_is_none_is_an_error(engine: FakeVllm, adapter: VllmAdapter, finish: str, reason: Reason) -> None:
    engine.finish = finish
    assert (await fails(adapter)).reason is reason


@pytest.mark.parametrize(
    "responses",
    [
        [],
        [vllm.GenerateResponse()],
        [vllm.GenerateResponse(chunk=vllm.GenerateStreamChunk(token_ids=[5]))],
        [vllm.GenerateResponse(chunk=vllm.GenerateStreamChunk(token_ids=[5], index=9))],
        [vllm.GenerateResponse(complete=vllm.GenerateComplete(finish_reason="stop", index=4))],
    ],
    ids=["nothing", "an empty response", "no end", "a choice too many", "an end too many"],
)
async def test_an_answer_that_is_none_is_an_error(engine: FakeVllm, adapter: VllmAdapter, responses: Any) -> None:
    engine.responses = responses
    assert (await fails(adapter)).reason is Reason.ENGINE_PROTOCOL


async def test_too_long_an_input_never_reaches_the_engine(engine: FakeVllm, adapter: VllmAdapter) -> None:
    error = await fails(adapter, pb.GenerateRequest(text="x" * 5000))
    assert (error.reason, error.param, engine.requests) == (Reason.CONTEXT_LENGTH_EXCEEDED, "prompt", [])
    assert "5000 tokens" in str(error)


@pytest.mark.parametrize(
    ("context", "told"),
    [
        (fake_vllm(pool=drifted()), r"another revision of .*SamplingParams\.n, GenerateStreamChunk\.index"),
        (fake_vllm(tokenizer_error=grpc.StatusCode.INTERNAL), r"name a tokenizer\.json in options\.tokenizer"),
        (fake_vllm(sha256="0" * 64), "damaged on the way"),
        (fake_vllm(archive=b"PK nonsense"), "no zip"),
        (fake_vllm(archive=zipped({"../tokenizer.json": b"{}"})), r"has no tokenizer\.json"),
        (fake_vllm(archive=zipped({"tokenizer.json": b"{}"})), r"tokenizer\.json is none"),
        (fake_vllm(files=model_files("{% if %}")), "chat template is no template"),
    ],
    ids=["drift", "no tokenizer", "damaged", "no zip", "a path that climbs", "no tokenizer.json", "no template"],
)
async def test_an_engine_that_cant_be_spoken_with_says_why(context: AbstractAsyncContextManager[FakeVllm], told: str) -> None:
    async with context as engine, served(engine) as adapter:
        with pytest.raises(MeshError, match=told) as raised:
            await adapter.status()
    assert "meta-llama" not in str(raised.value)


async def test_another_server_is_refused() -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with VllmAdapter(Options(address=f"127.0.0.1:{port}"), Place("vllm", Path("/nowhere"))) as adapter:
        with pytest.raises(MeshError, match="does not serve vllm"):
            await adapter.status()
    await server.stop(0)


async def test_an_engine_without_reflection_is_taken_at_its_word(caplog: pytest.LogCaptureFixture) -> None:
    async with fake_vllm(reflects=False) as engine, served(engine) as adapter:
        assert (await stream(adapter)).choices[0].text == SAID
    assert "does not tell which revision" in caplog.text


async def test_the_operators_files_stand_in_for_the_engines(tmp_path: Path) -> None:
    files = model_files()
    (tmp_path / "tokenizer.json").write_bytes(files["tokenizer.json"])
    (tmp_path / "mine.jinja").write_text("{{ messages[0].content }}!")
    options = {"tokenizer": str(tmp_path / "tokenizer.json"), "chat_template": str(tmp_path / "mine.jinja")}
    async with (
        fake_vllm(tokenizer_error=grpc.StatusCode.INTERNAL) as engine,
        served(engine, max_concurrency=3, **options) as adapter,
    ):
        status = await adapter.status()
        assert (status.max_concurrency, cap.CAPABILITY_TOOLS in status.models[0].capabilities) == (3, False)
        await stream(adapter, chat("hi"))
        assert engine.tokenizer.decode(engine.requests[0].tokenized.input_ids) == "hi!"


async def test_an_engine_that_comes_back_is_learned_anew(engine: FakeVllm) -> None:
    async with served(engine) as adapter:
        assert (await adapter.status()).max_concurrency == 16
        await engine.stop()
        with pytest.raises(MeshError) as raised:
            await adapter.status()
        assert raised.value.reason is Reason.ENGINE_UNAVAILABLE
        async with fake_vllm(address=engine.address, seats=5):
            async with asyncio.timeout(SECONDS):
                while (status := await _status(adapter)) is None:
                    await asyncio.sleep(0.05)
            assert status.max_concurrency == 5


async def _status(adapter: VllmAdapter) -> Any:
    try:
        return await adapter.status()
    except MeshError:
        return None
