"""The openai Python SDK, unchanged, against the real models that `make up` serves."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
import pytest_asyncio
from launch import Running, mesh

from thinmesh_deploy.config import DEFAULT

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "smollm2-135m-instruct"
EMBED = "all-minilm-l6-v2"
SEA: Any = [{"role": "user", "content": "Write two sentences about the sea."}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with mesh(DEFAULT.read_text(), tmp_path_factory.mktemp("s"), "up") as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def sdk(running: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{running.http}/v1", api_key=running.key, max_retries=0) as client:
        yield client


async def test_chat_gives_real_text(sdk: openai.AsyncOpenAI) -> None:
    answer = await sdk.chat.completions.create(model=CHAT, messages=SEA, max_tokens=60)
    text = answer.choices[0].message.content
    assert text is not None
    assert len(text.split()) > 5
    assert "sea" in text.lower() or "ocean" in text.lower() or "water" in text.lower()
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.model == CHAT


async def test_a_stream_with_usage_is_the_whole_answer(sdk: openai.AsyncOpenAI) -> None:
    greedy: Any = {"model": CHAT, "messages": SEA, "max_tokens": 30, "temperature": 0, "seed": 1}
    whole = await sdk.chat.completions.create(**greedy)
    stream = await sdk.chat.completions.create(**greedy, stream=True, stream_options={"include_usage": True})
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == whole.choices[0].message.content
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert len(chunks) > 10


async def test_several_choices_logprobs_and_stops(sdk: openai.AsyncOpenAI) -> None:
    answer = await sdk.chat.completions.create(
        model=CHAT,
        messages=SEA,
        max_tokens=5,
        n=2,
        logprobs=True,
        top_logprobs=3,
        extra_body={"ignore_eos": True},
    )
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 10
    for choice in answer.choices:
        assert choice.logprobs is not None
        assert choice.logprobs.content is not None
        assert "".join(one.token for one in choice.logprobs.content) == choice.message.content
        assert all(len(one.top_logprobs) == 3 and one.logprob <= 0 for one in choice.logprobs.content)


async def test_an_answer_keeps_to_a_json_schema(sdk: openai.AsyncOpenAI) -> None:
    schema: Any = {"type": "object", "properties": {"depth": {"type": "integer", "maximum": 9}}, "required": ["depth"]}
    answer = await sdk.chat.completions.create(
        model=CHAT,
        messages=SEA,
        max_tokens=40,
        response_format={"type": "json_schema", "json_schema": {"name": "sea", "schema": schema}},
    )
    assert '"depth"' in (answer.choices[0].message.content or "")


async def test_completions_take_texts_and_tokens(sdk: openai.AsyncOpenAI) -> None:
    answer = await sdk.completions.create(model=CHAT, prompt=["One two three", "Red green"], max_tokens=4)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert all(choice.text for choice in answer.choices)
    answer = await sdk.completions.create(model=CHAT, prompt=[28120, 905], max_tokens=4)
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 2


async def test_embeddings_are_real_in_both_encodings(sdk: openai.AsyncOpenAI) -> None:
    texts = ["a cat", "a kitten", "the stock market"]
    encoded = await sdk.embeddings.create(model=EMBED, input=texts)
    plain = await sdk.embeddings.create(model=EMBED, input=texts, encoding_format="float")
    cat, kitten, stocks = (one.embedding for one in encoded.data)
    assert [one.embedding for one in plain.data] == [cat, kitten, stocks]
    assert len(cat) == 384
    assert math.isclose(_cosine(cat, cat), 1, abs_tol=1e-5)
    assert _cosine(cat, kitten) > 0.6
    assert _cosine(cat, stocks) < 0.3


async def test_models_are_listed_and_found_by_alias(sdk: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in sdk.models.list()] == [EMBED, "echo", CHAT]
    assert (await sdk.models.retrieve("smollm2")).id == CHAT


async def test_errors_are_the_sdks_own(sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        await sdk.chat.completions.create(model="nope", messages=SEA)
    with pytest.raises(openai.AuthenticationError):
        await sdk.with_options(api_key="tm_live_wrong").models.list()
    with pytest.raises(openai.BadRequestError, match="context") as raised:
        await sdk.completions.create(model=CHAT, prompt="word " * 3000, max_tokens=5)
    assert raised.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError, match="min_tokens"):
        await sdk.completions.create(model=CHAT, prompt="a", extra_body={"min_tokens": 3})


def _cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
