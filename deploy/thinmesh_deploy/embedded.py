"""The whole mesh in one process: the same parts, joined by in-process channels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import grpc

import thinmesh_gateway.app
import thinmesh_router.app
from thinmesh_core import address
from thinmesh_core.admin import admin
from thinmesh_core.channel import Channels, dial
from thinmesh_core.config import ConfigError
from thinmesh_core.doors import Doors
from thinmesh_core.exposure import exposed
from thinmesh_core.http import serve_http
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_core.interceptors import ErrorInterceptor
from thinmesh_core.lag import Lag
from thinmesh_core.peers import ADAPTER, GATEWAY
from thinmesh_core.server import serve_grpc
from thinmesh_deploy.children import Children
from thinmesh_deploy.config import Listen, Setting
from thinmesh_deploy.console.pages import console
from thinmesh_deploy.console.watching import Known
from thinmesh_deploy.hosted import Hosting
from thinmesh_deploy.reload import Reloader
from thinmesh_deploy.temporal import Temporal
from thinmesh_gateway.app import GatewayApp
from thinmesh_pipelines.config import JobsConfig
from thinmesh_router.app import RouterApp

if TYPE_CHECKING:
    from thinmesh_pipelines.app import WorkerApp

ROUTER = "router"
INNER = "gateway"
WORKER = "worker"


class Mesh:
    """What `thinmesh up` runs: built in order from the engines to the listeners, and undone in reverse."""

    def __init__(self, setting: Setting, log_level: str, lag: Lag) -> None:
        self._lag = lag
        self._setting = setting
        self._reloader = Reloader(setting, self._apply)
        self._dial: Channels = dial
        self._children = Children(setting.state, log_level)
        self._hosting: Hosting | None = None
        self._router: RouterApp | None = None
        self._gateway: GatewayApp | None = None
        self._worker: WorkerApp | None = None
        self._servers = {ROUTER: InProcessServer(ROUTER, [ErrorInterceptor()])}
        self.doors = Doors(setting.kept_seconds)
        self.console: str | None = None
        """The page of the Temporal that the mesh brought along."""

    @asynccontextmanager
    async def serving(self, at: Listen, reload: asyncio.Event) -> AsyncIterator[Listen]:
        """Runs the mesh until left; gives the addresses bound. Ports are open before models are loaded: see `problems`."""
        setting, config = self._setting, self._setting.config
        grace = config.grace_seconds
        async with AsyncExitStack() as stack:
            exposure = await stack.enter_async_context(exposed(config.tls, GATEWAY, insecure=config.insecure))
            self._dial = exposure.channels(ADAPTER)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            self._hosting = Hosting(tasks, self._children)
            stack.callback(self._hosting.end_all)
            self._hosting.start(setting)
            router = self._router = thinmesh_router.app.build(
                setting.router(self._hosting.addresses(setting), ROUTER), self._channel
            )
            router.register(self._servers[ROUTER])
            await stack.enter_async_context(router)
            stack.push_async_callback(self._servers[ROUTER].stop, 0)
            # for operators: `thinmesh status` and its like
            operators = address.parse(setting.router_addresses[0])
            await stack.enter_async_context(serve_grpc(router, operators, grace=0, exposure=exposure))
            self._servers[WORKER] = InProcessServer(WORKER, [ErrorInterceptor()])
            gateway = self._gateway = thinmesh_gateway.app.build(setting.gateway(ROUTER, WORKER), self._channel)
            await stack.enter_async_context(gateway)
            if config.jobs is not None:
                await self._work(config.jobs, gateway, stack, tasks)
            stack.callback(tasks.create_task(self._reloader.follow(reload)).cancel)
            watched = address.parse(at.admin)
            pages = admin(watched, self.problems, self.notes, console(self._known()))
            admin_at = await stack.enter_async_context(serve_http(pages, watched, grace=1, exposure=exposure))
            grpc_at = await stack.enter_async_context(
                serve_grpc(gateway, address.parse(at.grpc), grace=grace, exposure=exposure, doors=self.doors)
            )
            http_at = await stack.enter_async_context(
                serve_http(gateway.rest, address.parse(at.http), grace=grace, exposure=exposure, doors=self.doors)
            )
            yield Listen(http=str(http_at), grpc=str(grpc_at), admin=str(admin_at))

    def problems(self) -> list[str]:
        """Why the mesh can't take calls now; empty when it is ready."""
        if self._router is None or self._gateway is None:
            return ["starting"]
        jobs = () if self._worker is None else self._worker.problems()
        return [*self._router.problems(), *self._gateway.problems(), *jobs, *self._lag.problems()]

    def notes(self) -> list[str]:
        """What operators should know while it takes calls all the same."""
        parts = [part for part in (self._router, self._gateway, self._worker) if part is not None]
        return [*(note for part in parts for note in part.notes()), *self._reloader.notes()]

    async def drain(self) -> None:
        """Says that it is about to stop."""
        assert self._gateway is not None
        await self._gateway.drain()

    def check_started(self) -> None:
        """ConfigError where an adapter refused what the mesh was started with."""
        if self._children.refused:
            raise ConfigError(f"the adapter of backend {min(self._children.refused)!r} refused its configuration")

    async def _apply(self, setting: Setting) -> None:
        """Starts what is new, points the router and the gateway at it, then ends what is gone; nothing if it is refused."""
        assert self._hosting is not None
        assert self._router is not None
        assert self._gateway is not None
        applied = [self._gateway.prepared(setting.gateway(ROUTER, WORKER))]
        if self._worker is not None:
            applied.append(self._worker.prepared(setting.webhooks))
        ended = self._hosting.start(setting)
        self._router.apply(setting.router(self._hosting.addresses(setting), ROUTER))
        for apply in applied:
            apply()
        self._hosting.end(ended)

    async def _work(self, jobs: JobsConfig, gateway: GatewayApp, stack: AsyncExitStack, tasks: asyncio.TaskGroup) -> None:
        """Starts Temporal, unless there is one, and the worker between it and the gateway."""
        try:
            from thinmesh_pipelines.app import build
        except ImportError as error:
            raise ConfigError("jobs: install the extra `worker`, or leave it out") from error
        at, console = jobs.temporal, None
        if at is None:
            temporal = Temporal(self._setting.state)
            stack.callback(tasks.create_task(temporal.keep()).cancel)
            at, console = temporal.address, temporal.console
        self.console = console
        inner = self._servers[INNER] = InProcessServer(INNER, [ErrorInterceptor(), *gateway.inner.interceptors])
        gateway.inner.register(inner)
        stack.push_async_callback(inner.stop, 0)
        worker = build(self._setting.worker(jobs, at, INNER, console), self._channel)
        await stack.enter_async_context(worker)
        worker.register(self._servers[WORKER])
        self._worker = worker

    def _known(self) -> Known:
        """What the console shows: all of it is in this process."""
        return Known(
            process="mesh",
            config=lambda: self._reloader.setting.config,
            problems=self.problems,
            notes=self.notes,
            router=self._channel(ROUTER),
            jobs=None if self._worker is None else self._worker.current,
        )

    def _channel(self, target: str) -> grpc.aio.Channel:
        if target in self._servers:
            return InProcessChannel(self._servers[target])
        assert self._hosting is not None
        server = self._hosting.servers.get(target)
        return self._dial(target) if server is None else InProcessChannel(server)
