"""An OpenTelemetry collector, as far as it takes spans: the protocol's own generated service, and what it was sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from emitted import EMITTED
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.trace.v1 import trace_pb2

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"


class Receiver:
    """Keeps spans with the service that made each; `address` is where it listens."""

    def __init__(self) -> None:
        self.address = ""
        self.spans: list[tuple[str, trace_pb2.Span]] = []
        self._came = asyncio.Condition()

    async def export(self, request: pb.ExportTraceServiceRequest, context: Any) -> pb.ExportTraceServiceResponse:
        """Takes spans."""
        EMITTED.add("spans", request.SerializeToString())
        for resource in request.resource_spans:
            service = next(one.value.string_value for one in resource.resource.attributes if one.key == "service.name")
            self.spans += [(service, span) for scope in resource.scope_spans for span in scope.spans]
        async with self._came:
            self._came.notify_all()
        return pb.ExportTraceServiceResponse()

    async def sent(
        self, count: int, such: Callable[[trace_pb2.Span], bool] = lambda _: True
    ) -> list[tuple[str, trace_pb2.Span]]:
        """The spans of a kind, once there are as many."""
        async with asyncio.timeout(30), self._came:
            await self._came.wait_for(lambda: sum(such(span) for _, span in self.spans) >= count)
        return [one for one in self.spans if such(one[1])]


def attributes(span: trace_pb2.Span) -> dict[str, Any]:
    """A span's attributes by name."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value") or "string_value") for one in span.attributes}


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """One that is served on this machine."""
    server, receives = grpc.aio.server(), Receiver()
    read, write = pb.ExportTraceServiceRequest.FromString, pb.ExportTraceServiceResponse.SerializeToString
    methods = {"Export": grpc.unary_unary_rpc_method_handler(receives.export, read, write)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    receives.address = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield receives
    finally:
        await server.stop(None)
