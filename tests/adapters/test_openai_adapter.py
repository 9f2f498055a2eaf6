"""The openai adapter and its client against an engine that behaves, fails, lies, stalls and dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from thinmesh.inference.v1 import inference_service_pb2 as pb

from fakes.openai_engine import FakeEngine, fake_engine
from thinmesh_adapters.contract import Place
from thinmesh_adapters.openai.adapter import OpenAIAdapter, Options
from thinmesh_core.call import Call
from thinmesh_core.config import ConfigError
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.fold import fold

CALL = Call("r-1", "t", "p", model="fake")
TEXT = pb.GenerateRequest(model="m", text="x")
GOOD = b'data: {"choices":[{"index":0,"text":"\xeb\xb0\x94\xeb\x8b\xa4 \xf0\x9f\x8c\x8a"}]}\r\n\r\n: ping\n\ndata: {"choices":[{"index":0,"text":"!","finish_reason":"stop"}]}\n\ndata: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\ndata: [DONE]\n\n'


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    async with fake_engine() as engine:
        yield engine


@pytest.fixture
async def adapter(engine: FakeEngine) -> AsyncIterator[OpenAIAdapter]:
    async with make(base_url=engine.base_url, idle_seconds=0.3) as adapter:
        yield adapter


def make(**options: Any) -> OpenAIAdapter:
    return OpenAIAdapter(Options(**options), Place("fake", Path("/nowhere")))


async def answer(adapter: OpenAIAdapter, request: pb.GenerateRequest = TEXT) -> pb.GenerateResponse:
    async with aclosing(adapter.generate(request, CALL)) as events:
        return await fold(events, 1)


async def fails(adapter: OpenAIAdapter) -> MeshError:
    with pytest.raises(MeshError) as raised:
        await answer(adapter)
    return raised.value


async def test_an_answer_with_its_request_id_and_engine_name(adapter: OpenAIAdapter, engine: FakeEngine) -> None:
    whole = await answer(adapter)
    assert (whole.choices[0].text, whole.usage.completion_tokens) == ("The sea is blue.", 5)
    assert (engine.requests[0]["model"], engine.headers[0]["x-request-id"]) == ("fake", "r-1")


async def test_the_engine_is_told_who_goes_first_where_the_operator_says_so(engine: FakeEngine) -> None:
    for told in (False, True):
        async with make(base_url=engine.base_url, priority=told) as adapter:
            await answer(adapter)
            await adapter.answer(TEXT, CALL)
            assert (await adapter.status()).lower_first is told
    assert [body.get("priority") for body in engine.requests] == [None, None, 2, 2]


async def test_the_engines_key_comes_from_the_environment(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="ENGINE_KEY is not set"):
        make(base_url=engine.base_url, key_env="ENGINE_KEY")
    monkeypatch.setenv("ENGINE_KEY", "sesame")
    async with make(base_url=engine.base_url, key_env="ENGINE_KEY") as keyed:
        await answer(keyed)
    assert engine.headers[0]["Authorization"] == "Bearer sesame"


async def test_embeddings_and_rankings_come_in_order(adapter: OpenAIAdapter) -> None:
    vectors = await adapter.embed(pb.EmbedRequest(inputs=[pb.EmbedInput(text="a"), pb.EmbedInput(text="bb")]), CALL)
    assert [list(one.values) for one in vectors.embeddings] == [[1], [2]]
    ranking = await adapter.rerank(pb.RerankRequest(query="q", documents=["a", "ccc", "bb"]), CALL)
    assert [one.index for one in ranking.results] == [1, 2, 0]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, Reason.INVALID_REQUEST), (401, Reason.ENGINE_ERROR), (403, Reason.ENGINE_ERROR), (404, Reason.MODEL_NOT_FOUND),
        (418, Reason.ENGINE_ERROR), (422, Reason.INVALID_REQUEST), (429, Reason.BACKEND_FULL), (500, Reason.ENGINE_ERROR),
        (502, Reason.ENGINE_ERROR), (503, Reason.BACKEND_FULL), (301, Reason.ENGINE_ERROR),
    ],
)  # fmt: skip
async def test_a_refusal_is_ours_in_meaning_and_words(
    adapter: OpenAIAdapter, engine: FakeEngine, status: int, reason: Reason
) -> None:
    engine.refusal = (status, b'{"error": {"message": "kernel 0xdead at 10.1.2.3"}}')
    error = await fails(adapter)
    assert error.reason is reason
    assert "0xdead" not in str(error)
    assert "127.0.0.1" not in str(error)


@pytest.mark.parametrize(
    ("usage", "tokens"), [("null", 0), ('{"total_tokens": 7}', 7), ('{"prompt_tokens": 5, "total_tokens": 7}', 5)]
)
async def test_tokens_of_vectors_are_told_as_far_as_the_engine_tells_them(
    adapter: OpenAIAdapter, engine: FakeEngine, usage: str, tokens: int
) -> None:
    engine.refusal = (200, b'{"data": [{"index": 0, "embedding": [1.5]}], "usage": %s}' % usage.encode())
    answer = await adapter.embed(pb.EmbedRequest(inputs=[pb.EmbedInput(text="a")]), CALL)
    assert (list(answer.embeddings[0].values), answer.usage.prompt_tokens) == ([1.5], tokens)


@pytest.mark.parametrize(
    "vectors",
    [b"[1e39], [1]", b"[-1e39], [1]", b"[], []", b"[1], [1, 2]"],
)
async def test_vectors_that_are_none_are_the_engines_fault(adapter: OpenAIAdapter, engine: FakeEngine, vectors: bytes) -> None:
    first, second = vectors.split(b", [")
    engine.refusal = (200, b'{"data": [{"index": 0, "embedding": %s}, {"index": 1, "embedding": [%s}]}' % (first, second))
    with pytest.raises(MeshError) as raised:
        await adapter.embed(pb.EmbedRequest(inputs=[pb.EmbedInput(text="a")] * 2), CALL)
    assert raised.value.reason is Reason.ENGINE_PROTOCOL


@pytest.mark.parametrize("scores", [((0, "1"), (0, "2")), ((0, "1e39"), (1, "1")), ((2, "1"),)])
async def test_a_ranking_that_is_none_is_the_engines_fault(
    adapter: OpenAIAdapter, engine: FakeEngine, scores: tuple[tuple[int, str], ...]
) -> None:
    results = ", ".join(f'{{"index": {index}, "relevance_score": {score}}}' for index, score in scores)
    engine.refusal = (200, f'{{"results": [{results}]}}'.encode())
    with pytest.raises(MeshError) as raised:
        await adapter.rerank(pb.RerankRequest(query="q", documents=["a", "b"]), CALL)
    assert raised.value.reason is Reason.ENGINE_PROTOCOL


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"code": "context_length_exceeded", "message": "x"}}',
        b'{"error": {"code": 400, "type": "exceed_context_size_error", "message": "x"}}',
        b'{"error": {"message": "This model\'s maximum context length is 10 tokens"}}',
    ],
)
async def test_too_long_an_input_is_told_apart(adapter: OpenAIAdapter, engine: FakeEngine, body: bytes) -> None:
    engine.refusal = (400, body)
    assert (await fails(adapter)).reason is Reason.CONTEXT_LENGTH_EXCEEDED


async def test_an_engine_that_dies_in_mid_stream_is_lost(adapter: OpenAIAdapter, engine: FakeEngine) -> None:
    engine.die_after = 2
    assert (await fails(adapter)).reason is Reason.ENGINE_UNAVAILABLE


@pytest.mark.parametrize("hang_after", [0, 2])
async def test_an_engine_that_falls_silent_ends_at_its_idle_time(
    adapter: OpenAIAdapter, engine: FakeEngine, hang_after: int
) -> None:
    engine.hang_after = hang_after
    async with asyncio.timeout(10):
        assert (await fails(adapter)).reason is Reason.ENGINE_UNAVAILABLE


async def test_an_engine_that_is_not_there_is_unreachable() -> None:
    async with make(base_url="http://127.0.0.1:1/v1") as adapter:
        assert (await fails(adapter)).reason is Reason.ENGINE_UNAVAILABLE
        with pytest.raises(MeshError):
            await adapter.status()


@pytest.mark.parametrize(
    "raw",
    [
        [b"data: {}\n\n"],
        [b"<html>nope</html>"],
        [b"data: [DONE]\n\n"],
        [b"data: rubbish\n\ndata: [DONE]\n\n"],
        [GOOD.replace(b"data: [DONE]\n\n", b"")],
        [GOOD[:40]],
        [b"data: " + b"x" * 65536] * 80,
    ],
    ids=["empty object", "html", "only done", "rubbish", "no done", "cut", "a line without an end"],
)
async def test_a_stream_that_is_none_is_one_clean_error(adapter: OpenAIAdapter, engine: FakeEngine, raw: list[bytes]) -> None:
    engine.raw = raw
    async with asyncio.timeout(10):
        assert (await fails(adapter)).reason in {Reason.ENGINE_PROTOCOL, Reason.ENGINE_UNAVAILABLE}


async def test_leaving_a_stream_is_seen_by_the_engine(adapter: OpenAIAdapter, engine: FakeEngine) -> None:
    engine.endless, engine.delay = True, 0.01
    async with aclosing(adapter.generate(TEXT, CALL)) as events:
        async for _ in events:
            break
    async with asyncio.timeout(0.25):
        await engine.left.wait()


@given(st.lists(st.integers(1, len(GOOD) - 1), max_size=8))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_stream_means_the_same_however_it_is_cut(cuts: list[int]) -> None:
    async def play() -> pb.GenerateResponse:
        async with fake_engine() as engine, make(base_url=engine.base_url) as adapter:
            places = sorted({0, *cuts, len(GOOD)})
            engine.raw = [GOOD[first:last] for first, last in pairwise(places)]
            return await answer(adapter)

    whole = asyncio.run(play())
    assert (whole.choices[0].text, whole.usage.completion_tokens) == ("바다 🌊!", 2)
