"""Typed bodies of the Responses API as requests of the contract. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec
from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_core.wire import MAX_REQUEST_BYTES
from thinmesh_gateway.openai.requests import JsonObjectFormat
from thinmesh_gateway.openai.translate import parameters
from thinmesh_gateway.replies.items import InputImage, InputText, Item, OutputText, Part, Parts, ReasoningText, Refusal
from thinmesh_gateway.replies.requests import LOGPROBS, CreateResponse, JsonSchemaFormat, NamedTool

V = TypeVar("V")

_ROLES = {
    "system": chat_pb2.ROLE_SYSTEM,
    "developer": chat_pb2.ROLE_DEVELOPER,
    "user": chat_pb2.ROLE_USER,
    "assistant": chat_pb2.ROLE_ASSISTANT,
}
_MODES = {"none": chat_pb2.TOOL_MODE_NONE, "auto": chat_pb2.TOOL_MODE_AUTO, "required": chat_pb2.TOOL_MODE_REQUIRED}


def generate(body: CreateResponse, before: Sequence[Item], given: Sequence[Item]) -> pb.GenerateRequest:
    """A response as a generation: the instructions, the conversation before, and what was given now."""
    request = pb.GenerateRequest(model=body.model)
    _chat(request.chat, body, before, given)
    for name, value in (("temperature", body.temperature), ("top_p", body.top_p)):
        if value is not None:
            setattr(request.sampling, name, value)
    if body.max_output_tokens is not None:
        request.stopping.max_tokens = body.max_output_tokens
    match None if body.text is None else body.text.format:
        case JsonObjectFormat():
            request.response_format.json_object.SetInParent()
        case JsonSchemaFormat() as form:
            schema = sampling_pb2.JsonSchema(
                name=form.name, schema_json=_text(form.schema), strict=form.strict, description=form.description
            )
            request.response_format.json_schema.CopyFrom(schema)
    if LOGPROBS in (body.include or ()):
        request.logprobs.top = body.top_logprobs or 0
    elif body.top_logprobs:
        raise invalid("top_logprobs", f"top_logprobs needs {LOGPROBS} in include.")
    if request.ByteSize() > MAX_REQUEST_BYTES:
        what = f"With the responses before it the request is larger than {MAX_REQUEST_BYTES} bytes; begin a new conversation."
        raise MeshError(Reason.REQUEST_TOO_LARGE, what, param="previous_response_id")
    return request


def _chat(chat: chat_pb2.ChatInput, body: CreateResponse, before: Sequence[Item], given: Sequence[Item]) -> None:
    chat.SetInParent()
    if body.instructions is not None:
        chat.messages.add(role=chat_pb2.ROLE_SYSTEM).content.add(text=body.instructions)
    for item in before:
        _item(chat, "previous_response_id", item)
    for index, item in enumerate(given):
        _item(chat, f"input[{index}]", item)
    for tool in body.tools or ():
        schema = parameters(tool.parameters)
        chat.tools.add(name=tool.name, description=tool.description, parameters_json=schema, strict=tool.strict)
    if body.parallel_tool_calls is not None:
        chat.parallel_tool_calls = body.parallel_tool_calls
    if isinstance(body.tool_choice, NamedTool):
        chat.tool_choice.function = body.tool_choice.name
    elif body.tool_choice is not None:
        chat.tool_choice.mode = _MODES[body.tool_choice]


def _item(chat: chat_pb2.ChatInput, where: str, item: Item) -> None:
    match item.type:
        case "reasoning":
            return
        case "function_call":
            said = _calling(chat)
            said.tool_calls.add(
                id=_needed(where, "call_id", item.call_id),
                name=_needed(where, "name", item.name),
                arguments_json=_needed(where, "arguments", item.arguments),
            )
        case "function_call_output":
            call_id = _needed(where, "call_id", item.call_id)
            answer = chat.messages.add(role=chat_pb2.ROLE_TOOL, tool_call_id=call_id)
            answer.content.extend(_content(f"{where}.output", item.output))
        case _:
            spoken = chat.messages.add(role=_ROLES[_needed(where, "role", item.role)])
            spoken.content.extend(_content(f"{where}.content", item.content))


def _calling(chat: chat_pb2.ChatInput) -> chat_pb2.Message:
    """The message that a call belongs to: what the model said before it in the same breath, or one of its own."""
    if chat.messages and chat.messages[-1].role == chat_pb2.ROLE_ASSISTANT:
        return chat.messages[-1]
    return chat.messages.add(role=chat_pb2.ROLE_ASSISTANT)


def _content(where: str, content: str | Parts | None) -> Iterable[chat_pb2.ContentPart]:
    if content is None:
        raise _missing(where)
    if isinstance(content, str):
        return (chat_pb2.ContentPart(text=content),)
    return (_part(f"{where}[{index}]", part) for index, part in enumerate(content))


def _part(where: str, part: Part) -> chat_pb2.ContentPart:
    match part:
        case InputText(text=text) | OutputText(text=text) | ReasoningText(text=text) | Refusal(refusal=text):
            return chat_pb2.ContentPart(text=text)
        case InputImage():
            if part.file_id is not None:
                raise invalid(f"{where}.file_id", "Images are not kept here: give image_url.")
            url = _needed(where, "image_url", part.image_url)
            return chat_pb2.ContentPart(image=chat_pb2.Image(url=url, detail=part.detail))


def _needed(where: str, name: str, value: V | None) -> V:
    if value is None:
        raise _missing(f"{where}.{name}")
    return value


def _missing(where: str) -> MeshError:
    return invalid(where, f"The field {where!r} is missing.")


def _text(raw: msgspec.Raw) -> str:
    return bytes(raw).decode()
