"""The router, built: routes, the live backends, and the services in front of them."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

import grpc
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.model.v1 import model_service_pb2_grpc as model_grpc
from thinmesh.router.v1 import autoscale_service_pb2_grpc as autoscale_grpc
from thinmesh.router.v1 import backend_service_pb2_grpc as backend_grpc
from thinmesh.router.v1 import quota_service_pb2_grpc as quota_grpc
from thinmesh.third_party.keda import externalscaler_pb2_grpc as keda_grpc
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from thinmesh_core.app import App
from thinmesh_core.channel import Channels
from thinmesh_core.peers import AUTOSCALER, GATEWAY, OPERATOR, ROUTER
from thinmesh_router.admission import Admission
from thinmesh_router.autoscaling.autoscaler import Autoscaler
from thinmesh_router.autoscaling.scaler import ExternalScaler
from thinmesh_router.autoscaling.service import AutoscaleService
from thinmesh_router.backends import Backends
from thinmesh_router.config import RouterConfig
from thinmesh_router.models import ModelService
from thinmesh_router.operations import BackendService
from thinmesh_router.placement import Placement
from thinmesh_router.quota import counts
from thinmesh_router.quota.quotas import Quotas
from thinmesh_router.quota.service import QuotaService
from thinmesh_router.routes import RouteTable
from thinmesh_router.service import InferenceService
from thinmesh_router.tensors import TensorService

if TYPE_CHECKING:
    from thinmesh_router.autoscaling.shared import SharedFigures

CALLERS = frozenset({GATEWAY, ROUTER})
OPERATORS = frozenset({OPERATOR})


class RouterApp(App):
    """Decides who goes when and where."""

    services = MappingProxyType(
        {
            "thinmesh.inference.v1.InferenceService": CALLERS,
            "thinmesh.model.v1.ModelService": CALLERS,
            "thinmesh.router.v1.AutoscaleService": OPERATORS,
            "thinmesh.router.v1.BackendService": OPERATORS,
            "thinmesh.router.v1.QuotaService": OPERATORS,
            "inference.GRPCInferenceService": CALLERS,
            "externalscaler.ExternalScaler": frozenset({AUTOSCALER}),
        }
    )

    def __init__(self, config: RouterConfig, channels: Channels) -> None:
        table = RouteTable(config.models, config.backends)
        random = Random()  # noqa: S311  # chooses backends, not secrets
        self._backends = Backends(config.backends, channels, random)
        self._added: frozenset[str] = frozenset()
        self._placement = Placement(table, self._backends, random)
        self._counts = counts.build(config)
        quotas = Quotas(config.tenants, config.prices, self._counts)
        self._admission = Admission(self._placement, quotas, config)
        self._quotas = QuotaService(quotas, self._placement)
        self._backends.on_change = self._admission.queues.dispatch
        self._inference = InferenceService(self._admission)
        self._tensors = TensorService(self._admission)
        self._models = ModelService(self._placement, self._backends, created=int(time.time()))
        self._autoscaler = Autoscaler(self._placement, self._backends, self._admission.queues, _shared(config.quotas.store))
        self._admission.queues.on_wait = self._autoscaler.waits
        self._stack = AsyncExitStack()
        self._operations = BackendService(self._backends, self._admission.queues)

    def register(self, server: grpc.aio.Server) -> None:
        """Adds its services."""
        inference_grpc.add_InferenceServiceServicer_to_server(self._inference, server)
        model_grpc.add_ModelServiceServicer_to_server(self._models, server)
        backend_grpc.add_BackendServiceServicer_to_server(self._operations, server)
        quota_grpc.add_QuotaServiceServicer_to_server(self._quotas, server)
        tensor_grpc.add_GRPCInferenceServiceServicer_to_server(self._tensors, server)
        autoscale_grpc.add_AutoscaleServiceServicer_to_server(AutoscaleService(self._autoscaler), server)
        keda_grpc.add_ExternalScalerServicer_to_server(ExternalScaler(self._autoscaler), server)

    def problems(self) -> list[str]:
        """That it drains, or a line a backend while some are starting or none takes calls.

        One that fails later is its models' trouble; one that may be there or not, or came after the start, is not waited for.
        """
        if self.draining:
            return ["draining"]
        scaled = [route for route in self._placement.table.routes.values() if route.autoscale is not None]
        may_miss = self._added.union(target.backend for route in scaled for target in route.targets)
        backends = self._backends.values()
        starting = any(one.starting for one in backends if one.name not in may_miss)
        if not starting and (any(one.ready for one in backends) or any(route.rests for route in scaled)):
            return []
        return [f"backend {one.name}: {one.state}, {one.status.message}" for one in backends if not one.ready]

    def notes(self) -> list[str]:
        """That replicas follow this router's calls alone, where others are not heard."""
        return self._autoscaler.notes()

    def apply(self, config: RouterConfig) -> None:
        """Puts another configuration in force; running calls go on. ConfigError where its routes make no sense."""
        table = RouteTable(config.models, config.backends)
        self._added = (self._added | config.backends.keys() - self._backends.keys()) & config.backends.keys()
        self._backends.update(config.backends)
        self._admission.update(table, config)
        self._autoscaler.update()

    async def drain(self) -> None:
        """Says that it is about to stop, to those too who watch for as long as it runs."""
        await super().drain()
        self._autoscaler.close()

    async def __aenter__(self) -> Self:
        """Starts to watch the backends."""
        await self._stack.enter_async_context(self._counts)
        await self._stack.enter_async_context(self._admission.shadows)
        await self._stack.enter_async_context(self._backends)
        await self._stack.enter_async_context(self._autoscaler)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Stops watching."""
        await self._stack.aclose()


def _shared(store: str) -> SharedFigures | None:
    """Where routers tell each other of their calls: beside the quotas, whose counts have shown that the store can be had."""
    if store == "memory":
        return None
    from thinmesh_router.autoscaling.shared import SharedFigures  # noqa: PLC0415  # it needs the extra `redis`

    return SharedFigures(store)


def build(config: RouterConfig, channels: Channels) -> RouterApp:
    """The router of a configuration; nothing is dialled before it is entered."""
    return RouterApp(config, channels)
