"""ModelService at the router: what the routes say, and what their backends can do now."""

from __future__ import annotations

from typing import Any

import grpc
from thinmesh.model.v1 import model_service_pb2 as pb
from thinmesh.model.v1 import model_service_pb2_grpc as model_grpc

from thinmesh_core.capabilities import Capability
from thinmesh_router.backends import Backends
from thinmesh_router.placement import Placement
from thinmesh_router.routes import Route

Context = grpc.aio.ServicerContext[Any, Any]


class ModelService(model_grpc.ModelServiceServicer):
    """Lists the routes; `created` is when they were configured, seconds since 1970."""

    def __init__(self, placement: Placement, backends: Backends, created: int) -> None:
        self._placement = placement
        self._backends = backends
        self._created = created

    async def ListModels(self, request: pb.ListModelsRequest, context: Context) -> pb.ListModelsResponse:
        """All models by id."""
        return pb.ListModelsResponse(models=[self._model(route) for route in self._placement.table.routes.values()])

    async def GetModel(self, request: pb.GetModelRequest, context: Context) -> pb.GetModelResponse:
        """One model, by name or alias."""
        return pb.GetModelResponse(model=self._model(self._placement.table.resolve(request.id)))

    def _model(self, route: Route) -> pb.Model:
        capabilities: set[Capability] = set()
        lengths: list[int] = []
        ready = False
        for target in route.targets:
            backend = self._backends[target.backend]
            served = backend.served(target.model or route.model)
            if served is not None:
                ready |= backend.ready
                capabilities.update(served.capabilities)
                lengths += [served.context_length] if served.HasField("context_length") else []
        return pb.Model(
            id=route.model,
            aliases=route.aliases,
            owned_by=route.owned_by,
            created_unix_seconds=self._created,
            capabilities=sorted(capabilities),
            ready=ready,
            context_length=min(lengths) if lengths else None,
        )
