"""Each part as a process of its own, from the same configuration file as the whole.

Parts are imported where they are built: a process needs no more than its own extra to be installed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc

from thinmesh_core import address, peers
from thinmesh_core.admin import Lines, admin
from thinmesh_core.app import App
from thinmesh_core.config import ConfigError
from thinmesh_core.doors import Doors
from thinmesh_core.exposure import Exposure, exposed
from thinmesh_core.http import serve_http
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_core.interceptors import ErrorInterceptor
from thinmesh_core.server import serve_grpc
from thinmesh_deploy.config import Listen, MeshConfig, Setting
from thinmesh_deploy.console.pages import console
from thinmesh_deploy.console.watching import Current, Known
from thinmesh_deploy.process import Signals
from thinmesh_deploy.reload import Reloader

if TYPE_CHECKING:
    from thinmesh_gateway.app import GatewayApp

Say = Callable[[str], None]
"""Tells the person who started the process."""


async def gateway(setting: Setting, at: Listen, say: Say, signals: Signals) -> None:
    """The gateway, in front of routers that are dialled."""
    from thinmesh_gateway.app import build

    config, grace, doors = setting.config, setting.config.grace_seconds, Doors(setting.kept_seconds)
    async with exposed(config.tls, peers.GATEWAY, insecure=config.insecure) as exposure:
        dials = {peers.ROUTER: ",".join(setting.router_addresses), peers.WORKER: ",".join(setting.worker_addresses)}
        roles = {target: role for role, target in dials.items()}
        app = build(setting.gateway(*dials.values()), lambda target: exposure.channels(roles[target])(target))

        async def apply(new: Setting) -> None:
            app.apply(new.gateway(*dials.values()))

        async with (
            app,
            _inner(app, setting, exposure),
            _following(Reloader(setting, apply), signals) as reloader,
            _admin("gateway", app, at.admin, exposure, signals, lambda: reloader.setting.config, reloader.notes),
            serve_grpc(app, address.parse(at.grpc), grace=grace, exposure=exposure, doors=doors) as grpc_bound,
            serve_http(app.rest, address.parse(at.http), grace=grace, exposure=exposure, doors=doors) as http_bound,
        ):
            say(f"gateway: REST http://{http_bound}/v1, gRPC {grpc_bound}, router {', '.join(setting.router_addresses)}")
            await signals.drained(app.drain, config.drain_seconds)
            await doors.shut(signals.pause)


async def router(setting: Setting, listen: str | None, admin_at: str | None, say: Say, signals: Signals) -> None:
    """A router, in front of adapters that are dialled."""
    from thinmesh_router.app import build

    at, *others = (listen,) if listen is not None else setting.router_addresses
    if others:
        raise ConfigError(f"{setting.path}: listen.router has several addresses; say with --listen which is this router's")
    async with exposed(setting.config.tls, peers.ROUTER, insecure=setting.config.insecure) as exposure:
        app = build(setting.router(setting.backend_addresses(), at), exposure.channels(peers.ADAPTER))

        async def apply(new: Setting) -> None:
            app.apply(new.router(new.backend_addresses(), at))

        async with (
            _following(Reloader(setting, apply), signals) as reloader,
            _admin(
                "router", app, admin_at, exposure, signals, lambda: reloader.setting.config, reloader.notes, router=_within(app)
            ),
        ):
            await _serve(app, "router", at, setting.config.grace_seconds, exposure, setting, say, signals)


async def adapter(
    setting: Setting,
    name: str,
    listen: str | None,
    admin_at: str | None,
    grace: float | None,
    say: Say,
    signals: Signals,
) -> None:
    """The adapter of one backend. Its options are read once: another configuration is another process."""
    from thinmesh_adapters.app import build
    from thinmesh_adapters.contract import Place

    entry = setting.config.backends.get(name)
    if entry is None:
        there = ", ".join(sorted(setting.config.backends))
        raise ConfigError(f"{setting.path}: there is no backend {name!r}; there are: {there}")
    app = build(entry, Place(name, setting.sockets, entry.insecure))
    async with (
        exposed(setting.config.tls, peers.ADAPTER, insecure=setting.config.insecure) as exposure,
        _admin(f"adapter {name}", app, admin_at, exposure, signals, lambda: setting.config),
    ):
        longest = setting.config.grace_seconds if grace is None else grace
        at = listen or setting.backend_address(name)
        await _serve(app, f"adapter {name}", at, longest, exposure, setting, say, signals)


async def worker(
    setting: Setting, listen: str | None, version: str | None, admin_at: str | None, say: Say, signals: Signals
) -> None:
    """A worker: it keeps jobs in a Temporal that is there, and runs their steps through a gateway."""
    try:
        from thinmesh_pipelines.app import build
    except ImportError as error:
        raise ConfigError("jobs: install the extra `worker`") from error

    jobs = setting.config.jobs
    if jobs is None or jobs.temporal is None:
        raise ConfigError(f"{setting.path}: jobs.temporal: say where Temporal is; only `thinmesh up` brings one along")
    at, *others = (listen,) if listen is not None else setting.worker_addresses
    if others:
        raise ConfigError(f"{setting.path}: listen.worker has several addresses; say with --listen which is this worker's")
    async with exposed(setting.config.tls, peers.WORKER, insecure=setting.config.insecure) as exposure:
        app = build(
            setting.worker(jobs, jobs.temporal, setting.inner_address, version=version), exposure.channels(peers.GATEWAY)
        )

        async def apply(new: Setting) -> None:
            app.prepared(new.webhooks)()

        async with (
            _following(Reloader(setting, apply), signals) as reloader,
            _admin(
                "worker", app, admin_at, exposure, signals, lambda: reloader.setting.config, reloader.notes, jobs=app.current
            ),
        ):
            await _serve(app, "worker", at, setting.config.grace_seconds, exposure, setting, say, signals)


async def _serve(
    app: App, what: str, at: str, grace: float, exposure: Exposure, setting: Setting, say: Say, signals: Signals
) -> None:
    async with app, serve_grpc(app, address.parse(at), grace=grace, exposure=exposure) as bound:
        say(f"{what}: gRPC {bound}")
        await signals.drained(app.drain, setting.config.drain_seconds)


@asynccontextmanager
async def _inner(app: GatewayApp, setting: Setting, exposure: Exposure) -> AsyncIterator[None]:
    """The door for workers, where there are jobs: whoever comes through it is believed, so nobody else may."""
    if setting.config.jobs is None:
        yield
        return
    at = address.parse(setting.inner_address)
    if at.path is None and exposure.credentials(at) is None:
        raise ConfigError(f"{setting.path}: listen.inner: use a unix socket, or an address with `tls`: it trusts who calls")
    async with serve_grpc(app.inner, at, grace=setting.config.grace_seconds, exposure=exposure):
        yield


@asynccontextmanager
async def _following(reloader: Reloader, signals: Signals) -> AsyncIterator[Reloader]:
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(reloader.follow(signals.reload))
        try:
            yield reloader
        finally:
            following.cancel()


def _within(app: App) -> grpc.aio.Channel:
    """Leads to a part's services from inside its own process."""
    server = InProcessServer("console", [ErrorInterceptor()])
    app.register(server)
    return InProcessChannel(server)


@asynccontextmanager
async def _admin(
    process: str,
    app: App,
    at: str | None,
    exposure: Exposure,
    signals: Signals,
    config: Callable[[], MeshConfig],
    notes: Lines = list,
    router: grpc.aio.Channel | None = None,
    jobs: Current | None = None,
) -> AsyncIterator[None]:
    """What a process says of itself to operators."""
    if at is None:
        yield
        return

    def problems() -> list[str]:
        return [*app.problems(), *signals.lag.problems()]

    def told() -> list[str]:
        return [*app.notes(), *notes()]

    unseen = []
    if router is None:
        unseen.append("Models, queues, backends and tenants are a router's to show, at its --admin.")
    if jobs is None:
        unseen.append("Jobs are a worker's to show, at its --admin.")
    pages = console(Known(process, config, problems, told, router, jobs, tuple(unseen)))
    listening = address.parse(at)
    async with serve_http(admin(listening, problems, told, pages), listening, grace=1, exposure=exposure):
        yield
