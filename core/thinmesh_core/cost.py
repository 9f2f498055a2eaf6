"""What the router must know of a request before its engine has seen it: about how many tokens, and how it begins. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from thinmesh.inference.v1 import chat_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.capabilities import Request

BYTES_PER_TOKEN = 4
"""English has about four bytes a token in any tokenizer, Korean three; the engine's own count settles it."""

LONGEST_TOKEN = 32
"""A piece of an answer with more characters is several tokens that its engine put together."""

TOKENS_PER_MESSAGE = 4
"""What a chat template puts around one."""

TOKENS_PER_IMAGE = 512
"""About what a picture of ordinary size becomes."""

DEFAULT_OUTPUT = 256
"""What a generation is taken to need that does not bound itself."""

PREFIX_BYTES = 1024
"""How much of a prompt is looked at for affinity: about one cache block of 256 tokens."""


class Cost(NamedTuple):
    """An estimate in tokens; `output` is the most that was asked for, over all choices, or a usual answer."""

    input: int
    output: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.input + self.output


def cost(request: Request) -> Cost:
    """The estimate of a request. Tensors have no tokens."""
    match request:
        case pb.GenerateRequest():
            limit = request.stopping.max_tokens or DEFAULT_OUTPUT
            return Cost(_of_input(request), limit * (request.sampling.n or 1))
        case pb.EmbedRequest():
            return Cost(sum(len(one.token_ids.ids) or _of_text(one.text) for one in request.inputs), 0)
        case pb.RerankRequest():
            return Cost(len(request.documents) * _of_text(request.query) + sum(map(_of_text, request.documents)), 0)
        case _:
            return Cost(0, 0)


def made(event: pb.GenerateEvent) -> int:
    """The tokens of an event: one a piece, or about what a long piece has."""
    tokens = 0
    for delta in event.deltas[:]:
        length = len(delta.text) + len(delta.reasoning)
        tokens += 1 if length <= LONGEST_TOKEN else length // BYTES_PER_TOKEN
    return tokens


def prefix_key(request: Request) -> bytes | None:
    """Equal for requests that begin alike, so that a backend which has the beginning in its cache can be found again."""
    if not isinstance(request, pb.GenerateRequest):
        return None
    digest = hashlib.blake2b(request.model.encode(), digest_size=8)
    left = PREFIX_BYTES
    for piece in _beginning(request):
        digest.update(piece[:left])
        left -= len(piece)
        if left <= 0:
            break
    return digest.digest()


def _of_text(text: str) -> int:
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def _of_input(request: pb.GenerateRequest) -> int:
    kind = request.WhichOneof("input")
    if kind == "text":
        return _of_text(request.text)
    if kind == "token_ids":
        return len(request.token_ids.ids)
    chat = request.chat
    tokens = 0
    for message in chat.messages[:]:  # going through a list is half the price, and nothing where it is empty
        tokens += _of_message(message)
    for tool in chat.tools[:]:
        tokens += _of_text(tool.parameters_json) + _of_text(tool.description)
    return tokens


def _of_message(message: chat_pb2.Message) -> int:
    tokens = TOKENS_PER_MESSAGE
    for part in message.content[:]:
        text = part.text
        tokens += _of_text(text) if text or not part.HasField("image") else TOKENS_PER_IMAGE
    for call in message.tool_calls[:]:
        tokens += _of_text(call.arguments_json)
    return tokens


def _beginning(request: pb.GenerateRequest) -> Iterator[bytes]:
    """The prompt's pieces in the order in which an engine reads them."""
    kind = request.WhichOneof("input")
    if kind == "text":
        yield request.text.encode()
    elif kind == "token_ids":
        yield str(list(request.token_ids.ids[:PREFIX_BYTES])).encode()
    else:
        for tool in request.chat.tools:
            yield f"\x00{tool.name}\x00{tool.parameters_json}".encode()
        for message in request.chat.messages:
            yield b"\x00%d" % message.role
            for part in message.content:
                yield (part.image.url if part.HasField("image") else part.text).encode()
