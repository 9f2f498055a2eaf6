"""How a model takes and gives text: conversations to prompts, prompts to tokens, and its text to answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal, TypeAlias

from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import chat_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.text.answer import TextAnswer
from thinmesh_adapters.text.calls import new_id
from thinmesh_adapters.text.choices import Choices
from thinmesh_adapters.text.files import TEMPLATE_FILE, TOKENIZER_FILE
from thinmesh_adapters.text.forced import insists, structural_tag
from thinmesh_adapters.text.off_loop import off_loop
from thinmesh_adapters.text.reasoning import OPEN, Reasoning
from thinmesh_adapters.text.template import ChatTemplate, offered
from thinmesh_adapters.text.token_answer import TokenAnswer
from thinmesh_adapters.text.tokenizer import Tokenizer
from thinmesh_adapters.text.tools import STYLES, ToolParser, detect
from thinmesh_core.capabilities import Capability, choices
from thinmesh_core.errors import MeshError, Reason

StyleName: TypeAlias = Literal["hermes", "llama3", "mistral"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model goes on from: its text, unless it was given as tokens, and its tokens. `field` is the caller's word."""

    text: str
    ids: list[int]
    field: str = "prompt"


class Language:
    """A model's tokenizer, and its chat template if it has one.

    `template` stands in for the model's own; `style` and `reasoning` say how it writes calls and whether it thinks aloud,
    where its template does not tell.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        *,
        template: bytes | None = None,
        style: StyleName | None = None,
        reasoning: bool | None = None,
    ) -> None:
        """ValueError for files that are not what their names say."""
        if TOKENIZER_FILE not in files:
            raise ValueError(f"the model has no {TOKENIZER_FILE}")
        self.tokenizer = Tokenizer(files[TOKENIZER_FILE])
        self.template = ChatTemplate.of(files if template is None else {**files, TEMPLATE_FILE: template})
        source = "" if self.template is None else self.template.source
        named = style or detect(source)
        self._style = None if named is None else STYLES[named]
        self._reasons = OPEN in source if reasoning is None else reasoning

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it adds to an engine that only knows text or tokens."""
        can: set[Capability] = {cap.CAPABILITY_COUNT_TOKENS}
        if self.template is not None:
            can.add(cap.CAPABILITY_CHAT)
            if self._style is not None and self.template.takes_tools:
                can.add(cap.CAPABILITY_TOOLS)
        return frozenset(can)

    async def prompt(self, request: pb.GenerateRequest, *, now: datetime) -> Prompt:
        """What the model is given."""
        return await off_loop(request.ByteSize(), partial(self._prompt, request, now))

    def _prompt(self, request: pb.GenerateRequest, now: datetime) -> Prompt:
        match request.WhichOneof("input"):
            case "token_ids":
                return Prompt("", list(request.token_ids.ids))
            case "chat":
                text = self._render(request.chat, now)
                return Prompt(text, self.tokenizer.encode(text, special=False), "messages")
            case _:
                return Prompt(request.text, self.tokenizer.encode(request.text, special=True))

    async def count(self, request: pb.CountTokensRequest, *, now: datetime) -> int:
        """The tokens of a text or a conversation."""
        return await off_loop(request.ByteSize(), partial(self._count, request, now))

    async def render(self, chat: chat_pb2.ChatInput, *, now: datetime) -> str:
        """A conversation as the model's template spells it."""
        return await off_loop(chat.ByteSize(), partial(self._render, chat, now))

    def constraint(self, request: pb.GenerateRequest) -> str | None:
        """The structural tag that holds the engine to the calls that the caller insists on; none where it does not."""
        return structural_tag(request.chat, self._style) if self._style is not None and insists(request.chat) else None

    def answer(self, index: int, request: pb.GenerateRequest, prompt: str, *, thinks: bool = True) -> TextAnswer:
        """The reader of one choice; `thinks` is false where the engine is held to a form from the first token on."""
        if not request.HasField("chat"):
            return TextAnswer(index, request.stopping.stop)
        reasoning = Reasoning(inside=prompt.rstrip().endswith(OPEN)) if self._reasons and thinks else None
        return TextAnswer(index, request.stopping.stop, reasoning=reasoning, tools=self._tools(request.chat))

    def choices(
        self, request: pb.GenerateRequest, prompt: Prompt, *, made: int, ends: Collection[int], thinks: bool
    ) -> Choices[TokenAnswer]:
        """The readers of an answer in tokens, of which the engine makes so many choices; `ends` are its end tokens."""
        several = choices(request)
        hidden = {*request.stopping.stop_token_ids, *(() if request.stopping.ignore_eos else ends)}
        least = request.stopping.min_tokens
        answers = [self.answer(index, request, prompt.text, thinks=thinks) for index in range(several)]
        read = [TokenAnswer(index, self.tokenizer, one, ends=hidden, least=least) for index, one in enumerate(answers)]
        return Choices(read, mirrored=several > made)

    def _count(self, request: pb.CountTokensRequest, now: datetime) -> int:
        if request.HasField("chat"):
            return len(self.tokenizer.encode(self._render(request.chat, now), special=False))
        return len(self.tokenizer.encode(request.text, special=True))

    def _render(self, chat: chat_pb2.ChatInput, now: datetime) -> str:
        assert self.template is not None, "chat is not declared"
        return self.template.render(chat, now=now)

    def _tools(self, chat: chat_pb2.ChatInput) -> ToolParser | None:
        if self._style is None or not offered(chat):
            return None
        return (self._style.forced_reader if insists(chat) else self._style.reader)(new_id)


def fits(tokens: int, context_length: int | None, param: str) -> None:
    """CONTEXT_LENGTH_EXCEEDED for an input that can't fit."""
    if context_length is not None and tokens > context_length:
        message = f"The input has {tokens} tokens, the model's context {context_length}."
        raise MeshError(Reason.CONTEXT_LENGTH_EXCEEDED, message, param=param)
