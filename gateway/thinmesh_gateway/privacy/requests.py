"""Every text of a request, rewritten in place. Pure.

Not texts: names of models, functions and formats, ids, roles, images' URLs and numbers.
"""

from __future__ import annotations

from collections.abc import Callable, MutableSequence, Sequence
from typing import NamedTuple, TypeAlias

import msgspec
from google.protobuf.message import Message
from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.errors import invalid

_OPENING = frozenset("{[")
_skip = msgspec.json.Decoder(msgspec.Raw).decode

TextRequest: TypeAlias = pb.GenerateRequest | pb.EmbedRequest | pb.RerankRequest | pb.CountTokensRequest

Rewrite = Callable[[str, str, bool], str]
"""What takes a text's place, by the parameter that it came in, the text, and whether it is JSON."""


def rewrite(request: TextRequest, new: Rewrite) -> None:
    """Puts `new` in every text's place."""
    match request:
        case pb.GenerateRequest():
            _generate(request, new)
        case pb.EmbedRequest():
            for index, one in enumerate(request.inputs):
                _field(one, "text", f"input[{index}]", new)
        case pb.RerankRequest():
            _field(request, "query", "query", new)
            _texts(request.documents, "documents", new)
        case pb.CountTokensRequest():
            _input(request, new)


class Text(NamedTuple):
    """A text, the parameter that it came in, and whether it is JSON."""

    param: str
    text: str
    json: bool


def texts(request: TextRequest) -> list[Text]:
    """Every text of a request, in its order."""
    found: list[Text] = []

    def take(param: str, text: str, json: bool) -> str:
        found.append(Text(param, text, json))
        return text

    rewrite(request, take)
    return found


def put(request: TextRequest, new: Sequence[str]) -> None:
    """Puts others in the place of all of `texts`."""
    left = iter(new)
    rewrite(request, lambda param, text, json: next(left))


def refuse_tokens(request: TextRequest, needing: str) -> None:
    """INVALID_REQUEST where the input is tokens: nobody can look into them. `needing` is what of the tenant's needs text."""
    inputs = request.inputs if isinstance(request, pb.EmbedRequest) else (request,)
    if any(isinstance(one, pb.GenerateRequest | pb.EmbedInput) and one.HasField("token_ids") for one in inputs):
        raise invalid("input", f"Your tenant's {needing} text: send the input as text, not as token ids.")


def _generate(request: pb.GenerateRequest, new: Rewrite) -> None:
    _input(request, new)
    _texts(request.stopping.stop, "stop", new)
    if request.HasField("response_format"):
        _response_format(request.response_format, new)
    _field(request, "engine_options_json", "engine_options", new, json=True)


def _input(request: pb.GenerateRequest | pb.CountTokensRequest, new: Rewrite) -> None:
    if request.HasField("chat"):
        _chat(request.chat, new)
    else:
        _field(request, "text", "prompt", new)


def _chat(chat: chat_pb2.ChatInput, new: Rewrite) -> None:
    for index, message in enumerate(chat.messages):
        for part in message.content:
            _field(part, "text", f"messages[{index}].content", new)
        _field(message, "name", f"messages[{index}].name", new)
        for call in message.tool_calls:
            _field(call, "arguments_json", f"messages[{index}].tool_calls", new, json=True)
    for tool in chat.tools:
        _field(tool, "description", "tools", new)
        _field(tool, "parameters_json", "tools", new, json=True)


def _response_format(form: sampling_pb2.ResponseFormat, new: Rewrite) -> None:
    match form.WhichOneof("format"):
        case "json_schema":
            _field(form.json_schema, "description", "response_format", new)
            _field(form.json_schema, "schema_json", "response_format", new, json=True)
        case "choice":
            _texts(form.choice.texts, "response_format", new)
        case "regex" | "grammar" as name:
            _field(form, name, "response_format", new)


def _field(message: Message, name: str, param: str, new: Rewrite, *, json: bool = False) -> None:
    """An empty or unset field stays as it is: to set it would choose it."""
    text = getattr(message, name)
    if text and (rewritten := new(param, text, json or _is_json(text))) != text:
        setattr(message, name, rewritten)


def _texts(texts: MutableSequence[str], param: str, new: Rewrite) -> None:
    for index, text in enumerate(texts):
        texts[index] = new(param, text, _is_json(text))


def _is_json(text: str) -> bool:
    """Whether all of a text is a JSON object or array: what tools give often is, and may hold every letter as an escape."""
    if text[:1] not in _OPENING:
        return False
    try:
        _skip(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
