"""A gateway that drains says so and serves on, and lets nobody keep a connection."""

from __future__ import annotations

from typing import Any

from canaries import PROMPT
from gateway.conftest import Gateway

CHAT: Any = {"model": "m", "messages": [{"role": "user", "content": PROMPT}]}


async def test_calls_are_answered_and_their_connections_closed(gateway: Gateway) -> None:
    async with gateway.session() as session:
        async with session.post("/v1/chat/completions", json=CHAT) as response:
            assert (response.status, response.headers.get("connection")) == (200, None)
        await gateway.app.drain()
        assert gateway.app.problems() == ["draining"]
        async with session.post("/v1/chat/completions", json=CHAT) as response:
            assert (response.status, response.headers["connection"]) == (200, "close")
