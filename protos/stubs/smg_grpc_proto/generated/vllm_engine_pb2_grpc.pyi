"""Types of vLLM's gRPC service for grpc.aio, so far as the mesh touches it."""

from collections.abc import AsyncIterator, Awaitable
from typing import Any

import grpc
from smg_grpc_proto.generated import common_pb2, vllm_engine_pb2 as pb

Context = grpc.aio.ServicerContext[Any, Any]

class VllmEngineStub:
    def __init__(self, channel: grpc.aio.Channel) -> None: ...
    Generate: grpc.aio.UnaryStreamMultiCallable[pb.GenerateRequest, pb.GenerateResponse]
    Embed: grpc.aio.UnaryUnaryMultiCallable[pb.EmbedRequest, pb.EmbedResponse]
    HealthCheck: grpc.aio.UnaryUnaryMultiCallable[pb.HealthCheckRequest, pb.HealthCheckResponse]
    GetModelInfo: grpc.aio.UnaryUnaryMultiCallable[pb.GetModelInfoRequest, pb.GetModelInfoResponse]
    GetServerInfo: grpc.aio.UnaryUnaryMultiCallable[pb.GetServerInfoRequest, pb.GetServerInfoResponse]
    Abort: grpc.aio.UnaryUnaryMultiCallable[pb.AbortRequest, pb.AbortResponse]
    GetLoads: grpc.aio.UnaryUnaryMultiCallable[pb.GetLoadsRequest, pb.GetLoadsResponse]
    GetTokenizer: grpc.aio.UnaryStreamMultiCallable[common_pb2.GetTokenizerRequest, common_pb2.GetTokenizerChunk]

class VllmEngineServicer:
    def Generate(self, request: pb.GenerateRequest, context: Context) -> AsyncIterator[pb.GenerateResponse]: ...
    def Embed(self, request: pb.EmbedRequest, context: Context) -> Awaitable[pb.EmbedResponse]: ...
    def HealthCheck(self, request: pb.HealthCheckRequest, context: Context) -> Awaitable[pb.HealthCheckResponse]: ...
    def GetModelInfo(self, request: pb.GetModelInfoRequest, context: Context) -> Awaitable[pb.GetModelInfoResponse]: ...
    def GetServerInfo(self, request: pb.GetServerInfoRequest, context: Context) -> Awaitable[pb.GetServerInfoResponse]: ...
    def Abort(self, request: pb.AbortRequest, context: Context) -> Awaitable[pb.AbortResponse]: ...
    def GetLoads(self, request: pb.GetLoadsRequest, context: Context) -> Awaitable[pb.GetLoadsResponse]: ...
    def GetTokenizer(
        self, request: common_pb2.GetTokenizerRequest, context: Context
    ) -> AsyncIterator[common_pb2.GetTokenizerChunk]: ...

def add_VllmEngineServicer_to_server(servicer: VllmEngineServicer, server: grpc.aio.Server) -> None: ...
