"""Typed request bodies as requests of the contract. Pure."""

from __future__ import annotations

import msgspec
from msgspec import UnsetType
from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.bounds import MAX_INPUTS, MAX_PROMPTS
from thinmesh_core.errors import invalid
from thinmesh_gateway.openai import requests
from thinmesh_gateway.vetting import request as vetting

DEFAULT_COMPLETION_TOKENS = 16
"""What OpenAI's text completions generate where the caller does not say."""

_ROLES = {
    "system": chat_pb2.ROLE_SYSTEM,
    "developer": chat_pb2.ROLE_DEVELOPER,
    "user": chat_pb2.ROLE_USER,
    "assistant": chat_pb2.ROLE_ASSISTANT,
    "tool": chat_pb2.ROLE_TOOL,
}
_MODES = {"none": chat_pb2.TOOL_MODE_NONE, "auto": chat_pb2.TOOL_MODE_AUTO, "required": chat_pb2.TOOL_MODE_REQUIRED}


def chat(body: requests.ChatCompletion) -> pb.GenerateRequest:
    """A chat completion as a generation."""
    request = pb.GenerateRequest(model=body.model)
    _chat_input(request.chat, body)
    _generation(request, body)
    limit = body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens
    if limit is not None:
        request.stopping.max_tokens = limit
    match body.response_format:
        case requests.JsonObjectFormat():
            request.response_format.json_object.SetInParent()
        case requests.JsonSchemaFormat(json_schema=schema):
            request.response_format.json_schema.CopyFrom(_schema(schema))
    if body.logprobs:
        request.logprobs.top = body.top_logprobs or 0
    elif body.top_logprobs:
        raise invalid("top_logprobs", "top_logprobs needs logprobs to be true.")
    return request


def completions(body: requests.TextCompletion) -> list[pb.GenerateRequest]:
    """A text completion as one generation per prompt; INVALID_REQUEST where what all of them repeat may not go on."""
    first, *others = _inputs(body.prompt, "prompt", MAX_PROMPTS)
    request = _completion(body, first)
    if others:
        vetting.check(request)
    return [request, *(_completion(body, one) for one in others)]


def embed(body: requests.Embeddings) -> pb.EmbedRequest:
    """An embedding request; one text or one list of tokens counts as one input."""
    request = pb.EmbedRequest(model=body.model, dimensions=body.dimensions)
    for one in _inputs(body.input, "input", MAX_INPUTS):
        if isinstance(one, str):
            request.inputs.add(text=one)
        else:
            request.inputs.add(token_ids=pb.TokenIds(ids=one))
    return request


def rerank(body: requests.Rerank) -> pb.RerankRequest:
    """A rerank request."""
    return pb.RerankRequest(model=body.model, query=body.query, documents=body.documents, top_n=body.top_n)


def parameters(given: msgspec.Raw | UnsetType) -> str | None:
    """The schema of a tool's parameters; none where it is left out, or null."""
    text = "null" if isinstance(given, UnsetType) else _text(given)
    return None if text == "null" else text


def _completion(body: requests.TextCompletion, prompt: str | list[int]) -> pb.GenerateRequest:
    request = pb.GenerateRequest(model=body.model)
    if isinstance(prompt, str):
        request.text = prompt
    else:
        request.token_ids.ids.extend(prompt)
    _generation(request, body)
    request.stopping.max_tokens = DEFAULT_COMPLETION_TOKENS if body.max_tokens is None else body.max_tokens
    if body.logprobs is not None:
        request.logprobs.top = body.logprobs
    return request


def _inputs(given: requests.Inputs, param: str, most: int) -> list[str | list[int]]:
    if isinstance(given, str):
        return [given]
    numbers = [one for one in given if isinstance(one, int)]
    several = [one for one in given if not isinstance(one, int)]
    if not given or (numbers and several) or len({type(one) for one in several}) > 1:
        raise invalid(param, f"{param} must be a text, a list of texts, a list of token ids, or a list of such lists.")
    if len(several) > most:
        raise invalid(param, f"{param} has {len(several)} entries, at most {most} are allowed.")
    return several or [numbers]


def _generation(request: pb.GenerateRequest, body: requests.Generation) -> None:
    for name, value in (
        ("temperature", body.temperature),
        ("top_p", body.top_p),
        ("top_k", body.top_k),
        ("min_p", body.min_p),
        ("frequency_penalty", body.frequency_penalty),
        ("presence_penalty", body.presence_penalty),
        ("repetition_penalty", body.repetition_penalty),
        ("seed", body.seed),
        ("n", body.n),
    ):
        if value is not None:  # set one by one: a message made of all fields and copied costs twice as much
            setattr(request.sampling, name, value)
    if body.logit_bias:
        request.sampling.logit_bias.update(body.logit_bias)
    if body.min_tokens is not None:
        request.stopping.min_tokens = body.min_tokens
    if body.ignore_eos is not None:
        request.stopping.ignore_eos = body.ignore_eos
    if body.stop:
        request.stopping.stop.extend([body.stop] if isinstance(body.stop, str) else body.stop)
    if body.stop_token_ids:
        request.stopping.stop_token_ids.extend(body.stop_token_ids)
    if body.structured_outputs is not None:
        request.response_format.CopyFrom(_structured(body.structured_outputs))
    if not isinstance(body.engine_options, UnsetType):
        request.engine_options_json = _text(body.engine_options)


def _structured(outputs: requests.StructuredOutputs) -> sampling_pb2.ResponseFormat:
    if sum(one is not None for one in (outputs.regex, outputs.grammar, outputs.choice)) != 1:
        raise invalid("structured_outputs", "Give exactly one of regex, grammar and choice.")
    if outputs.regex is not None:
        return sampling_pb2.ResponseFormat(regex=outputs.regex)
    if outputs.grammar is not None:
        return sampling_pb2.ResponseFormat(grammar=outputs.grammar)
    return sampling_pb2.ResponseFormat(choice=sampling_pb2.Choices(texts=outputs.choice or ()))


def _schema(schema: requests.Schema) -> sampling_pb2.JsonSchema:
    if isinstance(schema.schema, UnsetType):
        raise invalid("response_format.json_schema.schema", "The schema is missing.")
    return sampling_pb2.JsonSchema(
        name=schema.name, schema_json=_text(schema.schema), strict=schema.strict, description=schema.description
    )


def _chat_input(chat: chat_pb2.ChatInput, body: requests.ChatCompletion) -> None:
    chat.SetInParent()
    for message in body.messages:
        _message(chat.messages.add(role=_ROLES[message.role]), message)
    if body.parallel_tool_calls is not None:
        chat.parallel_tool_calls = body.parallel_tool_calls
    for tool in body.tools or ():
        function = tool.function
        schema = parameters(function.parameters)
        chat.tools.add(name=function.name, description=function.description, parameters_json=schema, strict=function.strict)
    if isinstance(body.tool_choice, requests.NamedTool):
        chat.tool_choice.function = body.tool_choice.function.name
    elif body.tool_choice is not None:
        chat.tool_choice.mode = _MODES[body.tool_choice]


def _message(said: chat_pb2.Message, message: requests.Message) -> None:
    content = message.refusal if message.content is None else message.content
    if isinstance(content, str):
        said.content.add(text=content)
    elif content is not None:
        said.content.extend(_part(part) for part in content)
    if message.name is not None:
        said.name = message.name
    for call in message.tool_calls or ():
        said.tool_calls.add(id=call.id, name=call.function.name, arguments_json=call.function.arguments)
    if message.tool_call_id is not None:
        said.tool_call_id = message.tool_call_id


def _part(part: requests.TextPart | requests.ImagePart | requests.RefusalPart) -> chat_pb2.ContentPart:
    match part:
        case requests.TextPart(text=text):
            return chat_pb2.ContentPart(text=text)
        case requests.RefusalPart(refusal=refusal):
            return chat_pb2.ContentPart(text=refusal)
        case requests.ImagePart(image_url=image):
            return chat_pb2.ContentPart(image=chat_pb2.Image(url=image.url, detail=image.detail))


def _text(raw: msgspec.Raw) -> str:
    return bytes(raw).decode()
