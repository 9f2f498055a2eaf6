"""What a mesh tells of itself in /metrics: everything that the page says, and of strangers' words nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
from canaries import PHRASE
from launch import Running, mesh
from load import session
from scraped import Scraped, declared, scrape

from thinmesh_core.errors import Reason
from thinmesh_core.priority import PRIORITIES

CONFIG = """
tenants:
  dev: {quota: {requests_per_minute: 100000, tokens_per_day: 100000000}, models: {echo: {tokens_per_minute: 100000000}}}
  other: {}
backends: {echo: {adapter: echo}}
models: {echo: {backends: [echo], aliases: [parrot]}}
"""
ALLOWED = {
    "model": {"echo", ""},
    "gen_ai_request_model": {"echo"},
    "tenant": {"dev", "others"},
    "backend": {"echo"},
    "priority": set(PRIORITIES),
    "outcome": {"ok"} | {one.name.lower() for one in Reason},
    "error_type": {""} | {one.name.lower() for one in Reason},
    "type": {"input", "output"},
    "quota": {"requests_per_minute", "tokens_per_day", "tokens_per_minute"},
    "operation": {"stream", "generate", "embed"},
    "place": {"memory", "file", "database"},
}
STRANGERS = 40


async def traffic(client: aiohttp.ClientSession, running: Running, salt: str) -> None:
    """Calls of every kind; the strangers among them write a new name each time."""

    async def ask(model: str, **fields: object) -> int:
        body = {"model": model, "messages": [{"role": "user", "content": PHRASE}]} | fields
        async with client.post(f"{running.http}/v1/chat/completions", json=body) as response:
            await response.read()
            return response.status

    assert await ask("echo") == await ask("parrot", stream=True) == 200
    assert await ask("echo", temperature=99) == 400
    assert set(await asyncio.gather(*(ask(f"{salt}-{one}", stream=one % 2 == 0) for one in range(STRANGERS)))) == {404}


def told(scraped: Scraped) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    return {(name, labels) for name, labels in scraped.series if name.startswith(("thinmesh_", "gen_ai_"))}


async def test_labels_have_the_values_of_the_configuration_and_of_strangers_none(state: Path) -> None:
    async with mesh(CONFIG, state, "up") as running, session(running) as client:
        await traffic(client, running, "first")
        before = told(await scrape(running.admin))
        await traffic(client, running, "second")
        after = await scrape(running.admin)
        assert told(after) == before
    assert declared() <= after.names
    found: dict[str, set[str]] = {}
    for _, labels in before:
        for label, value in labels:
            found.setdefault(label, set()).add(value)
    assert all(values <= ALLOWED[label] for label, values in found.items() if label != "le")
