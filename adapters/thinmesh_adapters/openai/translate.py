"""Requests of the contract as OpenAI's JSON bodies. Pure."""

from __future__ import annotations

from typing import Any

import msgspec
from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.call import Call

Body = dict[str, Any]
"""A JSON object as the engine reads it; msgspec.Raw inside is text that stays verbatim."""

_ROLES = {
    chat_pb2.ROLE_SYSTEM: "system",
    chat_pb2.ROLE_DEVELOPER: "developer",
    chat_pb2.ROLE_USER: "user",
    chat_pb2.ROLE_ASSISTANT: "assistant",
    chat_pb2.ROLE_TOOL: "tool",
}
_MODES = {
    chat_pb2.TOOL_MODE_AUTO: "auto",
    chat_pb2.TOOL_MODE_NONE: "none",
    chat_pb2.TOOL_MODE_REQUIRED: "required",
}


def headers(call: Call) -> dict[str, str]:
    """What an engine is told of a call beside its body; every attempt of a job's step has the same key."""
    told = {"x-request-id": call.request_id, **dict(call.trace)}
    return told if call.step is None else told | {"idempotency-key": call.step}


def generate_body(request: pb.GenerateRequest, model: str, *, stream: bool = True) -> Body:
    """The body of a chat or text completion; unset knobs are left out, so that the engine's defaults hold."""
    body: Body = {"model": model}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    if request.HasField("chat"):
        body |= chat_body(request.chat)
    else:
        body["prompt"] = request.text if request.HasField("text") else list(request.token_ids.ids)
    _sampling(body, request.sampling)
    _stopping(body, request.stopping)
    if request.HasField("response_format"):
        _response_format(body, request.response_format)
    if request.HasField("logprobs"):
        _logprobs(body, request.logprobs.top, chat=request.HasField("chat"))
    if request.HasField("engine_options_json"):
        body |= msgspec.json.decode(request.engine_options_json, type=dict[str, msgspec.Raw])
    return body


def chat_body(chat: chat_pb2.ChatInput) -> Body:
    """The part of a body that holds a conversation."""
    body: Body = {"messages": [_message(message) for message in chat.messages[:]]}
    if chat.tools:
        body["tools"] = [{"type": "function", "function": _function(tool)} for tool in chat.tools]
    if chat.HasField("tool_choice"):
        match chat.tool_choice.WhichOneof("choice"):
            case "mode" if chat.tool_choice.mode in _MODES:
                body["tool_choice"] = _MODES[chat.tool_choice.mode]
            case "function":
                body["tool_choice"] = {"type": "function", "function": {"name": chat.tool_choice.function}}
    if chat.HasField("parallel_tool_calls"):
        body["parallel_tool_calls"] = chat.parallel_tool_calls
    return body


def embed_body(request: pb.EmbedRequest, model: str) -> Body:
    """The body of an embedding request."""
    inputs = [one.text if one.HasField("text") else list(one.token_ids.ids) for one in request.inputs]
    body: Body = {"model": model, "input": inputs, "encoding_format": "float"}
    if request.HasField("dimensions"):
        body["dimensions"] = request.dimensions
    return body


def rerank_body(request: pb.RerankRequest, model: str) -> Body:
    """The body of a rerank request, in the form that vLLM, llama.cpp and Jina share."""
    return {
        "model": model,
        "query": request.query,
        "documents": list(request.documents),
        "top_n": request.top_n or len(request.documents),
    }


def _message(message: chat_pb2.Message) -> Body:
    body: Body = {"role": _ROLES[message.role], "content": _content(message)}
    if message.HasField("name"):
        body["name"] = message.name
    if message.tool_calls:
        body["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments_json}}
            for call in message.tool_calls
        ]
    if message.HasField("tool_call_id"):
        body["tool_call_id"] = message.tool_call_id
    return body


def _content(message: chat_pb2.Message) -> str | list[Body] | None:
    """One text as a string, which every engine's template takes; several parts as a list."""
    parts = message.content
    if not parts:
        return None if message.tool_calls else ""
    if len(parts) == 1 and (part := parts[0]).HasField("text"):
        return part.text
    return [_part(part) for part in parts]


def _part(part: chat_pb2.ContentPart) -> Body:
    if part.HasField("text"):
        return {"type": "text", "text": part.text}
    image: Body = {"url": part.image.url}
    if part.image.HasField("detail"):
        image["detail"] = part.image.detail
    return {"type": "image_url", "image_url": image}


def _function(tool: chat_pb2.Tool) -> Body:
    body: Body = {"name": tool.name}
    if tool.HasField("description"):
        body["description"] = tool.description
    if tool.HasField("parameters_json"):
        body["parameters"] = _verbatim(tool.parameters_json)
    if tool.HasField("strict"):
        body["strict"] = tool.strict
    return body


def _sampling(body: Body, sampling: sampling_pb2.Sampling) -> None:
    for field, value in sampling.ListFields():  # what is set; their names are OpenAI's
        if field.name == "logit_bias":
            body["logit_bias"] = {str(token): _shortest(bias) for token, bias in value.items()}
        else:
            body[field.name] = _shortest(value) if isinstance(value, float) else value


def _stopping(body: Body, stopping: sampling_pb2.Stopping) -> None:
    for field, value in stopping.ListFields():  # likewise
        body[field.name] = value if isinstance(value, int) else list(value)


def _response_format(body: Body, form: sampling_pb2.ResponseFormat) -> None:
    match form.WhichOneof("format"):
        case "json_object":
            body["response_format"] = {"type": "json_object"}
        case "json_schema":
            schema: Body = {"name": form.json_schema.name, "schema": _verbatim(form.json_schema.schema_json)}
            if form.json_schema.HasField("strict"):
                schema["strict"] = form.json_schema.strict
            if form.json_schema.HasField("description"):
                schema["description"] = form.json_schema.description
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        case "regex":
            body["structured_outputs"] = {"regex": form.regex}
        case "grammar":
            body["structured_outputs"] = {"grammar": form.grammar}
        case "choice":
            body["structured_outputs"] = {"choice": list(form.choice.texts)}


def _logprobs(body: Body, top: int, *, chat: bool) -> None:
    if chat:
        body["logprobs"] = True
        body["top_logprobs"] = top
    else:
        body["logprobs"] = top


def _verbatim(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


def _shortest(value: float) -> float:
    """The shortest decimal that is this float32: 0.7 stays 0.7 and does not become 0.699999988."""
    return float(f"{value:.7g}")
