"""The openai Python SDK, unchanged, against SmolLM2 that a real vLLM serves behind the mesh."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import jsonschema_rs
import openai
import pytest
import pytest_asyncio
from engines.vllm_engine import Load
from launch import Running

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(60, func_only=True),  # an engine takes its time to start
    pytest.mark.parametrize("model", ["smollm2"], indirect=True, scope="session"),
]

CHAT = "smollm2"
SEA: Any = [{"role": "user", "content": "Write two sentences about the sea."}]
SEOUL: Any = [{"role": "user", "content": "What is the weather in Seoul in celsius?"}]
ENDLESS: Any = {"model": CHAT, "messages": SEA, "max_tokens": 4000, "stream": True, "extra_body": {"ignore_eos": True}}
STREAMS = 20
LEAVING_SECONDS = 0.25
"""What the mesh promises, from the client's leaving to the engine's last step."""
PLACE = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
    "required": ["city", "unit"],
    "additionalProperties": False,
}
TIME = {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"], "additionalProperties": False}


def tool(name: str, description: str, parameters: object) -> Any:
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


TOOLS = [tool("weather", "The weather of a city.", PLACE), tool("time", "The time in a zone.", TIME)]
SCHEMAS = {"weather": PLACE, "time": TIME}
WEATHER: Any = {"type": "function", "function": {"name": "weather"}}


@pytest_asyncio.fixture(loop_scope="session")
async def sdk(running: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{running.http}/v1", api_key=running.key, max_retries=0) as client:
        yield client


async def test_chat_gives_the_models_sense(sdk: openai.AsyncOpenAI) -> None:
    question: Any = [{"role": "user", "content": "What is the capital of France?"}]
    answer = await sdk.chat.completions.create(model=CHAT, messages=question, max_tokens=60, temperature=0)
    assert "Paris" in (answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == CHAT
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 10
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


async def test_a_stream_with_usage_is_the_whole_answer(sdk: openai.AsyncOpenAI) -> None:
    greedy: Any = {"model": CHAT, "messages": SEA, "max_tokens": 30, "temperature": 0}
    whole = await sdk.chat.completions.create(**greedy)
    stream = await sdk.chat.completions.create(**greedy, stream=True, stream_options={"include_usage": True})
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == whole.choices[0].message.content
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason == "length"
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens == 30


async def test_choices_logprobs_seed_and_stops(sdk: openai.AsyncOpenAI) -> None:
    several: Any = {"model": CHAT, "messages": SEA, "max_tokens": 6, "n": 2, "seed": 7, "logprobs": True, "top_logprobs": 3}
    answer = await sdk.chat.completions.create(**several)
    assert [choice.index for choice in answer.choices] == [0, 1]
    for choice in answer.choices:
        assert choice.logprobs is not None
        assert choice.logprobs.content is not None
        assert "".join(one.token for one in choice.logprobs.content) == choice.message.content
        for one in choice.logprobs.content:
            best = [top.logprob for top in one.top_logprobs]
            assert len(best) == 3
            assert best == sorted(best, reverse=True)
            assert one.logprob <= best[0] <= 0
    again = await sdk.chat.completions.create(**several)
    assert [one.message.content for one in again.choices] == [one.message.content for one in answer.choices]
    text = answer.choices[0].message.content or ""
    stopped = await sdk.chat.completions.create(**several | {"n": 1, "stop": [text[4:8]]})
    assert (stopped.choices[0].message.content, stopped.choices[0].finish_reason) == (text[:4], "stop")


async def test_an_answer_keeps_to_a_json_schema(sdk: openai.AsyncOpenAI) -> None:
    question: Any = [{"role": "user", "content": "Give the capital of France and a temperature unit as JSON."}]
    kept: Any = {"type": "json_schema", "json_schema": {"name": "place", "schema": PLACE, "strict": True}}
    answer = await sdk.chat.completions.create(
        model=CHAT, messages=question, max_tokens=120, temperature=0, response_format=kept
    )
    jsonschema_rs.validate(PLACE, json.loads(answer.choices[0].message.content or ""))
    assert answer.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("choice", [WEATHER, "required"], ids=["named", "required"])
async def test_a_forced_call_has_arguments_by_the_tools_schema(sdk: openai.AsyncOpenAI, choice: Any) -> None:
    forced: Any = {"model": CHAT, "messages": SEOUL, "tools": TOOLS, "tool_choice": choice, "max_tokens": 120, "temperature": 0}
    answer = await sdk.chat.completions.create(**forced)
    calls = answer.choices[0].message.tool_calls
    assert calls
    assert answer.choices[0].finish_reason in {"tool_calls", "stop"}  # OpenAI ends a named call with "stop"
    assert not answer.choices[0].message.content
    for call in calls:
        jsonschema_rs.validate(SCHEMAS[call.function.name], json.loads(call.function.arguments))
    if choice == WEATHER:
        assert [call.function.name for call in calls] == ["weather"]


async def test_a_forced_call_streams_as_it_is_written(sdk: openai.AsyncOpenAI) -> None:
    stream = await sdk.chat.completions.create(
        model=CHAT, messages=SEOUL, tools=TOOLS, tool_choice=WEATHER, max_tokens=120, temperature=0, stream=True
    )
    pieces = [piece async for chunk in stream for choice in chunk.choices for piece in choice.delta.tool_calls or []]
    assert [piece.function.name for piece in pieces if piece.function and piece.function.name] == ["weather"]
    assert len({piece.id for piece in pieces if piece.id}) == 1
    arguments = [piece.function.arguments for piece in pieces if piece.function and piece.function.arguments]
    assert len(arguments) > 3
    jsonschema_rs.validate(PLACE, json.loads("".join(arguments)))


async def test_a_conversation_goes_on_after_a_tools_answer(sdk: openai.AsyncOpenAI) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Seoul"}'}}
    said: Any = [
        *SEOUL,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": '{"celsius": 21, "sky": "clear"}'},
    ]
    answer = await sdk.chat.completions.create(model=CHAT, messages=said, tools=TOOLS, max_tokens=40, temperature=0)
    assert answer.choices[0].message.content or answer.choices[0].message.tool_calls


async def test_twenty_streams_run_at_once(sdk: openai.AsyncOpenAI, load: Load) -> None:
    begun = asyncio.Barrier(STREAMS + 1)

    async def stream(number: int) -> tuple[str, str | None]:
        question: Any = [{"role": "user", "content": f"Write a sentence about the number {number}."}]
        chunks = await sdk.chat.completions.create(**ENDLESS | {"messages": question, "max_tokens": 60})
        pieces: list[str] = []
        finish = None
        async for chunk in chunks:
            if not pieces:
                await begun.wait()
            pieces.append(chunk.choices[0].delta.content or "")
            finish = chunk.choices[0].finish_reason
        return "".join(pieces), finish

    async with asyncio.TaskGroup() as group:
        streams = [group.create_task(stream(number)) for number in range(STREAMS)]
        await begun.wait()
        at_once = await load()
    assert at_once == STREAMS
    texts = [task.result() for task in streams]
    assert all(finish == "length" and len(text.split()) > 10 for text, finish in texts)
    assert len(set(texts)) == STREAMS


@pytest.mark.parametrize("streams", [1, STREAMS])
async def test_who_leaves_frees_the_engine_within_a_step(sdk: openai.AsyncOpenAI, load: Load, streams: int) -> None:
    assert await load() == 0
    left = [await sdk.chat.completions.create(**ENDLESS) for _ in range(streams)]
    steps = await asyncio.gather(*(_step_seconds(one) for one in left))
    assert await load() == streams
    leaving = time.monotonic()
    await asyncio.gather(*(one.close() for one in left))
    while await load():
        await asyncio.sleep(0.005)
    took = time.monotonic() - leaving
    print(f"{streams} left: free after {took * 1000:.0f} ms, a step takes {max(steps) * 1000:.0f} ms")
    assert took <= LEAVING_SECONDS + max(steps)


async def test_what_the_engine_refuses_is_said_in_the_meshs_words(sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="context") as raised:
        await sdk.completions.create(model=CHAT, prompt="word " * 9000, max_tokens=5)
    assert raised.value.code == "context_length_exceeded"
    broken: Any = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "nonsense"}}}
    with pytest.raises(openai.BadRequestError) as refused:
        await sdk.chat.completions.create(model=CHAT, messages=SEA, max_tokens=5, response_format=broken)
    assert "Grammar error" not in str(refused.value)  # vLLM's words


async def test_completions_take_texts_and_tokens(sdk: openai.AsyncOpenAI) -> None:
    answer = await sdk.completions.create(model=CHAT, prompt=["One two three", "Red green"], max_tokens=4)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert all(choice.text for choice in answer.choices)
    answer = await sdk.completions.create(model=CHAT, prompt=[28120, 905], max_tokens=4)
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 2


async def _step_seconds(stream: openai.AsyncStream[Any]) -> float:
    """The time between two of a stream's tokens, once it is under way."""
    await anext(stream)
    began = time.monotonic()
    for _ in range(STREAMS):
        await anext(stream)
    return (time.monotonic() - began) / STREAMS
