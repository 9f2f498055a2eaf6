"""Where the time of calls went, as a mesh that runs tells it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest
from canaries import PROMPT
from launch import ECHO, Mode, flags, mesh, output, said

BODY = {"model": "parrot", "messages": [{"role": "user", "content": PROMPT}], "stream": True}


CONFIG = ECHO.replace("aliases: [parrot]", "aliases: [parrot], price: {input_per_million: 2, output_per_million: 6}")


async def told_by(*words: str) -> str:
    """What a command prints once the audit log has the call."""
    async with asyncio.timeout(20):
        while True:
            code, said, error = await output(*words)
            if code == 0 and said:
                return said
            assert code == 0 or "is in the audit log" in error


@pytest.mark.parametrize("mode", ["up", "split"])
async def test_each_call_leaves_a_line_with_its_parts_that_commands_find_again(state: Path, mode: Mode) -> None:
    async with mesh(CONFIG, state, mode) as running, aiohttp.ClientSession(headers=running.headers) as session:
        headers = {"x-request-id": "req-traced"}
        async with session.post(f"{running.http}/v1/chat/completions", json=BODY, headers=headers) as response:
            assert response.status == 200
            await response.read()
        line = await said(running.processes["up" if mode == "up" else "gateway"], "req-traced")
        told = json.loads(line.string)
        file = state / "thinmesh.yaml"
        parts = await told_by("trace", "req-traced", "--json", *flags(file, state))
        table = await told_by("trace", "req-traced", *flags(file, state))
        code, _, error = await output("trace", "req-unheard-of", *flags(file, state))
        assert code == 2
        assert "is in the audit log" in error
        used = await told_by("usage", "--json", *flags(file, state))
        sheet = await told_by("usage", "--by", "tenant,day", "--csv", *flags(file, state))
        lines, other = state / "access.log", state / "other.yaml"
        lines.write_text(line.string)
        other.write_text(CONFIG.replace("tenants: {dev: {}, other: {}}", "tenants: {other: {}}"))
        assert (await output("rehearse", str(lines), *flags(file, state)))[0] == 0
        code, refused, _ = await output("rehearse", str(lines), "--json", *flags(other, state))
        silent, _, why = await output("rehearse", str(file), *flags(file, state))
    assert (silent, "has no line of a call" in why) == (2, True)
    assert code == 1
    assert json.loads(refused)["decision"] == "INVALID_KEY"
    assert json.loads(parts) == told
    assert "first token" in table
    tokens = {"input_tokens": told["input_tokens"], "output_tokens": told["output_tokens"]}
    cost = told["input_tokens"] * 2 / 1e6 + told["output_tokens"] * 6 / 1e6
    assert json.loads(used) == {"tenant": "dev", "model": "echo", "calls": 1, **tokens, "cost": pytest.approx(cost)}
    assert sheet.splitlines()[0] == "tenant,day,calls,input_tokens,output_tokens,cost"
    assert sheet.splitlines()[1].startswith("dev,20")
    assert (told["tenant"], told["model"], told["backend"], told["decision"]) == ("dev", "parrot", "echo", "ALLOWED")
    assert told["input_tokens"] > 0 < told["output_tokens"]
    assert min(told["gateway_ms"], told["first_token_ms"], told["generation_ms"]) > 0
    of_it = ("gateway_ms", "queue_ms", "retries_ms", "first_token_ms", "generation_ms")
    assert sum(told[part] for part in of_it) == pytest.approx(told["total_ms"])
