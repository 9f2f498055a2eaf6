"""The gateway as workers see it: the same services, behind another door."""

from __future__ import annotations

from types import MappingProxyType
from typing import Self

import grpc

from thinmesh_core.app import App
from thinmesh_core.peers import WORKER, Services


class InnerApp(App):
    """Serves what a gateway serves to workers alone: in the process, on a socket of the state folder, or over mutual TLS."""

    def __init__(self, gateway: App, gate: grpc.aio.ServerInterceptor) -> None:
        self._gateway = gateway
        self.services: Services = MappingProxyType(dict.fromkeys(gateway.services, frozenset({WORKER})))
        self.interceptors = (gate,)

    def register(self, server: grpc.aio.Server) -> None:
        """Adds the gateway's services."""
        self._gateway.register(server)

    def problems(self) -> list[str]:
        """The gateway's."""
        return self._gateway.problems()

    async def __aenter__(self) -> Self:
        """Starts nothing: the gateway does."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Stops nothing."""
