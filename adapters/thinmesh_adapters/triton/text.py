"""A Triton model that generates text."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial

from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import chat_pb2, usage_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.fields import count
from thinmesh_adapters.text.answer import TextAnswer
from thinmesh_adapters.text.files import beside
from thinmesh_adapters.text.forced import insists
from thinmesh_adapters.text.language import Language
from thinmesh_adapters.text.off_loop import off_loop
from thinmesh_adapters.triton.config import TextModel
from thinmesh_adapters.triton.engine import Engine
from thinmesh_adapters.triton.translate import Signature, queued, said, text_request
from thinmesh_adapters.weights import locate
from thinmesh_core.call import Call
from thinmesh_core.capabilities import Capability
from thinmesh_core.errors import MeshError, Reason, invalid

COMPLETION: frozenset[Capability] = frozenset({cap.CAPABILITY_COMPLETION})


class Text:
    """One model's tensor names; with its tokenizer it counts, and with its chat template it chats."""

    def __init__(self, model: TextModel) -> None:
        self._model = model
        self._language = None if model.tokenizer is None else Language(beside(locate(model.tokenizer)))

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can be asked for."""
        return COMPLETION if self._language is None else COMPLETION | self._language.capabilities

    async def count(self, request: pb.CountTokensRequest) -> int:
        """The tokens of a text or a conversation."""
        assert self._language is not None, "counting is not declared"
        return await self._language.count(request, now=datetime.now(UTC))

    async def generate(
        self, request: pb.GenerateRequest, signature: Signature, engine: Engine, seconds: float, call: Call
    ) -> AsyncGenerator[pb.GenerateEvent, None]:
        """The model's answer; leaving it, or a stop text, cancels the engine's work."""
        prompt = await self._render(request.chat) if request.HasField("chat") else request.text
        tensors = text_request(request, prompt, self._model.names, signature)
        queued(tensors, seconds, call)
        answer = self._answer(request, prompt)
        counted = _Counted()
        async with aclosing(engine.stream(tensors, seconds, call.trace)) as responses:
            async for response in responses:
                piece = said(response.infer_response, self._model.names)
                counted.add(piece.prompt_tokens, piece.completion_tokens, piece.text, piece.reason)
                delta = answer.feed(piece.text, stoppable=counted.completion > request.stopping.min_tokens)
                if delta is not None:
                    yield pb.GenerateEvent(deltas=[delta])
                if answer.stopped:
                    break
        rest = answer.end()
        prompt_tokens = await self._tokens(prompt, request) if counted.prompt is None else counted.prompt
        yield pb.GenerateEvent(
            deltas=[] if rest is None else [rest],
            finishes=[pb.Finish(index=0, reason=_reason(answer, counted, request))],
            usage=usage_pb2.Usage(prompt_tokens=prompt_tokens, completion_tokens=count(counted.completion)),
        )

    def _answer(self, request: pb.GenerateRequest, prompt: str) -> TextAnswer:
        return self._language.answer(0, request, prompt) if self._language is not None else TextAnswer(0, request.stopping.stop)

    async def _render(self, chat: chat_pb2.ChatInput) -> str:
        if insists(chat):
            raise invalid("tool_choice", "This model's engine can't be made to call a tool; leave tool_choice at auto.")
        assert self._language is not None, "chat is not declared"
        return await self._language.render(chat, now=datetime.now(UTC))

    async def _tokens(self, prompt: str, request: pb.GenerateRequest) -> int:
        """The prompt's tokens where the engine does not say; words, where nobody knows."""
        if self._language is None:
            return len(prompt.split())
        special = not request.HasField("chat")
        return len(await off_loop(len(prompt), partial(self._language.tokenizer.encode, prompt, special=special)))


class _Counted:
    """What the engine counted so far; a response without a count is one token."""

    def __init__(self) -> None:
        self.prompt: int | None = None
        self.completion = 0
        self.reason: pb.FinishReason.ValueType | None = None

    def add(self, prompt: int | None, completion: int | None, text: str, reason: pb.FinishReason.ValueType | None) -> None:
        self.prompt = self.prompt if prompt is None else prompt
        self.completion += bool(text) if completion is None else completion
        self.reason = reason or self.reason


def _reason(answer: TextAnswer, counted: _Counted, request: pb.GenerateRequest) -> pb.FinishReason.ValueType:
    if answer.called:
        return pb.FINISH_REASON_TOOL_CALLS
    if answer.stopped:
        return pb.FINISH_REASON_STOP
    if counted.reason is not None:
        return counted.reason
    if not counted.completion:
        raise MeshError(Reason.ENGINE_PROTOCOL, "The model's engine ended its answer without an end.")
    cut = request.stopping.HasField("max_tokens") and counted.completion >= request.stopping.max_tokens
    return pb.FINISH_REASON_LENGTH if cut else pb.FINISH_REASON_STOP
