"""The openai Python SDK, unchanged: responses on an embedded mesh, kept by a real worker, in the background on a real Temporal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio
from canaries import PERSONAL, PHRASE, PROMPT
from folders import files
from launch import ECHO, SMOLLM2, Running, flags, mesh, output
from openai.types.responses import Response

from fakes.openai_engine import fake_engine

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONFIG = """
tenants: {dev: {}, other: {}}
backends:
  echo: {adapter: echo}
  slow: {adapter: echo, options: {model: slow, delay_ms: 100}}
  long: {adapter: echo, options: {model: long, delay_ms: 1000}}
models: {echo: {backends: [echo]}, slow: {backends: [slow]}, long: {backends: [long]}}
jobs: {}
"""
FAKE = """
tenants: {dev: {}}
backends:
  fake:
    adapter: openai
    options: {base_url: "URL", capabilities: [chat, completion, tools]}
models: {fake: {backends: [fake]}}
jobs: {}
"""
LONG = "one two three four five six seven eight nine ten " * 10


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with mesh(CONFIG, tmp_path_factory.mktemp("s"), "up") as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def sdk(running: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    async with of(running) as client:
        yield client


def of(running: Running) -> openai.AsyncOpenAI:
    """The SDK of a mesh."""
    return openai.AsyncOpenAI(base_url=f"{running.http}/v1", api_key=running.key, max_retries=0)


async def ended(sdk: openai.AsyncOpenAI, response: Response) -> Response:
    async with asyncio.timeout(30):
        while response.status in {"queued", "in_progress"}:
            await asyncio.sleep(0.1)
            response = await sdk.responses.retrieve(response.id)
    return response


async def test_a_response_is_made_kept_read_and_removed(running: Running, sdk: openai.AsyncOpenAI) -> None:
    made = await sdk.responses.create(model="echo", input=PROMPT, instructions="Be kind.", metadata={"for": "me"})
    assert (made.status, made.output_text, made.metadata) == ("completed", PROMPT, {"for": "me"})
    assert made.usage is not None
    assert made.usage.total_tokens == made.usage.input_tokens + made.usage.output_tokens
    assert await sdk.responses.retrieve(made.id) == made
    items = await sdk.responses.input_items.list(made.id)
    (item,) = items.data
    assert item.type == "message"
    assert item.to_dict()["content"] == [{"type": "input_text", "text": PROMPT}]
    kept = files(running.state / "objects" / "responses")
    assert kept
    assert not any(PHRASE.encode() in path.read_bytes() for path in kept)
    await sdk.responses.delete(made.id)
    for gone in (sdk.responses.retrieve(made.id), sdk.responses.delete(made.id), sdk.responses.input_items.list(made.id)):
        with pytest.raises(openai.NotFoundError):
            await gone


async def test_the_typed_stream_spells_the_response_that_is_kept(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.responses.stream(model="echo", input=PROMPT) as stream:
        events = [event async for event in stream]
        final = await stream.get_final_response()
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert set(kinds[4:-4]) == {"response.output_text.delta"}
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == PROMPT
    assert final.output_text == PROMPT
    assert (await sdk.responses.retrieve(final.id)).output_text == PROMPT


async def test_a_response_goes_on_from_the_one_before_without_its_instructions(sdk: openai.AsyncOpenAI) -> None:
    first = await sdk.responses.create(model="echo", input=f"{PHRASE} a b", instructions="one two three four five six seven")
    second = await sdk.responses.create(model="echo", input="c d", previous_response_id=first.id)
    assert second.usage is not None
    assert second.usage.input_tokens == 3 + 3 + 2  # what was asked, answered and is asked now; no instructions
    await sdk.responses.delete(first.id)
    third = await sdk.responses.create(model="echo", input="e", previous_response_id=second.id, stream=True)
    last = [event async for event in third][-1]
    assert last.type == "response.completed"
    assert last.response.usage is not None
    assert last.response.usage.input_tokens == 8 + 2 + 1
    assert await sdk.responses.retrieve(last.response.id) == last.response
    with pytest.raises(openai.NotFoundError) as missing:
        await sdk.responses.create(model="echo", input="f", previous_response_id=first.id)
    assert missing.value.param == "previous_response_id"


async def test_what_is_not_to_be_kept_is_not(sdk: openai.AsyncOpenAI) -> None:
    made = await sdk.responses.create(model="echo", input="a", store=False)
    assert made.to_dict()["store"] is False
    with pytest.raises(openai.NotFoundError):
        await sdk.responses.retrieve(made.id)


async def test_a_response_in_the_background_is_asked_for_until_it_ends(sdk: openai.AsyncOpenAI) -> None:
    made = await sdk.responses.create(model="slow", input=f"{PHRASE} one two three", background=True)
    assert made.status in {"queued", "in_progress"}
    assert made.background
    done = await ended(sdk, made)
    assert (done.id, done.status, done.output_text) == (made.id, "completed", f"{PHRASE} one two three")
    assert await sdk.responses.retrieve(made.id) == done
    after = await sdk.responses.create(model="echo", input="a", previous_response_id=made.id)
    assert after.usage is not None
    assert after.usage.input_tokens == 4 + 4 + 1


async def test_a_response_in_the_background_is_cancelled_while_it_is_made(sdk: openai.AsyncOpenAI) -> None:
    made = await sdk.responses.create(model="long", input=LONG, background=True)
    async with asyncio.timeout(20):
        while (await sdk.responses.retrieve(made.id)).status != "in_progress":
            await asyncio.sleep(0.05)
    began = asyncio.get_running_loop().time()
    assert (await ended(sdk, await sdk.responses.cancel(made.id))).status == "cancelled"
    assert asyncio.get_running_loop().time() - began < 20  # by itself it takes 100 s
    assert (await sdk.responses.retrieve(made.id)).status == "cancelled"
    assert (await sdk.responses.cancel(made.id)).status == "cancelled"
    with pytest.raises(openai.BadRequestError) as refused:
        await sdk.responses.create(model="echo", input="a", previous_response_id=made.id)
    assert refused.value.param == "previous_response_id"
    other = await sdk.responses.create(model="echo", input="a")
    with pytest.raises(openai.BadRequestError, match="background"):
        await sdk.responses.cancel(other.id)


async def test_one_in_the_background_that_is_removed_ends_too(sdk: openai.AsyncOpenAI) -> None:
    made = await sdk.responses.create(model="long", input=LONG, background=True)
    await sdk.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        await sdk.responses.retrieve(made.id)


async def test_a_key_makes_one_response_of_many(sdk: openai.AsyncOpenAI) -> None:
    for background in (False, True):
        made = [
            await sdk.responses.create(
                model="echo", input="a", background=background, extra_headers={"idempotency-key": f"key-{background}"}
            )
            for _ in range(2)
        ]
        assert made[0].id == made[1].id


async def test_responses_are_their_tenants_alone(running: Running, sdk: openai.AsyncOpenAI) -> None:
    made = await sdk.responses.create(model="echo", input="a")
    behind = await sdk.responses.create(model="echo", input="a", background=True)
    code, key, error = await output(
        "key", "create", "--tenant", "other", *flags(running.state / "thinmesh.yaml", running.state)
    )
    assert code == 0, error
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(
            openai.AsyncOpenAI(base_url=f"{running.http}/v1", api_key=key.strip(), max_retries=0)
        )
        async with asyncio.timeout(10):
            while True:  # until the gateway knows the key
                try:
                    await other.models.list()
                    break
                except openai.AuthenticationError:
                    await asyncio.sleep(0.05)
        for one in (made.id, behind.id):
            for asked in (
                other.responses.retrieve(one),
                other.responses.input_items.list(one),
                other.responses.delete(one),
                other.responses.cancel(one),
                other.responses.create(model="echo", input="b", previous_response_id=one),
            ):
                with pytest.raises(openai.NotFoundError):
                    await asked


async def test_what_the_mesh_refuses_is_named(sdk: openai.AsyncOpenAI) -> None:
    for param, fields in {
        "temperature": {"temperature": 9.0},
        "truncation": {"truncation": "auto"},
        "reasoning.effort": {"reasoning": {"effort": "low"}},
        "conversation": {"conversation": "conv_1"},
        "include": {"include": ["file_search_call.results"]},
        "tools[0].type": {"tools": [{"type": "web_search"}]},
        "stream": {"background": True, "stream": True},
    }.items():
        with pytest.raises(openai.BadRequestError) as refused:
            await sdk.responses.create(model="echo", input="a", extra_body=fields)
        assert refused.value.param == param
    with pytest.raises(openai.NotFoundError):
        await sdk.responses.create(model="nope", input="a")


async def test_a_mesh_without_jobs_keeps_nothing_and_says_so(state: Path) -> None:
    async with (
        mesh(ECHO, state, "up") as running,
        of(running) as sdk,
    ):
        made = await sdk.responses.create(model="echo", input="a")
        assert (made.output_text, made.to_dict()["store"]) == ("a", False)
        for param, fields in {
            "store": {"store": True},
            "background": {"background": True},
            "previous_response_id": {"previous_response_id": made.id},
        }.items():
            with pytest.raises(openai.BadRequestError, match=r"jobs: \{\}") as refused:
                await sdk.responses.create(model="echo", input="a", extra_body=fields)
            assert refused.value.param == param
        with pytest.raises(openai.NotFoundError, match=r"jobs: \{\}"):
            await sdk.responses.retrieve(made.id)


TOOL: Any = {"type": "function", "name": "depth", "parameters": {"type": "object", "properties": {}}, "strict": False}


def chunk(finish: str | None = None, **delta: Any) -> bytes:
    """A piece of an OpenAI-compatible engine's stream."""
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode() + b"\n\n"


CALLED = json.dumps(
    {
        "choices": [
            {
                "index": 0,
                "message": {
                    "reasoning_content": "Which sea?",
                    "content": "Let me see.",
                    "tool_calls": [
                        {"id": "call_1", "type": "function", "function": {"name": "depth", "arguments": "{}"}},
                    ],
                },
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {"prompt_tokens": 5, "completion_tokens": 7},
    }
).encode()
CALLING = [
    chunk(reasoning_content="Which sea?"),
    chunk(content="Let me see."),
    chunk(tool_calls=[{"index": 0, "id": "call_1", "type": "function", "function": {"name": "depth", "arguments": "{"}}]),
    chunk(tool_calls=[{"index": 0, "function": {"arguments": "}"}}]),
    chunk("tool_calls"),
    b'data: {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7}}\n\ndata: [DONE]\n\n',
]


async def test_tools_are_called_and_their_results_go_on_from_the_call(state: Path) -> None:
    async with (
        fake_engine() as engine,
        mesh(FAKE.replace("URL", engine.base_url), state, "up") as running,
        of(running) as sdk,
    ):
        engine.raw = [CALLED]
        whole = await sdk.responses.create(model="fake", input="How deep?", tools=[TOOL], instructions="Be brief.")
        engine.raw = CALLING
        async with sdk.responses.stream(model="fake", input="How deep?", tools=[TOOL]) as stream:
            streamed = await stream.get_final_response()
        for response in (whole, streamed):
            assert [item.type for item in response.output] == ["reasoning", "message", "function_call"]
            call = response.output[2]
            assert call.type == "function_call"
            assert (call.call_id, call.name, call.arguments) == ("call_1", "depth", "{}")
        engine.reset()
        result: Any = {"type": "function_call_output", "call_id": "call_1", "output": "11 km"}
        after = await sdk.responses.create(model="fake", input=[result], previous_response_id=whole.id, tools=[TOOL])
        assert after.output_text == "The sea is blue."
        told = engine.requests[-1]["messages"]
        assert [message["role"] for message in told] == ["user", "assistant", "tool"]
        assert told[1]["content"] == "Let me see."
        assert told[1]["tool_calls"][0]["function"] == {"name": "depth", "arguments": "{}"}
        assert told[2]["tool_call_id"] == "call_1"
        engine.reset()  # the items that an answer had may be sent back as they are
        items: Any = [{"role": "user", "content": "How deep?"}, *whole.to_dict()["output"], result]  # type: ignore[misc]
        await sdk.responses.create(model="fake", input=items, store=False)
        assert engine.requests[-1]["messages"] == told


async def test_an_engine_that_dies_ends_a_stream_and_a_job_as_failed(state: Path) -> None:
    async with (
        fake_engine() as engine,
        mesh(FAKE.replace("URL", engine.base_url), state, "up") as running,
        of(running) as sdk,
    ):
        engine.die_after = 2
        events = [event async for event in await sdk.responses.create(model="fake", input="a", stream=True)]
        assert events[-1].type == "response.failed"
        kept = await sdk.responses.retrieve(events[-1].response.id)
        assert (kept.status, kept.output_text) == ("failed", "The sea")
        assert kept.error is not None
        assert kept.error.code == "server_error"
        engine.reset()
        engine.refusal = (400, b'{"error": {"message": "no"}}')
        failed = await ended(sdk, await sdk.responses.create(model="fake", input="a", background=True))
        assert failed.status == "failed"
        assert failed.error is not None


async def test_responses_and_those_in_the_background_outlive_the_mesh(state: Path) -> None:
    async with mesh(CONFIG, state, "up") as running, of(running) as sdk:
        kept = await sdk.responses.create(model="echo", input=PROMPT)
        behind = await sdk.responses.create(model="slow", input=f"{PHRASE} " * 30, background=True)
        running.processes["up"].kill()
        await running.processes["up"].wait()
    async with mesh(CONFIG, state, "up") as running, of(running) as sdk:
        assert await sdk.responses.retrieve(kept.id) == kept
        assert (await ended(sdk, behind)).status == "completed"


async def test_personal_data_is_restored_in_what_is_told_and_in_what_is_kept(state: Path) -> None:
    config = FAKE.replace("tenants: {dev: {}}", "tenants: {dev: {privacy: {default: reversible}}}")
    async with (
        fake_engine() as engine,
        mesh(config.replace("URL", engine.base_url), state, "up") as running,
        of(running) as sdk,
    ):
        made = await sdk.responses.create(model="fake", input=PROMPT)
        items = await sdk.responses.input_items.list(made.id)
        assert PROMPT in str(items.data[0].to_dict())
        assert not any(word in str(engine.requests[-1]) for word in PERSONAL.values())
        after = await sdk.responses.create(model="fake", input="And?", previous_response_id=made.id)
        assert after.status == "completed"
        assert not any(word in str(engine.requests[-1]) for word in PERSONAL.values())


@pytest.mark.timeout(180)
async def test_a_real_model_streams_keeps_a_form_and_answers_in_the_background(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with (
        mesh(SMOLLM2 + "jobs: {}\n", tmp_path_factory.mktemp("r"), "up") as running,
        of(running) as sdk,
    ):
        async with sdk.responses.stream(model="smollm2", input="Say hello.", max_output_tokens=8) as stream:
            events = [event async for event in stream]
        assert events[-1].type in {"response.completed", "response.incomplete"}
        text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        assert text == events[-1].response.output_text
        assert text
        behind = await sdk.responses.create(model="smollm2", input="Say hello.", background=True, max_output_tokens=8)
        assert (await ended(sdk, behind)).output_text
        schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
        form: Any = {"format": {"type": "json_schema", "name": "n", "schema": schema}}
        made = await sdk.responses.create(model="smollm2", input="Give a number.", text=form, max_output_tokens=32)
        assert isinstance(json.loads(made.output_text)["n"], int)
