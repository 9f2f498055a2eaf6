"""What every part is once built, whichever channel it is served on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import MappingProxyType, TracebackType
from typing import Self

import grpc

from thinmesh_core.peers import Services


class App(ABC):
    """A built part: enter it to start its background work, leave it to stop."""

    services: Services = MappingProxyType({})
    """The gRPC services it registers, and which peers may call each."""

    interceptors: tuple[grpc.aio.ServerInterceptor, ...] = ()
    """What stands before its servicers, inside what turns errors into statuses."""

    draining = False
    """Whether it is about to stop, which is among its problems: its callers are to go elsewhere."""

    @abstractmethod
    def register(self, server: grpc.aio.Server) -> None:
        """Adds its servicers to a server, in-process or network."""

    @abstractmethod
    def problems(self) -> list[str]:
        """Why it can't take calls now, for operators; empty when it is ready."""

    def notes(self) -> list[str]:
        """What operators should know while it takes calls all the same."""
        return []

    async def drain(self) -> None:
        """Says that it is about to stop; calls that run go on."""
        self.draining = True

    @abstractmethod
    async def __aenter__(self) -> Self:
        """Starts the background work."""

    @abstractmethod
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops the background work."""
