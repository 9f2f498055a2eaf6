"""The openai Python SDK, unchanged, against MiniLM that a real vLLM serves behind the mesh."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import openai
import pytest
import pytest_asyncio
from launch import Running

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(60, func_only=True),  # an engine takes its time to start
    pytest.mark.parametrize("model", ["minilm"], indirect=True, scope="session"),
]


@pytest_asyncio.fixture(loop_scope="session")
async def sdk(running: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{running.http}/v1", api_key=running.key, max_retries=0) as client:
        yield client


async def test_vectors_have_sense_in_both_encodings(sdk: openai.AsyncOpenAI) -> None:
    texts = ["a cat", "a kitten", "the stock market"]
    encoded = await sdk.embeddings.create(model="minilm", input=texts)
    plain = await sdk.embeddings.create(model="minilm", input=texts, encoding_format="float")
    cat, kitten, stocks = (one.embedding for one in encoded.data)
    assert [one.embedding for one in plain.data] == [cat, kitten, stocks]
    assert len(cat) == 384
    assert math.isclose(math.hypot(*cat), 1, abs_tol=1e-5)
    assert math.dist(cat, kitten) < 0.8
    assert math.dist(cat, stocks) > 1.2
    assert encoded.usage.prompt_tokens == 4 + 4 + 5


async def test_many_texts_come_in_order(sdk: openai.AsyncOpenAI) -> None:
    texts = [f"text number {number}" for number in range(64)]
    answer = await sdk.embeddings.create(model="minilm", input=texts)
    alone = await sdk.embeddings.create(model="minilm", input=texts[37])
    assert [one.index for one in answer.data] == list(range(64))
    assert math.dist(answer.data[37].embedding, alone.data[0].embedding) < 0.01


async def test_what_is_too_long_is_refused(sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        await sdk.embeddings.create(model="minilm", input="word " * 300)
    assert raised.value.code == "context_length_exceeded"
