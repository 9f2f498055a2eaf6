"""A fake engine that speaks OpenAI's streaming API over real HTTP, as vLLM does, and misbehaves on demand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from fakes.openai_server import serving


@dataclass
class FakeEngine:
    """What it says, how it fails, and what it saw.

    `tokens` are said one each `delay` seconds, again and again while `endless`; before the first and after `die_after`
    it may hang or die. `raw` replaces the whole stream by these reads, with a
    `pause` after each; `refusal` answers every request with a status
    and a body, after `delay`. `generated` counts tokens that went out; `left` is set when a client leaves in mid-stream. `arrivals` are the
    event loop's times of the requests.
    """

    tokens: list[str] = field(default_factory=lambda: ["The", " sea", " is", " blue", "."])
    delay: float = 0
    endless: bool = False
    die_after: int | None = None
    hang_after: int | None = None
    raw: list[bytes] | None = None
    pause: float = 0
    refusal: tuple[int, bytes] | None = None
    base_url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    generated: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def reset(self) -> None:
        """Well-behaved again, nothing seen."""
        self.__init__(base_url=self.base_url)  # type: ignore[misc]

    async def models(self, request: web.Request) -> web.StreamResponse:
        """GET /v1/models."""
        return web.json_response({"object": "list", "data": [{"id": "fake", "object": "model"}]})

    async def embeddings(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/embeddings: each text's length, last input first."""
        body = await self._seen(request)
        data = [{"index": index, "embedding": [float(len(text))]} for index, text in enumerate(body["input"])]
        return self._refused() or web.json_response({"data": data[::-1], "usage": {"prompt_tokens": 7}})

    async def rerank(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/rerank: scores by length, in the order given."""
        body = await self._seen(request)
        results = [{"index": index, "relevance_score": len(text)} for index, text in enumerate(body["documents"])]
        return self._refused() or web.json_response({"results": results, "usage": {"prompt_tokens": 9}})

    async def generate(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions and /v1/completions, streamed."""
        body = await self._seen(request)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            if self.refusal is not None:
                await asyncio.sleep(self.delay)
            return self._refused() or await self._answer(request, body)
        finally:
            self.running -= 1

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if not body.get("stream") and self.raw is None:
            return await self._whole(request, body)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        try:
            if self.raw is not None:
                for read in self.raw:
                    await response.write(read)
                    await asyncio.sleep(self.pause)
                return response
            await self._stream(request, response, body)
        except (ConnectionError, asyncio.CancelledError):
            self.left.set()
            raise
        return response

    async def _stream(self, request: web.Request, response: web.StreamResponse, body: dict[str, Any]) -> None:
        chat, choices = "messages" in body, body.get("n", 1)

        async def say(index: int, text: str | None, finish: str | None) -> None:
            said: dict[str, Any] = {"delta": {} if text is None else {"content": text}} if chat else {"text": text or ""}
            await self._send(response, {"choices": [{"index": index, "finish_reason": finish} | said]})

        most = body.get("max_tokens") or len(self.tokens)
        count = most if body.get("ignore_eos") else min(most, len(self.tokens))
        said = 0
        while said < count or self.endless:
            if said == self.hang_after:
                await asyncio.Event().wait()
            if said == self.die_after:
                if request.transport is not None:
                    request.transport.abort()
                return
            await asyncio.sleep(self.delay)
            for index in range(choices):
                await say(index, self.tokens[said % len(self.tokens)], None)
            said += 1
            self.generated += choices
            self.began.set()
        for index in range(choices):
            await say(index, None, "length" if body.get("ignore_eos") or count < len(self.tokens) else "stop")
        usage = {"prompt_tokens": 5, "completion_tokens": said * choices, "total_tokens": 5 + said * choices}
        await self._send(response, {"choices": [], "usage": usage})
        await response.write(b"data: [DONE]\n\n")

    async def _whole(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        try:
            said = 0
            while said < len(self.tokens) or self.endless:
                if said == self.hang_after:
                    await asyncio.Event().wait()
                if said == self.die_after and request.transport is not None:
                    request.transport.abort()
                await asyncio.sleep(self.delay)
                said += 1
                self.generated += 1
                self.began.set()
        except asyncio.CancelledError:
            self.left.set()
            raise
        most = body.get("max_tokens") or len(self.tokens)
        count = most if body.get("ignore_eos") else min(most, len(self.tokens))
        text = "".join(self.tokens[number % len(self.tokens)] for number in range(count))
        finish = "length" if body.get("ignore_eos") or count < len(self.tokens) else "stop"
        said_as: dict[str, Any] = {"message": {"content": text}} if "messages" in body else {"text": text}
        choices = [{"index": index, "finish_reason": finish} | said_as for index in range(body.get("n", 1))]
        usage = {"prompt_tokens": 5, "completion_tokens": count * len(choices)}
        return web.json_response({"choices": choices, "usage": usage})

    async def _send(self, response: web.StreamResponse, chunk: dict[str, Any]) -> None:
        await response.write(b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n")

    async def _seen(self, request: web.Request) -> dict[str, Any]:
        body: dict[str, Any] = await request.json()
        self.requests.append(body)
        self.arrivals.append(asyncio.get_running_loop().time())
        self.headers.append(request.headers)
        self.asked.set()
        return body

    def _refused(self) -> web.Response | None:
        if self.refusal is None:
            return None
        status, body = self.refusal
        return web.Response(status=status, body=body)


@asynccontextmanager
async def fake_engine(**fields: Any) -> AsyncIterator[FakeEngine]:
    """A fake engine on a free port of this machine."""
    engine = FakeEngine(**fields)
    async with serving(engine) as engine.base_url:
        yield engine
