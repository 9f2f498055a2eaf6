"""Where llama.cpp's OpenAI API has words or ways of its own. Pure."""

from __future__ import annotations

from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.fields import count
from thinmesh_adapters.openai.answer import Answer, EngineUsage
from thinmesh_adapters.openai.translate import Body, generate_body
from thinmesh_core.errors import invalid

_RENAMED = {"repetition_penalty": "repeat_penalty"}
_UNKNOWN = ("min_tokens", "stop_token_ids")
"""What llama.cpp would drop in silence."""


def llama_body(request: pb.GenerateRequest, model: str) -> Body:
    """The body of a streaming completion; INVALID_REQUEST for what llama.cpp does not have."""
    body = generate_body(request, model)
    # llama.cpp finds out that nobody listens by writing: reports of progress make it write while it reads a long prompt
    body["return_progress"] = True
    for name in _UNKNOWN:
        if name in body:
            raise invalid(name, f"This model's engine has no {name}.")
    for ours, theirs in _RENAMED.items():
        if ours in body:
            body[theirs] = body.pop(ours)
    if "structured_outputs" in body:
        body["grammar"] = body.pop("structured_outputs")["grammar"]
    if "prompt" in body and "response_format" in body:  # its text completions know schemas by another name
        form = body.pop("response_format")
        body["json_schema"] = form["json_schema"]["schema"] if form["type"] == "json_schema" else {"type": "object"}
    return body


class LlamaAnswer(Answer):
    """llama.cpp reports the usage of each choice by itself: the prompt once more, its own tokens."""

    def count(self, used: EngineUsage) -> None:
        """Adds a choice's tokens to those of the choices before."""
        before = 0 if self.usage is None else self.usage.completion_tokens or 0
        used.completion_tokens = count(before + (used.completion_tokens or 0))
        self.usage = used
