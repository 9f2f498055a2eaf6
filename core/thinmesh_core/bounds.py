"""The ranges of every field of a request, checked once at the gateway for REST and gRPC alike, before anything is queued."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb
from tritonclient.grpc import service_pb2 as tensor_pb

from thinmesh_core import strict_json, tensors
from thinmesh_core.capabilities import Request
from thinmesh_core.errors import invalid

MAX_MODEL_CHARACTERS = 128
MAX_MESSAGES = 2048
MAX_PARTS = 1024
MAX_TOOLS = 128
MAX_NAME_CHARACTERS = 64
MAX_ID_CHARACTERS = 1024
MAX_STOPS = 16
MAX_STOP_CHARACTERS = 1024
MAX_CHOICES = 128
MAX_N = 128
MAX_TOKENS = 1 << 22
MAX_TOP_LOGPROBS = 20
MAX_LOGIT_BIASES = 1024
MAX_INPUTS = 2048
MAX_PROMPTS = 128
MAX_OPTIONS_CHARACTERS = 64 * 1024
MAX_DIMENSIONS = 1 << 16

_MODEL = re.compile(r"[^\x00-\x20\x7f-\xa0\u2028\u2029]+")
_ROLES = frozenset(chat_pb2.Role.values()) - {chat_pb2.ROLE_UNSPECIFIED}
_MODES = frozenset(chat_pb2.ToolMode.values())
_DETAILS = frozenset({"auto", "low", "high"})

# The least and the most of a field of Sampling; both allowed.
_SAMPLING_RANGES = {
    "temperature": (0.0, 2.0),
    "top_p": (0.0, 1.0),
    "top_k": (0, 1 << 20),
    "min_p": (0.0, 1.0),
    "frequency_penalty": (-2.0, 2.0),
    "presence_penalty": (-2.0, 2.0),
    "repetition_penalty": (0.0, 10.0),
    "n": (1, MAX_N),
}


def check(request: Request) -> None:
    """INVALID_REQUEST with the field's name unless every field is within its range."""
    if isinstance(request, tensor_pb.ModelInferRequest):
        tensors.check(request)
        return
    if not harmless(request.model):
        raise invalid("model", f"model must have 1 to {MAX_MODEL_CHARACTERS} characters, and none that is not seen.")
    match request:
        case pb.GenerateRequest():
            _generate(request)
        case pb.EmbedRequest():
            _embed(request)
        case pb.RerankRequest():
            _length("query", request.query, 1, None)
            _count("documents", request.documents, 1, MAX_INPUTS)
            if request.HasField("top_n"):
                _range("top_n", request.top_n, 1, MAX_INPUTS)
        case pb.CountTokensRequest():
            if request.WhichOneof("input") is None:
                raise invalid("input", "Give chat messages or a text.")
            if request.HasField("chat"):
                _chat(request.chat)


def harmless(model: str) -> bool:
    """Whether a name can stand in a log, a metric or an error: it is short and all of it is seen."""
    return len(model) <= MAX_MODEL_CHARACTERS and _MODEL.fullmatch(model) is not None


def _generate(request: pb.GenerateRequest) -> None:
    match request.WhichOneof("input"):
        case None:
            raise invalid("input", "Give chat messages, a text or token ids.")
        case "chat":
            _chat(request.chat)
        case "text":
            _length("prompt", request.text, 1, None)
        case "token_ids":
            _count("prompt", request.token_ids.ids, 1, MAX_TOKENS)
    if request.HasField("sampling"):
        _sampling(request.sampling)
    if request.HasField("stopping"):
        _stopping(request.stopping)
    if request.HasField("response_format"):
        _response_format(request.response_format)
    if request.HasField("logprobs"):
        _range("top_logprobs" if request.HasField("chat") else "logprobs", request.logprobs.top, 0, MAX_TOP_LOGPROBS)
    if (request.sampling.n or 1) * request.stopping.max_tokens > MAX_TOKENS:
        raise invalid("n", f"n times max_tokens is above {MAX_TOKENS}.")
    if request.HasField("engine_options_json"):
        options = request.engine_options_json
        _length("engine_options", options, 1, MAX_OPTIONS_CHARACTERS)
        if (fault := _options_fault(options)) is not None:
            raise invalid("engine_options", f"engine_options {fault}.")


def _embed(request: pb.EmbedRequest) -> None:
    _count("input", request.inputs, 1, MAX_INPUTS)
    for one in request.inputs:
        if not (one.text or one.token_ids.ids):
            raise invalid("input", "An input is empty: give a text or token ids.")
    if request.HasField("dimensions"):
        _range("dimensions", request.dimensions, 1, MAX_DIMENSIONS)


def _chat(chat: chat_pb2.ChatInput) -> None:
    messages = chat.messages
    _count("messages", messages, 1, MAX_MESSAGES)
    for index, message in enumerate(messages[:]):  # going through a list is half the price
        _message(index, message)
    if chat.tools:
        _count("tools", chat.tools, 0, MAX_TOOLS)
        for tool in chat.tools:
            _length("tools", tool.name, 1, MAX_NAME_CHARACTERS)
    if chat.HasField("tool_choice"):
        _tool_choice(chat)


def _message(index: int, message: chat_pb2.Message) -> None:
    role, content, calls = message.role, message.content, message.tool_calls
    if role not in _ROLES:
        raise invalid(f"messages[{index}].role", "A message has no role.")
    for part in content[:]:
        kind = part.WhichOneof("part")
        if kind != "text":
            _unusual(index, kind, part)
    if len(content) > MAX_PARTS:
        _count(f"messages[{index}].content", content, 0, MAX_PARTS)
    if message.HasField("name"):
        _length(f"messages[{index}].name", message.name, 0, MAX_NAME_CHARACTERS)
    if calls:
        _calls(f"messages[{index}].tool_calls", calls)
    answers = message.tool_call_id
    if answers:
        _length(f"messages[{index}].tool_call_id", answers, 0, MAX_ID_CHARACTERS)
    elif role == chat_pb2.ROLE_TOOL:
        raise invalid(f"messages[{index}].tool_call_id", "A tool message names the call that it answers.")


def _unusual(index: int, kind: str | None, part: chat_pb2.ContentPart) -> None:
    """A part that is no text."""
    if kind is None:
        raise invalid(f"messages[{index}].content", "A content part is empty.")
    if kind == "image" and part.image.HasField("detail") and part.image.detail not in _DETAILS:
        raise invalid(f"messages[{index}].content", "An image's detail must be auto, low or high.")


def _calls(where: str, calls: Sequence[chat_pb2.ToolCall]) -> None:
    _count(where, calls, 0, MAX_TOOLS)
    for call in calls:
        _length(where, call.id, 0, MAX_ID_CHARACTERS)
        _length(where, call.name, 0, MAX_NAME_CHARACTERS)
        if not strict_json.shallow(call.arguments_json):
            what = f"The arguments of a call are nested deeper than {strict_json.MAX_DEPTH} levels."
            raise invalid(where, what)


def _tool_choice(chat: chat_pb2.ChatInput) -> None:
    if chat.tool_choice.HasField("function") and chat.tool_choice.function not in {tool.name for tool in chat.tools}:
        raise invalid("tool_choice", "The function to call is not among the tools.")
    if chat.tool_choice.mode not in _MODES:
        raise invalid("tool_choice", "tool_choice is none of auto, none, required and a function.")
    if chat.tool_choice.mode == chat_pb2.TOOL_MODE_REQUIRED and not chat.tools:
        raise invalid("tool_choice", "A call is required, but no tools are given.")


def _sampling(sampling: sampling_pb2.Sampling) -> None:
    for field, value in sampling.ListFields():
        name = field.name
        if name in _SAMPLING_RANGES:
            _range(name, value, *_SAMPLING_RANGES[name])
            if name == "repetition_penalty" and value == 0:
                raise invalid("repetition_penalty", "repetition_penalty must be above 0.")
        elif name == "logit_bias":
            _biases(value)


def _biases(biases: Mapping[int, float]) -> None:
    if len(biases) > MAX_LOGIT_BIASES:
        raise invalid("logit_bias", f"At most {MAX_LOGIT_BIASES} tokens can be biased.")
    for bias in biases.values():
        _range("logit_bias", bias, -100.0, 100.0)


def _stopping(stopping: sampling_pb2.Stopping) -> None:
    if stopping.HasField("max_tokens"):
        _range("max_tokens", stopping.max_tokens, 1, MAX_TOKENS)
    if stopping.HasField("min_tokens"):
        _range("min_tokens", stopping.min_tokens, 0, MAX_TOKENS)
        if stopping.HasField("max_tokens") and stopping.min_tokens > stopping.max_tokens:
            raise invalid("min_tokens", "min_tokens is above max_tokens.")
    if stopping.stop:
        _count("stop", stopping.stop, 0, MAX_STOPS)
        for text in stopping.stop:
            _length("stop", text, 1, MAX_STOP_CHARACTERS)
    if stopping.stop_token_ids:
        _count("stop_token_ids", stopping.stop_token_ids, 0, MAX_STOPS)


def _response_format(form: sampling_pb2.ResponseFormat) -> None:
    match form.WhichOneof("format"):
        case None:
            raise invalid("response_format", "The response format is empty.")
        case "json_schema":
            _length("response_format", form.json_schema.name, 1, MAX_NAME_CHARACTERS)
        case "regex":
            _length("response_format", form.regex, 1, MAX_STOP_CHARACTERS)
        case "grammar":
            _length("response_format", form.grammar, 1, None)
        case "choice":
            _count("response_format", form.choice.texts, 1, MAX_CHOICES)
            for text in form.choice.texts:
                _length("response_format", text, 1, MAX_STOP_CHARACTERS)


def _range(param: str, value: float, least: float, most: float) -> None:
    if not (math.isfinite(value) and least <= value <= most):
        raise invalid(param, f"{param} must be from {least} to {most}, not {value:g}.")


def _length(param: str, text: str, least: int, most: int | None) -> None:
    if len(text) < least:
        raise invalid(param, f"{param} is empty.")
    if most is not None and len(text) > most:
        raise invalid(param, f"{param} has {len(text)} characters, at most {most} are allowed.")


def _count(param: str, items: Sequence[object], least: int, most: int) -> None:
    if len(items) < least:
        raise invalid(param, f"{param} is empty.")
    if len(items) > most:
        raise invalid(param, f"{param} has {len(items)} entries, at most {most} are allowed.")


@lru_cache(256)
def _options_fault(text: str) -> str | None:
    """Callers send the same ones again and again, also with each of a call's prompts."""
    try:
        return None if isinstance(strict_json.parse(text), dict) else "must be an object"
    except ValueError as error:
        return str(error)
