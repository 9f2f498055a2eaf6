"""An adapter from the generated stubs and grpc alone, as a stranger would write it: says the prompt in capitals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.adapter.v1 import adapter_service_pb2_grpc as adapter_grpc
from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.inference.v1 import usage_pb2

Inference: Any = inference_grpc.InferenceServiceServicer
Adapter: Any = adapter_grpc.AdapterServiceServicer

LIMIT = 8


class CapitalsAdapter(Inference, Adapter):
    """A token is a word; declares text completion and counting, and refuses the rest by name."""

    running = 0
    draining = False

    async def StreamGenerate(self, request: pb.GenerateRequest, context: Any) -> AsyncIterator[pb.GenerateEvent]:
        words, reason = await self._answer(request, context)
        self.running += 1
        try:
            for word in words:
                await asyncio.sleep(0.001)
                yield pb.GenerateEvent(deltas=[pb.Delta(text=word)])
            usage = usage_pb2.Usage(prompt_tokens=len(request.text.split()), completion_tokens=len(words))
            yield pb.GenerateEvent(finishes=[pb.Finish(reason=reason)], usage=usage)
        finally:
            self.running -= 1

    async def Generate(self, request: pb.GenerateRequest, context: Any) -> pb.GenerateResponse:
        choice, usage = pb.Choice(), usage_pb2.Usage()
        async for event in self.StreamGenerate(request, context):
            choice.text += "".join(delta.text for delta in event.deltas)
            for finish in event.finishes:
                choice.finish_reason, usage = finish.reason, event.usage
        return pb.GenerateResponse(choices=[choice], usage=usage)

    async def CountTokens(self, request: pb.CountTokensRequest, context: Any) -> pb.CountTokensResponse:
        return pb.CountTokensResponse(tokens=len(request.text.split()))

    async def GetStatus(self, request: Any, context: Any) -> adapter_pb.GetStatusResponse:
        return adapter_pb.GetStatusResponse(status=self._status())

    async def WatchStatus(self, request: Any, context: Any) -> AsyncIterator[adapter_pb.WatchStatusResponse]:
        while True:
            yield adapter_pb.WatchStatusResponse(status=self._status())
            await asyncio.sleep(0.5)

    async def Drain(self, request: Any, context: Any) -> adapter_pb.DrainResponse:
        self.draining = True
        return adapter_pb.DrainResponse()

    def _status(self) -> adapter_pb.Status:
        state = adapter_pb.STATE_DRAINING if self.draining else adapter_pb.STATE_READY
        capabilities = [cap.CAPABILITY_COMPLETION, cap.CAPABILITY_COUNT_TOKENS]
        model = adapter_pb.ServedModel(name="capitals", capabilities=capabilities)
        return adapter_pb.Status(state=state, models=[model], max_concurrency=LIMIT, running=self.running)

    async def _answer(self, request: pb.GenerateRequest, context: Any) -> tuple[list[str], pb.FinishReason.ValueType]:
        if self.draining:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "draining")
        if self.running >= LIMIT:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "busy")
        if not request.HasField("text"):
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "only completion is served, not chat or tools")
        for field, wanted in (("n", request.sampling.n > 1), ("logprobs", request.HasField("logprobs")),
                              ("regex", request.response_format.HasField("regex")),
                              ("json_schema", request.response_format.HasField("json_schema"))):  # fmt: skip
            if wanted:
                await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{field} is not served")
        text = request.text.upper()
        ends = [text.find(stop) for stop in request.stopping.stop if stop in text]
        words = [f" {word}" if number else word for number, word in enumerate((text[: min(ends)] if ends else text).split(" "))]
        most = request.stopping.max_tokens or len(words)
        if request.stopping.ignore_eos:
            words = (words * (most // len(words) + 1))[:most]
            return words, pb.FINISH_REASON_LENGTH
        return words[:most], pb.FINISH_REASON_LENGTH if len(words) > most else pb.FINISH_REASON_STOP


async def serve(address: str) -> grpc.aio.Server:
    """The adapter on a network address."""
    server, adapter = grpc.aio.server(), CapitalsAdapter()
    inference_grpc.add_InferenceServiceServicer_to_server(adapter, server)
    adapter_grpc.add_AdapterServiceServicer_to_server(adapter, server)
    server.add_insecure_port(address)
    await server.start()
    return server
