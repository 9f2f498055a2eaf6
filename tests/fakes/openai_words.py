"""A fake engine with the conformance kit's switches that speaks OpenAI's API: says the prompt's words, calls tools, keeps schemas."""

from __future__ import annotations

import codecs
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from aiohttp import web

from fakes.openai_server import serving
from thinmesh_adapters.conformance.engine import EngineFailedError, EngineLostError, ScriptedEngine

MODEL = "words"
TOOL_CALLS = "tool_calls"
SAID_OF_SCHEMAS = '{"n": 1}'


class WordsEngine(ScriptedEngine):
    """vLLM's manners: sends whole characters, streams errors as events, and stops when a connection is closed."""

    base_url = ""

    async def models(self, request: web.Request) -> web.StreamResponse:
        """GET /v1/models."""
        return web.json_response({"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    async def embeddings(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/embeddings: each text's length, last input first."""
        texts = (await request.json())["input"]
        data = [{"index": index, "embedding": [float(len(text))]} for index, text in enumerate(texts)]
        return web.json_response({"data": data[::-1], "usage": {"prompt_tokens": 7}})

    async def rerank(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/rerank: scores by length, in the order given."""
        texts = (await request.json())["documents"]
        results = [{"index": index, "relevance_score": len(text)} for index, text in enumerate(texts)]
        return web.json_response({"results": results, "usage": {"prompt_tokens": 9}})

    async def generate(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions and /v1/completions, streamed or whole."""
        body = await request.json()
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        async with aclosing(self._chunks(body)) as chunks:
            try:
                if not body.get("stream"):
                    return web.json_response(_whole([chunk async for chunk in chunks], chat="messages" in body))
                async for chunk in chunks:
                    if not response.prepared:
                        await response.prepare(request)
                    await response.write(b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n")
                await response.write(b"data: [DONE]\n\n")
            except EngineLostError:
                assert request.transport is not None
                request.transport.abort()
            except EngineFailedError as failure:
                error = {"error": {"message": str(failure), "type": "internal_server_error"}}
                if not response.prepared:
                    return web.json_response(error, status=500)
                await response.write(b"data: " + json.dumps(error).encode() + b"\n\n")
        return response

    async def _chunks(self, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        chat, choices = "messages" in body, range(body.get("n") or 1)
        prompt = _text(body["messages"][-1]["content"]) if chat else body["prompt"]
        if body.get("tool_choice") == "required":
            function = {"name": body["tools"][0]["function"]["name"], "arguments": '{"city": "Seoul"}'}
            delta = {"tool_calls": [{"index": 0, "id": "call-1", "type": "function", "function": function}]}
            yield {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
            yield {"choices": [{"index": 0, "delta": {}, "finish_reason": TOOL_CALLS}], "usage": {"prompt_tokens": 1}}
            return
        schema = (body.get("response_format") or {}).get("type") == "json_schema"
        characters, count = codecs.getincrementaldecoder("utf-8")(), 0
        answer = self.answer(
            SAID_OF_SCHEMAS if schema else prompt,
            most=body.get("max_tokens") or body.get("max_completion_tokens"),
            stops=body.get("stop") or (),
            endless=body.get("ignore_eos", False),
        )
        async with aclosing(answer) as tokens:
            async for token in tokens:
                count += token.finish is None
                text = characters.decode(token.data, final=token.finish is not None)
                said = {"delta": {"content": text}} if chat else {"text": text}
                yield {"choices": [{"index": index, "finish_reason": token.finish} | said for index in choices]}
        yield {"choices": [], "usage": {"prompt_tokens": len(prompt.split()), "completion_tokens": count * len(choices)}}


def _text(content: str | list[dict[str, str]]) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _whole(chunks: list[dict[str, Any]], *, chat: bool) -> dict[str, Any]:
    """The answer that chunks spell."""
    texts: dict[int, str] = {}
    calls: list[dict[str, Any]] = []
    finishes: dict[int, str] = {}
    usage: dict[str, int] = {}
    for chunk in chunks:
        usage = chunk.get("usage") or usage
        for choice in chunk["choices"]:
            index, delta = choice["index"], choice.get("delta", {})
            texts[index] = texts.get(index, "") + (delta.get("content", "") if chat else choice["text"])
            calls += delta.get("tool_calls", [])
            finishes[index] = choice["finish_reason"] or ""
    choices = [
        {"index": index, "finish_reason": finishes[index]}
        | ({"message": {"content": text, "tool_calls": calls or None}} if chat else {"text": text})
        for index, text in texts.items()
    ]
    return {"choices": choices, "usage": usage}


@asynccontextmanager
async def words_engine() -> AsyncIterator[WordsEngine]:
    """The engine on a free port of this machine."""
    engine = WordsEngine()
    async with serving(engine) as engine.base_url:
        yield engine
