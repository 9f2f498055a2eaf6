"""Calls that the caller insists on: what the engine is held to, in the words of its model. Pure."""

from __future__ import annotations

import json
from typing import Any

from thinmesh.inference.v1 import chat_pb2

from thinmesh_adapters.text.tools import Style

_NO_ARGUMENTS = '{"type": "object", "properties": {}}'


def insists(chat: chat_pb2.ChatInput) -> bool:
    """Whether a tool must be called."""
    return chat.tool_choice.HasField("function") or chat.tool_choice.mode == chat_pb2.TOOL_MODE_REQUIRED


def structural_tag(chat: chat_pb2.ChatInput, style: Style) -> str:
    """What leaves the model nothing to write but calls, each within its tool's schema, in the notation of xgrammar.

    In its own style a model calls better than held to the arguments' schema alone: it knows that it calls. It writes one call
    unless the caller wants several at once: small models find no end to them.

    https://xgrammar.mlc.ai/docs/tutorials/structural_tag.html
    """
    named = chat.tool_choice.function if chat.tool_choice.HasField("function") else None
    single = named is not None or not chat.parallel_tool_calls
    calls = {
        "type": "tags_with_separator",
        "tags": [_tag(tool, style) for tool in chat.tools if named in {None, tool.name}],
        "separator": style.separator,
        "at_least_one": True,
        "stop_after_first": single,
    }
    return json.dumps({"type": "structural_tag", "format": calls})


def _tag(tool: chat_pb2.Tool, style: Style) -> dict[str, Any]:
    schema = tool.parameters_json if tool.HasField("parameters_json") else _NO_ARGUMENTS
    return {
        "begin": f"{style.before}{json.dumps(tool.name)}{style.between}",
        "content": {"type": "json_schema", "json_schema": json.loads(schema)},
        "end": style.after,
    }
