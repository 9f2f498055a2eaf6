"""Several fake engines that serve one model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fakes.openai_engine import FakeEngine, fake_engine


@asynccontextmanager
async def replicas(count: int, **fields: Any) -> AsyncIterator[list[FakeEngine]]:
    """So many fake engines, all alike."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(fake_engine(**fields)) for _ in range(count)]


def config(engines: Sequence[FakeEngine], *, seats: int = 256) -> str:
    """A mesh whose model `fake` they serve, each with so many seats; as backends e0, e1, ..."""
    names = [f"e{number}" for number in range(len(engines))]
    backends = "".join(
        f"  {name}:\n    adapter: openai\n    options: {{base_url: '{engine.base_url}', max_concurrency: {seats}}}\n"
        for name, engine in zip(names, engines, strict=True)
    )
    return f"tenants: {{dev: {{}}}}\nbackends:\n{backends}models: {{fake: {{backends: [{', '.join(names)}]}}}}\n"
