"""What one call leaves in the log of prompts: begun with the call, handed over at its end."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
from thinmesh.inference.v1 import inference_service_pb2 as pb
from tritonclient.grpc import service_pb2 as tensor_pb

from thinmesh_core import capabilities
from thinmesh_core.capabilities import Request
from thinmesh_core.errors import MeshError
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.guardrails import texts
from thinmesh_gateway.prompts.gathered import Gathered, Said
from thinmesh_gateway.prompts.redaction import Redaction


class Line(msgspec.Struct, frozen=True):
    """A line of prompts.jsonl. `outcome` is `ok`, `cancelled`, or why the call failed."""

    unix_ms: int
    request_id: str
    tenant: str
    model: str
    outcome: str
    prompts: list[Said]
    answer: list[Said]


class Record:
    """One call's texts as the engine saw and wrote them, after guardrails and before anything is restored."""

    __slots__ = ("_answer", "_call", "_ended", "_model", "_outcome", "_prompts", "_redaction", "_take")

    def __init__(self, call: AuthorizedCall, redaction: Redaction, most: int, take: Callable[[Record], None]) -> None:
        self._call = call
        self._redaction = redaction
        self._take = take
        self._prompts = Gathered(most)
        self._answer = Gathered(most)
        self._model = ""
        self._outcome = "ok"
        self._ended = 0

    @property
    def characters(self) -> int:
        """How many it keeps in memory."""
        return self._prompts.characters + self._answer.characters

    def asked(self, request: Request) -> None:
        """Takes a request's texts; tensors are none."""
        if isinstance(request, tensor_pb.ModelInferRequest):
            return
        self._model = capabilities.model(request)
        for number, one in enumerate(texts.of_request(request)):
            self._prompts.add(0, one.kind, number, one.text, json=one.json)

    def answered(self, answer: pb.GenerateResponse) -> None:
        """Takes a whole answer's texts."""
        for choice in answer.choices:
            for number, one in enumerate(texts.of_choice(choice)):
                self._answer.add(choice.index, one.kind, number, one.text, json=one.json)

    def event(self, event: pb.GenerateEvent) -> None:
        """Takes those of a streamed event."""
        for delta in event.deltas:
            if delta.text:
                self._answer.add(delta.index, "answer", 0, delta.text)
            if delta.reasoning:
                self._answer.add(delta.index, "reasoning", 0, delta.reasoning)
            for call in delta.tool_calls:
                self._answer.add(delta.index, "arguments", call.index, call.arguments_json, json=True)

    def end(self, error: BaseException | None) -> None:
        """Hands it over, where an engine was asked anything in words."""
        if not self._model:
            return
        self._ended = int(time.time() * 1000)
        if error is not None:
            self._outcome = error.reason.name if isinstance(error, MeshError) else "cancelled"
        self._answer.join()
        self._take(self)

    def line(self) -> Line:
        """The line, masked; that takes time."""
        return Line(
            self._ended,
            self._call.request_id,
            self._call.tenant,
            self._model,
            self._outcome,
            self._prompts.redacted(self._redaction),
            self._answer.redacted(self._redaction),
        )
