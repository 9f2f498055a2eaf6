"""Serves a fake engine on the routes of OpenAI's API, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from aiohttp import web


class Engine(Protocol):
    """What answers the routes."""

    async def models(self, request: web.Request) -> web.StreamResponse:
        """GET /v1/models."""
        ...

    async def embeddings(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/embeddings."""
        ...

    async def rerank(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/rerank."""
        ...

    async def generate(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions and /v1/completions."""
        ...


@asynccontextmanager
async def serving(engine: Engine, port: int = 0) -> AsyncIterator[str]:
    """Its base URL, on a free port of this machine or this one; a client that leaves cancels its handler."""
    application = web.Application(client_max_size=1 << 26)
    application.router.add_get("/v1/models", engine.models)
    application.router.add_post("/v1/embeddings", engine.embeddings)
    application.router.add_post("/v1/rerank", engine.rerank)
    application.router.add_post("/v1/chat/completions", engine.generate)
    application.router.add_post("/v1/completions", engine.generate)
    runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()
