"""A router in front of scripted adapters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.model.v1 import model_service_pb2_grpc as model_grpc
from thinmesh.router.v1 import autoscale_service_pb2_grpc as autoscale_grpc
from thinmesh.router.v1 import backend_service_pb2_grpc as backend_grpc
from thinmesh.third_party.keda import externalscaler_pb2_grpc as keda_grpc
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from fakes.adapter import ScriptedAdapter
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_core.interceptors import ErrorInterceptor
from thinmesh_router.app import RouterApp, build
from thinmesh_router.config import ModelConfig, RouterConfig


@dataclass(frozen=True)
class Routed:
    """A router and its stubs."""

    app: RouterApp
    stub: Any
    models: Any
    backends: Any
    tensors: Any
    autoscale: Any
    scaler: Any


Route = Callable[..., Awaitable[Routed]]


@pytest.fixture
async def route() -> AsyncIterator[Route]:
    """Puts a router in front of adapters, by default one model `m` over all of them; returns when it has heard of each."""
    async with AsyncExitStack() as stack:

        async def serve(
            adapters: dict[str, ScriptedAdapter], models: dict[str, ModelConfig] | None = None, **settings: Any
        ) -> Routed:
            config = RouterConfig(
                models=models or {"m": ModelConfig(backends=tuple(adapters))},
                backends={name: name for name in adapters},
                **settings,
            )
            app = build(config, lambda address: adapters[address].channel())
            await stack.enter_async_context(app)
            server = InProcessServer("router", [ErrorInterceptor()])
            app.register(server)
            channel = InProcessChannel(server)
            await asyncio.sleep(0.01)  # the watches read their first status
            return Routed(
                app,
                inference_grpc.InferenceServiceStub(channel),
                model_grpc.ModelServiceStub(channel),
                backend_grpc.BackendServiceStub(channel),
                tensor_grpc.GRPCInferenceServiceStub(channel),
                autoscale_grpc.AutoscaleServiceStub(channel),
                keda_grpc.ExternalScalerStub(channel),
            )

        yield serve
