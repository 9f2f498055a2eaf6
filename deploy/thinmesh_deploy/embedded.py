"""The whole mesh in one process: the same parts, joined by in-process channels."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import grpc

import thinmesh_adapters.app
import thinmesh_gateway.app
import thinmesh_router.app
from thinmesh_adapters.contract import Place
from thinmesh_adapters.registry import find
from thinmesh_core import address
from thinmesh_core.admin import admin
from thinmesh_core.app import App
from thinmesh_core.channel import dial
from thinmesh_core.http import serve_http
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_core.interceptors import ErrorInterceptor
from thinmesh_core.server import serve_grpc
from thinmesh_deploy.children import children
from thinmesh_deploy.config import Listen, Setting
from thinmesh_gateway.app import GatewayApp

ROUTER = "router"


class Mesh:
    """What `thinmesh up` runs. `serving` builds it, in order from the engines to the listeners, and undoes it in reverse."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._servers: dict[str, InProcessServer] = {}
        self._apps: list[App] = []

    @asynccontextmanager
    async def serving(self, at: Listen, *, log_level: str) -> AsyncIterator[Listen]:
        """Runs the mesh until left; gives the addresses bound. Ports are open before models are loaded: see `problems`."""
        config = self._setting.config
        insecure, grace = config.insecure, config.grace_seconds
        async with AsyncExitStack() as stack:
            await self._adapters(stack, log_level)
            routing = self._setting.router(lambda name: name if name in self._servers else self._setting.backend_address(name))
            await self._enter(stack, thinmesh_router.app.build(routing, self._channel), ROUTER)
            gateway = await self._gateway(stack)
            admin_at = await stack.enter_async_context(
                serve_http(admin(self.problems), address.parse(at.admin), insecure=insecure, grace=1)
            )
            grpc_at = await stack.enter_async_context(
                serve_grpc(gateway, address.parse(at.grpc), insecure=insecure, grace=grace)
            )
            http_at = await stack.enter_async_context(
                serve_http(gateway.rest, address.parse(at.http), insecure=insecure, grace=grace)
            )
            yield Listen(http=str(http_at), grpc=str(grpc_at), admin=str(admin_at))

    def problems(self) -> list[str]:
        """Why the mesh can't take calls now; empty when it is ready."""
        return [problem for app in self._apps for problem in app.problems()]

    async def _adapters(self, stack: AsyncExitStack, log_level: str) -> None:
        """Adapters without an address of their own: engines that run inside theirs get a process, the others stay here."""
        here = {name: entry for name, entry in self._setting.config.backends.items() if entry.address is None}
        isolated = [name for name, entry in here.items() if find(entry.adapter).isolated]
        await stack.enter_async_context(children(isolated, self._setting, log_level=log_level))
        for name, entry in here.items():
            if name not in isolated:
                app = thinmesh_adapters.app.build(entry, Place(name, self._setting.sockets))
                await self._serve_here(stack, app, name)

    async def _enter(self, stack: AsyncExitStack, app: App, name: str) -> None:
        await self._serve_here(stack, app, name)
        self._apps.append(app)

    async def _serve_here(self, stack: AsyncExitStack, app: App, name: str) -> None:
        server = InProcessServer(name, [ErrorInterceptor()])
        app.register(server)
        self._servers[name] = server
        await stack.enter_async_context(app)
        stack.push_async_callback(server.stop, 0)

    async def _gateway(self, stack: AsyncExitStack) -> GatewayApp:
        gateway = thinmesh_gateway.app.build(self._setting.gateway(ROUTER), self._channel)
        await stack.enter_async_context(gateway)
        self._apps.append(gateway)
        return gateway

    def _channel(self, target: str) -> grpc.aio.Channel:
        server = self._servers.get(target)
        return dial(target) if server is None else InProcessChannel(server)
