"""Types of the Open Inference Protocol's service for grpc.aio; tritonclient ships none."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable
from typing import Any

import grpc
from tritonclient.grpc import service_pb2 as pb

Context = grpc.aio.ServicerContext[Any, Any]

class GRPCInferenceServiceStub:
    def __init__(self, channel: grpc.aio.Channel) -> None: ...
    ServerLive: grpc.aio.UnaryUnaryMultiCallable[pb.ServerLiveRequest, pb.ServerLiveResponse]
    ServerReady: grpc.aio.UnaryUnaryMultiCallable[pb.ServerReadyRequest, pb.ServerReadyResponse]
    ServerMetadata: grpc.aio.UnaryUnaryMultiCallable[pb.ServerMetadataRequest, pb.ServerMetadataResponse]
    ModelReady: grpc.aio.UnaryUnaryMultiCallable[pb.ModelReadyRequest, pb.ModelReadyResponse]
    ModelMetadata: grpc.aio.UnaryUnaryMultiCallable[pb.ModelMetadataRequest, pb.ModelMetadataResponse]
    ModelConfig: grpc.aio.UnaryUnaryMultiCallable[pb.ModelConfigRequest, pb.ModelConfigResponse]
    ModelStatistics: grpc.aio.UnaryUnaryMultiCallable[pb.ModelStatisticsRequest, pb.ModelStatisticsResponse]
    RepositoryIndex: grpc.aio.UnaryUnaryMultiCallable[pb.RepositoryIndexRequest, pb.RepositoryIndexResponse]
    ModelInfer: grpc.aio.UnaryUnaryMultiCallable[pb.ModelInferRequest, pb.ModelInferResponse]
    ModelStreamInfer: grpc.aio.StreamStreamMultiCallable[pb.ModelInferRequest, pb.ModelStreamInferResponse]

class GRPCInferenceServiceServicer:
    def ServerLive(self, request: pb.ServerLiveRequest, context: Context) -> Awaitable[pb.ServerLiveResponse]: ...
    def ServerReady(self, request: pb.ServerReadyRequest, context: Context) -> Awaitable[pb.ServerReadyResponse]: ...
    def ServerMetadata(self, request: pb.ServerMetadataRequest, context: Context) -> Awaitable[pb.ServerMetadataResponse]: ...
    def ModelReady(self, request: pb.ModelReadyRequest, context: Context) -> Awaitable[pb.ModelReadyResponse]: ...
    def ModelMetadata(self, request: pb.ModelMetadataRequest, context: Context) -> Awaitable[pb.ModelMetadataResponse]: ...
    def ModelConfig(self, request: pb.ModelConfigRequest, context: Context) -> Awaitable[pb.ModelConfigResponse]: ...
    def ModelStatistics(self, request: pb.ModelStatisticsRequest, context: Context) -> Awaitable[pb.ModelStatisticsResponse]: ...
    def ModelInfer(self, request: pb.ModelInferRequest, context: Context) -> Awaitable[pb.ModelInferResponse]: ...
    def ModelStreamInfer(
        self, request_iterator: AsyncIterable[pb.ModelInferRequest], context: Context
    ) -> AsyncIterator[pb.ModelStreamInferResponse]: ...

def add_GRPCInferenceServiceServicer_to_server(servicer: GRPCInferenceServiceServicer, server: grpc.aio.Server) -> None: ...
