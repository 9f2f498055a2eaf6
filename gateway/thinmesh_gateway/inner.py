"""The gateway as workers see it: the same services and one more, behind another door."""

from __future__ import annotations

from types import MappingProxyType
from typing import Self

import grpc
from thinmesh.gateway.v1 import openai_service_pb2_grpc as openai_grpc

from thinmesh_core.app import App
from thinmesh_core.peers import WORKER, Services


class InnerApp(App):
    """Serves what a gateway serves to workers alone: in the process, on a socket of the state folder, or over mutual TLS."""

    def __init__(self, gateway: App, gate: grpc.aio.ServerInterceptor, openai: openai_grpc.OpenAIServiceServicer) -> None:
        self._gateway = gateway
        self._openai = openai
        services = (*gateway.services, "thinmesh.gateway.v1.OpenAIService")
        self.services: Services = MappingProxyType(dict.fromkeys(services, frozenset({WORKER})))
        self.interceptors = (gate,)

    def register(self, server: grpc.aio.Server) -> None:
        """Adds the gateway's services, and OpenAI's endpoints without HTTP."""
        self._gateway.register(server)
        openai_grpc.add_OpenAIServiceServicer_to_server(self._openai, server)

    def problems(self) -> list[str]:
        """The gateway's."""
        return self._gateway.problems()

    async def __aenter__(self) -> Self:
        """Starts nothing: the gateway does."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Stops nothing."""
