"""OpenAI's streams as the contract's events, however they are cut, and broken ones as one clean error."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.llamacpp.translate import LlamaAnswer
from thinmesh_adapters.openai.answer import Answer, Chunk
from thinmesh_adapters.openai.whole import whole as whole_answer
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.fold import fold


def chunk(index: int = 0, finish: str | None = None, usage: Any = None, **delta: Any) -> bytes:
    body: dict[str, Any] = {"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}
    return json.dumps(body | ({"usage": usage} if usage else {})).encode()


def used(prompt: int, completion: int) -> bytes:
    return json.dumps({"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}}).encode()


def events(datas: list[bytes], kind: type[Answer] = Answer) -> list[pb.GenerateEvent]:
    answer = kind()
    seen = []
    for data in datas:
        event = pb.GenerateEvent()
        answer.feed(data, event)
        seen.append(event)
    return [*seen, answer.end()]


async def whole(seen: list[pb.GenerateEvent], choices: int = 1) -> pb.GenerateResponse:
    async def stream() -> Any:
        for event in seen:
            yield event

    return await fold(stream(), choices)


async def test_no_reason_yet_may_be_an_empty_one() -> None:
    answer = await whole(events([chunk(content="a", finish=""), chunk(content="b", finish=""), chunk(finish="repetition")]))
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == ("ab", pb.FINISH_REASON_STOP)


async def test_a_good_stream_is_its_answer() -> None:
    datas = [
        chunk(role="assistant", content=None),
        chunk(content="Hel"),
        chunk(content="lo", finish="stop"),
        json.dumps({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1},
                                             "completion_tokens_details": {"reasoning_tokens": 1}}}).encode(),
    ]  # fmt: skip
    answer = await whole(events(datas))
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == ("Hello", pb.FINISH_REASON_STOP)
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_prompt_tokens, usage.reasoning_tokens) == (3, 2, 1, 1)


async def test_reasoning_and_tool_calls_are_put_together() -> None:
    datas = [
        chunk(reasoning_content="let me "),
        chunk(reasoning="see"),
        chunk(tool_calls=[{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]),
        chunk(tool_calls=[{"index": 0, "function": {"arguments": '{"a":'}}]),
        chunk(tool_calls=[{"index": 0, "function": {"arguments": "1}"}}, {"index": 1, "id": "d", "function": {"name": "g"}}]),
        chunk(finish="tool_calls"),
        used(1, 1),
    ]
    choice = (await whole(events(datas))).choices[0]
    assert choice.reasoning == "let me see"
    assert [(call.id, call.name, call.arguments_json) for call in choice.tool_calls] == [("c", "f", '{"a":1}'), ("d", "g", "")]


def call(name: str | None = None, arguments: str = "", **fields: Any) -> dict[str, Any]:
    return {**fields, "function": {"arguments": arguments, **({} if name is None else {"name": name})}}


TWO_CALLS = {
    "whole calls with ids": [[call("f", "{}", id="a")], [call("g", "[]", id="b")]],
    "whole calls at once": [[call("f", "{}", id="a"), call("g", "[]", id="b")]],
    "pieces without ids": [[call("f", "{", id="a")], [call(None, "}")], [call("g", "[", id="b")], [call(None, "]")]],
    "pieces with their ids": [[call("f", "{", id="a"), call("g", "[", id="b")], [call(None, "}", id="a"), call(None, "]", id="b")]],
    "neither ids nor numbers": [[call("f", "{"), call("g", "[")], [call(None, "]")]],
    "numbers without ids": [[call("f", "{", index=0), call("g", "[", index=1)], [call(None, "}", index=0), call(None, "]", index=1)]],
    "no numbers behind numbers": [[call("f", "{}", index=3, id="a")], [call("g", "[", id="b")], [call(None, "]")]],
}  # fmt: skip


@pytest.mark.parametrize("name", TWO_CALLS)
async def test_calls_are_told_apart_and_have_ids_whatever_the_engine_tells_them_apart_by(name: str) -> None:
    seen = events([*(chunk(tool_calls=one) for one in TWO_CALLS[name]), chunk(finish="tool_calls"), used(1, 1)])
    calls = (await whole(seen)).choices[0].tool_calls
    assert [(one.name, one.arguments_json[-1:]) for one in calls] == [
        ("f", "{" if name == "neither ids nor numbers" else "}"),
        ("g", "]"),
    ]
    given = [one["id"] for pieces in TWO_CALLS[name] for one in pieces if "id" in one]
    assert len({one.id for one in calls}) == 2
    assert all(one.id in given or (not given and one.id.startswith("call_")) for one in calls)


async def test_the_calls_of_choices_are_told_apart_too() -> None:
    datas = [chunk(index, tool_calls=[call("f", "{}", id=f"a{index}")]) for index in (0, 1)]
    seen = events([*datas, chunk(0, "tool_calls"), chunk(1, "tool_calls"), used(1, 1)])
    assert [[one.id for one in choice.tool_calls] for choice in (await whole(seen, 2)).choices] == [["a0"], ["a1"]]


def test_a_call_of_a_whole_answer_has_an_id() -> None:
    message = {"tool_calls": [call("f", "{}"), call("g", "{}", id="b")]}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    first, second = whole_answer(msgspec.convert(body, Chunk), 1).choices[0].tool_calls
    assert first.id.startswith("call_")
    assert second.id == "b"


def test_logprobs_of_both_apis_become_one_form() -> None:
    chat = {
        "content": [
            {"token": "é", "logprob": -0.5, "bytes": [195, 169], "top_logprobs": [{"token": "x", "logprob": -2, "bytes": None}]}
        ]
    }
    text = {"tokens": ["é"], "token_logprobs": [-0.5], "top_logprobs": [{"x": -2}]}
    seen = []
    for logprobs in (chat, text):
        body = {"choices": [{"index": 0, "text": "é", "logprobs": logprobs, "finish_reason": "length"}]}
        seen.append(events([json.dumps(body).encode()])[0].deltas[0].logprobs[0])
    assert seen[0] == seen[1]
    assert (seen[0].chosen.token_bytes, seen[0].top[0].token) == ("é".encode(), "x")


def test_without_usage_pieces_are_counted() -> None:
    assert events([chunk(content="a"), chunk(content="b", finish="stop")])[-1].usage.completion_tokens == 2


def test_a_sum_of_usages_stays_within_the_contract() -> None:
    most = (1 << 32) - 1
    assert events([used(5, most), used(5, most)], LlamaAnswer)[-1].usage.completion_tokens == most


def test_llama_cpps_usage_is_summed_over_choices() -> None:
    datas = [chunk(0, "stop", content="a"), used(5, 3), chunk(1, "stop", content="b"), used(5, 4)]
    usage = events(datas, LlamaAnswer)[-1].usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (5, 7)


BROKEN = {
    "garbage": [b"hello"],
    "half a chunk": [b'{"choices": [{"index"'],
    "invalid UTF-8": [b'{"choices": [{"index": 0, "delta": {"content": "\xff"}}]}'],
    "nested without end": [b'{"choices": ' + b"[" * 100_000],
    "a wrong type": [b'{"choices": [{"index": 0, "delta": {"content": 5}}]}'],
    "no finish": [chunk(content="a")],
    "nothing at all": [],
    "two finishes": [chunk(finish="stop"), chunk(finish="stop")],
    "text after the finish": [chunk(finish="stop"), chunk(content="more")],
    "a choice not asked for": [chunk(index=1, content="a")],
    "a negative choice": [chunk(index=-1, content="a")],
    "a finish for no known reason": [chunk(finish="because")],
    "one of two choices unfinished": [chunk(content="a", finish="stop")],
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_stream_is_the_engines_fault(name: str) -> None:
    with pytest.raises(MeshError) as raised:
        await whole(events(BROKEN[name]), 2 if "two choices" in name else 1)
    assert raised.value.reason is Reason.ENGINE_PROTOCOL


def test_an_error_in_the_stream_keeps_its_words_inside() -> None:
    with pytest.raises(MeshError) as raised:
        events([b'{"error": {"message": "CUDA at 10.0.0.7"}}'])
    assert raised.value.reason is Reason.ENGINE_ERROR
    assert "CUDA" not in raised.value.message


@given(st.lists(st.tuples(st.integers(0, 2), st.text(max_size=6)), max_size=20))
async def test_any_interleaving_of_choices_folds_to_their_texts(pieces: list[tuple[int, str]]) -> None:
    datas = [chunk(index, content=text) for index, text in pieces] + [chunk(index, "stop") for index in range(3)]
    answer = await whole(events([*datas, used(1, 1)]), 3)
    assert [choice.text for choice in answer.choices] == [
        "".join(text for at, text in pieces if at == index) for index in range(3)
    ]
