"""A stream of tensors at the router: what its caller is told of quotas and queue."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.adapter.v1 import adapter_service_pb2_grpc as adapter_grpc
from thinmesh.inference.v1 import capability_pb2 as cap
from tritonclient.grpc import service_pb2 as tensor_pb
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from fakes.adapter import ScriptedAdapter
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_core.interceptors import ErrorInterceptor
from thinmesh_core.tenants import QuotaConfig, TenantConfig

Route = Callable[..., Awaitable[Any]]
TensorServicer: Any = tensor_grpc.GRPCInferenceServiceServicer
SECONDS = 10.0


class TensorAdapter(ScriptedAdapter, TensorServicer):
    """Answers each request of a stream twice."""

    def __init__(self) -> None:
        super().__init__()
        model = adapter_pb.ServedModel(name="m", capabilities=[cap.CAPABILITY_TENSORS])
        self.status = adapter_pb.Status(state=adapter_pb.STATE_READY, models=[model], max_concurrency=8)

    def channel(self) -> InProcessChannel:
        server = InProcessServer("tensors", [ErrorInterceptor()])
        adapter_grpc.add_AdapterServiceServicer_to_server(self, server)
        tensor_grpc.add_GRPCInferenceServiceServicer_to_server(self, server)
        return InProcessChannel(server)

    async def ModelStreamInfer(self, requests: Any, context: Any) -> AsyncIterator[tensor_pb.ModelStreamInferResponse]:
        async for _ in requests:
            for _ in range(2):
                yield tensor_pb.ModelStreamInferResponse()


async def requests(count: int) -> AsyncIterator[tensor_pb.ModelInferRequest]:
    for _ in range(count):
        yield tensor_pb.ModelInferRequest(model_name="m")


async def test_a_stream_tells_once_what_is_left(route: Route) -> None:
    tenants = {"t": TenantConfig(quota=QuotaConfig(requests_per_minute=10))}
    routed = await route({"a": TensorAdapter()}, tenants=tenants)
    metadata = (("thinmesh-tenant", "t"), ("x-thinmesh-queue", "true"))
    call = routed.tensors.ModelStreamInfer(requests(3), timeout=SECONDS, metadata=metadata)
    assert len([response async for response in call]) == 6
    told = dict(await call.initial_metadata())
    assert told["x-ratelimit-limit-requests"] == "10"
    assert told["x-thinmesh-queue-position"] == "0"
