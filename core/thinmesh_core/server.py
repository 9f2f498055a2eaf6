"""Serving a part on the network: gRPC with health and reflection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from thinmesh_core import grpc_server
from thinmesh_core.address import Address
from thinmesh_core.app import App
from thinmesh_core.config import ConfigError
from thinmesh_core.doors import Doors
from thinmesh_core.exposure import LOCAL, Exposure
from thinmesh_core.interceptors import ErrorInterceptor
from thinmesh_core.receiving import Receiving
from thinmesh_core.wire import SERVER_OPTIONS

HEALTH_SECONDS = 0.5
"""How often health follows readiness."""

_STATUS = health_pb2.HealthCheckResponse


@asynccontextmanager
async def serve_grpc(
    app: App, address: Address, *, grace: float, exposure: Exposure = LOCAL, doors: Doors | None = None
) -> AsyncIterator[Address]:
    """Serves an entered app until left; gives the address bound (port 0 is a free one). Running calls get `grace` seconds.

    In `doors` its listener is shut before it is left.
    """
    exposure.check(address)
    server = grpc_server.server([Receiving(), ErrorInterceptor(app.services), *app.interceptors], SERVER_OPTIONS)
    app.register(server)
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    reflection.enable_server_reflection((*app.services, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    bound = _bind(server, address, exposure.credentials(address))
    await server.start()
    if doors is not None:
        doors.add(bound)
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(_follow(servicer, app))
        try:
            yield bound
        finally:
            following.cancel()
            await servicer.enter_graceful_shutdown()
            await server.stop(grace)


def _bind(server: grpc.aio.Server, address: Address, credentials: grpc.ServerCredentials | None) -> Address:
    address.free()
    try:
        if credentials is None:
            port = server.add_insecure_port(str(address))
        else:
            port = server.add_secure_port(str(address), credentials)
    except RuntimeError as error:
        raise ConfigError(f"can't listen on {address}: it is in use or not ours; choose another address") from error
    return Address(address.host, port, None) if address.path is None else address


async def _follow(servicer: health.aio.HealthServicer, app: App) -> None:
    names: Iterable[str] = ("", *app.services)
    told: bool | None = None
    while True:
        ready = not app.problems()
        if ready is not told:
            for name in names:
                await servicer.set(name, _STATUS.SERVING if ready else _STATUS.NOT_SERVING)
            told = ready
        await asyncio.sleep(HEALTH_SECONDS)
