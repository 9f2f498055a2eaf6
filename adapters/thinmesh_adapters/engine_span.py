"""The span of an engine's work, as its adapter sees it, by OpenTelemetry's conventions for generative AI."""

from __future__ import annotations

import time

from thinmesh.inference.v1 import inference_service_pb2 as pb
from tritonclient.grpc import service_pb2 as tensor_pb

from thinmesh_core import capabilities
from thinmesh_core.call import Call
from thinmesh_core.capabilities import Request
from thinmesh_core.traces import spans
from thinmesh_core.traces.spans import Kind, Traced


class EngineSpan(Traced):
    """Around a call of an engine of a kind; of a stream it is shown each event."""

    __slots__ = ("_began", "_first")

    def __init__(self, kind: str, request: Request, call: Call) -> None:
        super().__init__("engine", Kind.CLIENT, call)
        if self.kept:
            self._began, self._first = time.monotonic(), True
            operation, model = _operation(request), call.model or capabilities.model(request)
            self.name = f"{operation} {model}"
            self.attributes |= {spans.OPERATION: operation, spans.PROVIDER: kind, spans.MODEL: model}

    def event(self, event: pb.GenerateEvent) -> None:
        """Notes when the first came, and what was used."""
        if self._first:
            self._first = False
            self.attributes[spans.FIRST_TOKEN] = time.monotonic() - self._began
        if event.HasField("usage"):
            self.attributes[spans.INPUT_TOKENS] = event.usage.prompt_tokens
            self.attributes[spans.OUTPUT_TOKENS] = event.usage.completion_tokens


def _operation(request: Request) -> str:
    match request:
        case pb.GenerateRequest():
            return "chat" if request.HasField("chat") else "text_completion"
        case pb.EmbedRequest():
            return "embeddings"
        case pb.RerankRequest():
            return "rerank"
        case tensor_pb.ModelInferRequest():
            return "infer"
        case _:
            return "count_tokens"
