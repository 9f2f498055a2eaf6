"""Conversations as the text that a model was trained on, by the chat template that it carries.

The environment is the one that transformers renders templates in:
https://huggingface.co/docs/transformers/chat_templating_writing
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NoReturn

import jinja2
import msgspec
from jinja2.sandbox import ImmutableSandboxedEnvironment
from thinmesh.inference.v1 import chat_pb2

from thinmesh_adapters.text.files import CONFIG_FILE, TEMPLATE_FILE
from thinmesh_core.errors import MeshError, Reason

MAX_RENDERED_CHARACTERS = 4 * 1024 * 1024

_CANT_SAY = (
    jinja2.TemplateError, TypeError, ValueError, AttributeError, ArithmeticError, LookupError, RecursionError,
)  # fmt: skip
_ROLES = {
    chat_pb2.ROLE_SYSTEM: "system",
    chat_pb2.ROLE_DEVELOPER: "system",  # templates know no developer
    chat_pb2.ROLE_USER: "user",
    chat_pb2.ROLE_ASSISTANT: "assistant",
    chat_pb2.ROLE_TOOL: "tool",
}


class _Named(msgspec.Struct):
    name: str
    template: str


class _Token(msgspec.Struct):
    content: str


class _Config(msgspec.Struct):
    chat_template: str | list[_Named] | None = None
    bos_token: str | _Token | None = None
    eos_token: str | _Token | None = None
    unk_token: str | _Token | None = None
    pad_token: str | _Token | None = None

    def special(self) -> Mapping[str, str]:
        """The tokens that a template may name."""
        tokens = {
            "bos_token": self.bos_token,
            "eos_token": self.eos_token,
            "unk_token": self.unk_token,
            "pad_token": self.pad_token,
        }
        return {name: token if isinstance(token, str) else token.content for name, token in tokens.items() if token}


class ChatTemplate:
    """A model's template; `special` are the tokens that it may name."""

    def __init__(self, source: str, special: Mapping[str, str]) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"], autoescape=False
        )
        environment.filters["tojson"] = _tojson
        environment.globals["raise_exception"] = _refuse
        self.source = source
        self._special = dict(special)
        try:
            self._template = environment.from_string(source)
        except (jinja2.TemplateError, RecursionError, SyntaxError, MemoryError) as error:  # what python can't compile, too
            raise ValueError(f"the chat template is no template: {error}") from error

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> ChatTemplate | None:
        """The template among a model's files; none where the model was not made to chat. ValueError for files that are odd."""
        config = _config(files.get(CONFIG_FILE, b"{}"))
        source = files[TEMPLATE_FILE].decode() if TEMPLATE_FILE in files else config.chat_template
        if isinstance(source, list):  # several
            named = {one.name: one.template for one in source}
            source = named.get("tool_use") or named.get("default")
        if not source:
            return None
        return cls(source, config.special())

    @property
    def takes_tools(self) -> bool:
        """Whether it tells the model of tools."""
        return "tools" in self.source

    def render(self, chat: chat_pb2.ChatInput, *, now: datetime) -> str:
        """The text up to where the assistant speaks; INVALID_REQUEST where the template can't say the conversation."""
        tools = [_tool(one) for one in chat.tools] if offered(chat) else None
        try:
            text = self._template.render(
                messages=[_message(one) for one in chat.messages],
                tools=tools,
                add_generation_prompt=True,
                strftime_now=now.strftime,
                **self._special,
            )
            text.encode()  # half a character, which JSON may spell, is none
        except _CANT_SAY as error:
            raise MeshError(
                Reason.INVALID_REQUEST,
                "The model's chat template can't express this conversation; look at the order of roles and at the tools.",
                param="messages",
            ) from error
        if len(text) > MAX_RENDERED_CHARACTERS:
            raise MeshError(Reason.CONTEXT_LENGTH_EXCEEDED, "The conversation is too long; shorten it.", param="messages")
        return text


def offered(chat: chat_pb2.ChatInput) -> bool:
    """Whether the model is told of tools."""
    return bool(chat.tools) and chat.tool_choice.mode != chat_pb2.TOOL_MODE_NONE


def _message(message: chat_pb2.Message) -> dict[str, Any]:
    said: dict[str, Any] = {"role": _ROLES[message.role], "content": "".join(part.text for part in message.content)}
    if message.HasField("name"):
        said["name"] = message.name
    if message.tool_calls:
        said["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _json(call.arguments_json)}}
            for call in message.tool_calls
        ]
    if message.HasField("tool_call_id"):
        said["tool_call_id"] = message.tool_call_id
    return said


def _tool(tool: chat_pb2.Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "description": tool.description}
    function["parameters"] = (
        _json(tool.parameters_json) if tool.HasField("parameters_json") else {"type": "object", "properties": {}}
    )
    return {"type": "function", "function": function}


def _json(text: str) -> Any:
    """What templates write with `tojson`; arguments that are no JSON stay the text that they are."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _config(spelt: bytes) -> _Config:
    try:
        return msgspec.convert(json.loads(spelt), _Config)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the model's {CONFIG_FILE} is none: {error}") from error


def _tojson(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)
