"""The texts of requests and of answers, taken out for guardrails and put back. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import TypeVar, cast

from thinmesh.inference.v1 import chat_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_gateway.guardrails.contract import Kind, Text
from thinmesh_gateway.privacy.escapes import unescaped
from thinmesh_gateway.privacy.requests import TextRequest, rewrite

T = TypeVar("T", bound=TextRequest)

_ROLES: dict[int, Kind] = {
    chat_pb2.ROLE_SYSTEM: "system",
    chat_pb2.ROLE_DEVELOPER: "developer",
    chat_pb2.ROLE_USER: "user",
    chat_pb2.ROLE_ASSISTANT: "assistant",
    chat_pb2.ROLE_TOOL: "tool",
}


def of_request(request: TextRequest) -> list[Text]:
    """Every text of a request, in its order; JSON without needless escapes."""
    found: list[Text] = []

    def take(param: str, text: str, json: bool) -> str:
        found.append(Text(_kind(request, param), unescaped(text) if json else text, json))
        return text

    rewrite(request, take)
    return found


def into_request(request: T, old: Sequence[Text], new: Sequence[Text]) -> T:
    """A copy of a request with other texts; those that are the same stay as they were written."""
    changes = iter(zip(old, new, strict=True))

    def put(param: str, text: str, json: bool) -> str:
        before, after = next(changes)
        return text if before == after else after.text

    changed = deepcopy(request)
    rewrite(changed, put)
    return changed


def of_choice(choice: pb.Choice) -> list[Text]:
    """Every text of a choice."""
    found = [Text("answer", choice.text), Text("reasoning", choice.reasoning)]
    return [
        *(one for one in found if one.text),
        *(Text("arguments", unescaped(call.arguments_json), json=True) for call in choice.tool_calls),
    ]


def into_choice(choice: pb.Choice, new: Sequence[Text]) -> pb.Choice:
    """A copy of a choice with other texts. Log probabilities are dropped: they tell the same text once more."""
    changed = pb.Choice()
    changed.CopyFrom(choice)
    left = iter(new)
    if choice.text:
        changed.text = next(left).text
    if choice.reasoning:
        changed.reasoning = next(left).text
    for call in changed.tool_calls:
        call.arguments_json = next(left).text
    changed.ClearField("logprobs")
    return changed


def _kind(request: TextRequest, param: str) -> Kind:
    """Where a parameter's text stands: who says it, for what is said in a conversation."""
    first, _, rest = param.partition("[")
    if first != "messages" or isinstance(request, pb.EmbedRequest | pb.RerankRequest):
        return cast("Kind", first)
    number, _, part = rest.partition("].")
    if part == "content":
        return _ROLES.get(request.chat.messages[int(number)].role, "user")
    return "arguments" if part == "tool_calls" else "name"
