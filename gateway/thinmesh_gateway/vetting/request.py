"""The one check of a request at the gateway, for every surface: its bounds, then what it hands on to the engine. Pure."""

from __future__ import annotations

from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core import bounds
from thinmesh_core.capabilities import Request
from thinmesh_core.errors import invalid
from thinmesh_gateway.vetting import grammar, image, pattern, schema

MAX_TOOL_CHARACTERS = 256 * 1024
"""Of the schemas of all tools together."""

MAX_PATTERN_CHARACTERS = 16 * 1024
"""Of the patterns in all of them; a thousand characters of the worst kind take some 30 ms to look at."""


def check(request: Request) -> None:
    """INVALID_REQUEST with the field's name unless all of the request may go to an engine."""
    bounds.check(request)
    match request:
        case pb.GenerateRequest():
            if request.HasField("response_format"):
                _response_format(request.response_format)
            if request.HasField("chat"):
                _chat(request.chat)
        case pb.CountTokensRequest():
            if request.HasField("chat"):
                _chat(request.chat)


def _chat(chat: chat_pb2.ChatInput) -> None:
    for index, message in enumerate(chat.messages[:]):
        for part in message.content[:]:
            if part.HasField("image"):
                _refuse(f"messages[{index}].content", "The image", image.fault(part.image.url))
    characters = patterns = 0
    for tool in chat.tools[:]:
        if tool.HasField("parameters_json"):
            characters += len(tool.parameters_json)
            if characters > MAX_TOOL_CHARACTERS:
                raise invalid("tools", f"The tools' parameters have more than {MAX_TOOL_CHARACTERS} characters together.")
            _refuse("tools", f"The schema of the tool {tool.name!r}", schema.fault(tool.parameters_json))
            patterns += schema.pattern_characters(tool.parameters_json)
            if patterns > MAX_PATTERN_CHARACTERS:
                raise invalid("tools", f"The tools' patterns have more than {MAX_PATTERN_CHARACTERS} characters together.")


def _response_format(form: sampling_pb2.ResponseFormat) -> None:
    match form.WhichOneof("format"):
        case "json_schema":
            _refuse("response_format", "The schema", schema.fault(form.json_schema.schema_json))
        case "regex":
            _refuse("response_format", "The regular expression", pattern.fault(form.regex))
        case "grammar":
            _refuse("response_format", "The grammar", grammar.fault(form.grammar))


def _refuse(param: str, what: str, fault: str | None) -> None:
    if fault is not None:
        raise invalid(param, f"{what} {fault}.")
