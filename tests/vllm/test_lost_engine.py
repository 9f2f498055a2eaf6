"""A vLLM that dies and comes back, behind a mesh that stays. A tiny model will do; it chats by its own template."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import openai
import pytest
from engines.vllm_engine import PID, TINY, vllm_engine
from launch import mesh

CONFIG = """
tenants: {dev: {}}
backends:
  vllm:
    adapter: vllm
    options: {address: "ADDRESS"}
models: {tiny: {backends: [vllm]}}
"""
CHAT: Any = {"model": "tiny", "messages": [{"role": "user", "content": "Go on."}], "max_tokens": 8}
ENDLESS: Any = CHAT | {"max_tokens": 1900, "stream": True, "extra_body": {"ignore_eos": True}}
SECONDS = 10.0
"""How soon a dead engine's streams end, and a living one is found."""


@pytest.mark.timeout(400)
async def test_a_dead_engines_streams_end_and_its_successor_is_found(state: Path, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(vllm_engine(tmp_path, TINY))
        running = await stack.enter_async_context(mesh(CONFIG.replace("ADDRESS", address), state, "up"))
        client = openai.AsyncOpenAI(base_url=f"{running.http}/v1", api_key=running.key, max_retries=0)
        sdk = await stack.enter_async_context(client)
        # Together: on a busy machine the first would be over before the last began.
        streams = await asyncio.gather(*(sdk.chat.completions.create(**ENDLESS) for _ in range(4)))
        await asyncio.gather(*(anext(one) for one in streams))
        os.killpg(int((tmp_path / PID).read_text()), signal.SIGKILL)
        async with asyncio.timeout(SECONDS):
            ends = await asyncio.gather(*(_read(one) for one in streams), return_exceptions=True)
        assert all(isinstance(end, openai.APIError) for end in ends), ends
        with pytest.raises(openai.InternalServerError, match=r"can't be reached|not ready"):
            await sdk.chat.completions.create(**CHAT)
        await stack.enter_async_context(vllm_engine(tmp_path, TINY, port=int(address.rpartition(":")[2])))
        async with asyncio.timeout(SECONDS):
            answer = await _answered(sdk)
        assert answer.usage is not None
        assert 0 < answer.usage.completion_tokens <= 8


async def _read(stream: openai.AsyncStream[Any]) -> None:
    async for _ in stream:
        pass


async def _answered(sdk: openai.AsyncOpenAI) -> Any:
    while True:
        try:
            return await sdk.chat.completions.create(**CHAT)
        except openai.InternalServerError:
            await asyncio.sleep(0.1)
