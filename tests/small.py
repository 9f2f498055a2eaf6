"""A part that is all a server needs to serve: one service, of which little is implemented."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import MappingProxyType
from typing import Any, Self

from channels import Servicer
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc

from thinmesh_core.app import App


class Streaming(Servicer):
    """Has one method that streams."""

    async def StreamGenerate(self, request: Any, context: Any) -> AsyncIterator[pb.GenerateEvent]:
        yield pb.GenerateEvent()


class Small(App):
    """Serves one service, of which little is implemented."""

    services = MappingProxyType({"thinmesh.inference.v1.InferenceService": frozenset[str]()})

    def register(self, server: Any) -> None:
        inference_grpc.add_InferenceServiceServicer_to_server(Streaming(), server)

    def problems(self) -> list[str]:
        return []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        pass
