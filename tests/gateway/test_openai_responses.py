"""Answers in OpenAI's shapes, as its own SDK reads them."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion, CreateEmbeddingResponse
from openai.types import Model as SdkModel
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import chat_pb2, sampling_pb2, usage_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.model.v1 import model_service_pb2 as model_pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.openai import errors, responses
from thinmesh_gateway.openai.frames import ChatFrames, TextFrames
from thinmesh_gateway.openai.routes import NUMBERS_AT_ONCE, _encoded

HEAD = responses.Head("id-1", 7, "m")
USAGE = usage_pb2.Usage(prompt_tokens=3, completion_tokens=4, cached_prompt_tokens=2, reasoning_tokens=1)
LOGPROB = sampling_pb2.TokenLogprob(
    chosen=sampling_pb2.Logprob(token="a", logprob=-0.5, token_bytes=b"a"),
    top=[sampling_pb2.Logprob(token="b", logprob=-1, token_bytes=b"b")],
)
CALL = chat_pb2.ToolCall(id="c", name="f", arguments_json='{"x": 1}')
ANSWER = pb.GenerateResponse(
    choices=[
        pb.Choice(index=0, text="a", reasoning="hm", logprobs=[LOGPROB], finish_reason=pb.FINISH_REASON_STOP),
        pb.Choice(index=1, tool_calls=[CALL], finish_reason=pb.FINISH_REASON_TOOL_CALLS),
    ],
    usage=USAGE,
)


def plain(body: msgspec.Struct) -> Any:
    return json.loads(msgspec.json.encode(body))


def framed(frames: bytes) -> list[Any]:
    """The bodies of the events."""
    parts = frames.decode().split("\n\n")
    assert parts.pop() == ""
    return [json.loads(part.removeprefix("data: ")) for part in parts]


def test_a_whole_chat_answer_is_the_sdks() -> None:
    body = plain(responses.chat(HEAD, ANSWER))
    parsed = ChatCompletion.model_validate(body, strict=True)
    assert (parsed.id, parsed.created, parsed.model, parsed.object) == ("id-1", 7, "m", "chat.completion")
    first, second = parsed.choices
    assert (first.message.content, first.finish_reason) == ("a", "stop")
    assert body["choices"][0]["message"]["reasoning_content"] == "hm"
    assert first.logprobs is not None
    assert first.logprobs.content is not None
    assert (first.logprobs.content[0].token, first.logprobs.content[0].top_logprobs[0].bytes) == ("a", [98])
    assert (second.message.content, second.finish_reason) == (None, "tool_calls")
    assert second.message.tool_calls is not None
    assert second.message.tool_calls[0].model_dump()["function"] == {"name": "f", "arguments": '{"x": 1}'}
    assert parsed.usage is not None
    assert parsed.usage.total_tokens == 7
    assert parsed.usage.prompt_tokens_details is not None
    assert parsed.usage.prompt_tokens_details.cached_tokens == 2


def test_chunks_are_the_sdks_and_spell_a_tool_call() -> None:
    event = pb.GenerateEvent(
        deltas=[
            pb.Delta(tool_calls=[pb.ToolCallDelta(index=0, id="c", name="f")]),
            pb.Delta(tool_calls=[pb.ToolCallDelta(index=0, arguments_json='{"x":')]),
            pb.Delta(tool_calls=[pb.ToolCallDelta(index=0, arguments_json="1}")]),
        ],
        finishes=[pb.Finish(reason=pb.FINISH_REASON_TOOL_CALLS)],
    )
    chunks = framed(ChatFrames(HEAD, 1, with_usage=False).event(event))[1:]
    parsed = [ChatCompletionChunk.model_validate(chunk, strict=True) for chunk in chunks]
    calls = [call for chunk in parsed for call in chunk.choices[0].delta.tool_calls or ()]
    assert [call.id for call in calls] == ["c", None, None]
    assert "".join((call.function and call.function.arguments) or "" for call in calls) == '{"x":1}'
    assert parsed[-1].choices[0].finish_reason == "tool_calls"
    assert all("usage" not in chunk for chunk in chunks)


PIECES = st.lists(st.tuples(st.integers(0, 2), st.text(max_size=8)), max_size=12)


@given(PIECES, st.booleans())
def test_a_streams_chunks_spell_the_whole_answer(pieces: list[tuple[int, str]], with_usage: bool) -> None:
    event = pb.GenerateEvent(deltas=[pb.Delta(index=index, text=text) for index, text in pieces])
    said: dict[str, dict[int, str]] = {"chat": {}, "text": {}}
    for body in framed(ChatFrames(HEAD, 3, with_usage=with_usage).event(event))[1:]:
        assert ("usage" in body) == with_usage
        choice = body["choices"][0]
        said["chat"][choice["index"]] = said["chat"].get(choice["index"], "") + choice["delta"].get("content", "")
    for body in framed(TextFrames(HEAD, with_usage=with_usage).event(event)):
        choice = body["choices"][0]
        said["text"][choice["index"]] = said["text"].get(choice["index"], "") + choice["text"]
    expected = {index: "".join(text for at, text in pieces if at == index) for index, _ in pieces}
    assert said == {"chat": expected, "text": expected}


@given(st.text(min_size=1), st.text(max_size=20))
def test_a_frame_made_of_a_template_is_the_one_that_is_encoded(text: str, model: str) -> None:
    head = responses.Head("id", 7, model)
    for frames in (ChatFrames(head, 1, with_usage=True), TextFrames(head, with_usage=True)):
        delta = pb.Delta(index=2, text=text)
        assert framed(frames.event(pb.GenerateEvent(deltas=[delta])))[-1] == plain(frames.piece(delta))


def test_text_answers_number_their_choices_through_and_add_up() -> None:
    answer = pb.GenerateResponse(
        choices=[pb.Choice(text="ab", logprobs=[LOGPROB, LOGPROB], finish_reason=pb.FINISH_REASON_LENGTH)], usage=USAGE
    )
    parsed = Completion.model_validate(plain(responses.text(HEAD, [answer, answer])), strict=True)
    assert [(choice.index, choice.text, choice.finish_reason) for choice in parsed.choices] == [
        (0, "ab", "length"),
        (1, "ab", "length"),
    ]
    assert parsed.choices[0].logprobs is not None
    assert (parsed.choices[0].logprobs.text_offset, parsed.choices[0].logprobs.tokens) == ([0, 1], ["a", "a"])
    assert parsed.usage is not None
    assert (parsed.usage.prompt_tokens, parsed.usage.completion_tokens) == (6, 8)


def test_text_answers_add_up_what_was_cached_and_reasoned() -> None:
    used = usage_pb2.Usage(prompt_tokens=3, completion_tokens=4, cached_prompt_tokens=2, reasoning_tokens=1)
    answer = pb.GenerateResponse(choices=[pb.Choice(text="a", finish_reason=pb.FINISH_REASON_STOP)], usage=used)
    told = plain(responses.text(HEAD, [answer, answer]))["usage"]
    assert told["prompt_tokens_details"] == {"cached_tokens": 4}
    assert told["completion_tokens_details"] == {"reasoning_tokens": 2}


def test_text_offsets_go_on_over_chunks() -> None:
    event = pb.GenerateEvent(deltas=[pb.Delta(text="a", logprobs=[LOGPROB]), pb.Delta(text="a", logprobs=[LOGPROB])])
    plain_one = pb.GenerateEvent(deltas=[pb.Delta(text="four")])
    frames = TextFrames(HEAD, with_usage=False)
    chunks = framed(frames.event(event) + frames.event(plain_one) + frames.event(event))
    offsets = [(chunk["choices"][0]["logprobs"] or {}).get("text_offset") for chunk in chunks]
    assert offsets == [[0], [1], None, [6], [7]]


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=16))
def test_vectors_are_equal_in_both_encodings(values: list[float]) -> None:
    answer = pb.EmbedResponse(embeddings=[pb.Embedding(values=values)], usage=usage_pb2.Usage(prompt_tokens=2))
    numbers = CreateEmbeddingResponse.model_validate(
        plain(responses.embeddings("m", [responses.embedding(0, values, encode=False)], answer))
    )
    encoded = plain(responses.embedding(0, values, encode=True))["embedding"]
    decoded = list(struct.unpack(f"<{len(values)}f", base64.b64decode(encoded)))
    assert numbers.data[0].embedding == decoded == values


@pytest.mark.parametrize("encode", [True, False])
async def test_of_many_vectors_all_else_has_its_turn_between_some(encode: bool) -> None:
    answer = pb.EmbedResponse(embeddings=[pb.Embedding(values=[0.5] * 1000)] * 100)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    vectors = await _encoded(answer, encode=encode)
    counting.cancel()
    assert turns >= 100 * 1000 // NUMBERS_AT_ONCE
    whole = [responses.embedding(index, one.values, encode=encode) for index, one in enumerate(answer.embeddings)]
    assert plain(responses.embeddings("m", vectors, answer)) == plain(responses.embeddings("m", whole, answer))


def test_a_ranking_has_texts_only_where_asked() -> None:
    answer = pb.RerankResponse(results=[pb.RankedDocument(index=1, score=0.5)], usage=USAGE)
    assert plain(responses.ranking(HEAD, answer, None))["results"] == [{"index": 1, "relevance_score": 0.5}]
    assert plain(responses.ranking(HEAD, answer, ["a", "b"]))["results"][0]["document"] == {"text": "b"}


def test_a_model_is_the_sdks() -> None:
    found = model_pb.Model(id="m", owned_by="us", created_unix_seconds=5, capabilities=[cap.CAPABILITY_CHAT], ready=True)
    body = plain(responses.model(found))
    assert SdkModel.model_validate(body).id == "m"
    assert (body["capabilities"], body["context_length"]) == (["chat"], None)


@pytest.mark.parametrize("reason", Reason)
def test_an_error_has_all_four_keys_and_says_whether_to_retry(reason: Reason) -> None:
    error = MeshError(reason, "why", retry_after=0.25)
    assert json.loads(errors.body(error))["error"].keys() == {"message", "type", "param", "code"}
    told = errors.headers(error)
    assert told == {"x-should-retry": str(error.row.retryable).lower(), "retry-after": "1", "retry-after-ms": "250"}
