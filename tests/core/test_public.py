"""Looking names up, which may take long."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from thinmesh_core.public import AT_ONCE, Resolver


async def test_names_that_are_never_found_take_no_thread_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve, other = Resolver("a"), Resolver("b")
    found = threading.Event()
    known = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *given, **named: found.wait() if given[0] == "slow.example" else known(*given, **named)
    )
    assert AT_ONCE < 64
    waiting = [asyncio.create_task(resolve("slow.example", 443)) for _ in range(64)]
    await asyncio.sleep(0)  # each has asked by now
    try:
        async with asyncio.timeout(10):
            assert await other("127.0.0.1", 443) == ["127.0.0.1"]
            assert await asyncio.to_thread(lambda: "a thread for all") == "a thread for all"
    finally:
        found.set()
        await asyncio.gather(*waiting, return_exceptions=True)
    monkeypatch.undo()
    assert await resolve("127.0.0.1", 443) == ["127.0.0.1"]
