"""Steps that generate text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.errors import Reason
from thinmesh_pipelines.flow.run import Refused, current
from thinmesh_pipelines.steps import Steps

A = TypeVar("A")


@dataclass(frozen=True)
class Reply:
    """What a model answered, whether it ended by itself, and what it took in tokens."""

    text: str
    whole: bool
    prompt_tokens: int
    completion_tokens: int

    def read(self, kind: type[A]) -> A:
        """The answer as a value of a type, where it was asked for by a schema. Ends the run where it is none."""
        try:
            return msgspec.json.decode(self.text, type=kind)
        except msgspec.DecodeError as error:
            cut = "" if self.whole else "; it was cut off: raise max_tokens"
            raise Refused(f"The model's answer is no {kind.__name__}: {error}{cut}.", Reason.INTERNAL) from None


async def chat(
    model: str,
    prompt: str,
    *,
    system: str | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    schema: type | Mapping[str, Any] | None = None,
    seconds: float | None = None,
) -> Reply:
    """A model's answer to a prompt; with a type or a JSON schema, JSON of that and nothing else."""
    messages = [_message(chat_pb2.ROLE_USER, prompt)]
    if system is not None:
        messages.insert(0, _message(chat_pb2.ROLE_SYSTEM, system))
    request = pb.GenerateRequest(
        model=model,
        chat=chat_pb2.ChatInput(messages=messages),
        sampling=sampling_pb2.Sampling(temperature=temperature),
        stopping=sampling_pb2.Stopping(max_tokens=max_tokens),
    )
    if schema is not None:
        wanted = msgspec.json.schema(schema) if isinstance(schema, type) else schema
        text = msgspec.json.encode(wanted).decode()
        request.response_format.json_schema.CopyFrom(sampling_pb2.JsonSchema(name="answer", schema_json=text, strict=True))
    answer = await current().ask(Steps.chat, pb.GenerateResponse, request, seconds=seconds)
    choice = answer.choices[0]
    whole = choice.finish_reason != pb.FINISH_REASON_LENGTH
    return Reply(choice.text, whole, answer.usage.prompt_tokens, answer.usage.completion_tokens)


def _message(role: chat_pb2.Role.ValueType, text: str) -> chat_pb2.Message:
    return chat_pb2.Message(role=role, content=[chat_pb2.ContentPart(text=text)])
