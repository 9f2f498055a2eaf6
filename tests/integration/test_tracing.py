"""Where the time of calls went, as a mesh that runs tells it."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp
import pytest
from canaries import PROMPT
from launch import ECHO, Mode, mesh, said

BODY = {"model": "parrot", "messages": [{"role": "user", "content": PROMPT}], "stream": True}


@pytest.mark.parametrize("mode", ["up", "split"])
async def test_each_call_leaves_a_line_with_its_parts(state: Path, mode: Mode) -> None:
    async with mesh(ECHO, state, mode) as running, aiohttp.ClientSession(headers=running.headers) as session:
        headers = {"x-request-id": "req-traced"}
        async with session.post(f"{running.http}/v1/chat/completions", json=BODY, headers=headers) as response:
            assert response.status == 200
            await response.read()
        line = await said(running.processes["up" if mode == "up" else "gateway"], "req-traced")
        told = json.loads(line.string)
    assert (told["tenant"], told["model"], told["backend"], told["decision"]) == ("dev", "parrot", "echo", "ALLOWED")
    assert told["input_tokens"] > 0 < told["output_tokens"]
    assert min(told["gateway_ms"], told["first_token_ms"], told["generation_ms"]) > 0
    parts = ("gateway_ms", "queue_ms", "retries_ms", "first_token_ms", "generation_ms")
    assert sum(told[part] for part in parts) == pytest.approx(told["total_ms"])
