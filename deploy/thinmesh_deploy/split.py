"""Each part as a process of its own, from the same configuration file as the whole.

Parts are imported where they are built: a process needs no more than its own extra to be installed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from thinmesh_core import address
from thinmesh_core.admin import admin
from thinmesh_core.app import App
from thinmesh_core.channel import dial
from thinmesh_core.config import ConfigError
from thinmesh_core.http import serve_http
from thinmesh_core.server import serve_grpc
from thinmesh_deploy.config import Listen, Setting

Say = Callable[[str], None]
"""Tells the person who started the process."""


async def gateway(setting: Setting, at: Listen, say: Say, stop: asyncio.Event) -> None:
    """The gateway, in front of a router that is dialled."""
    from thinmesh_gateway.app import build

    insecure, grace = setting.config.insecure, setting.config.grace_seconds
    app = build(setting.gateway(setting.router_address), dial)
    async with (
        app,
        _admin(app, at.admin, setting),
        serve_grpc(app, address.parse(at.grpc), insecure=insecure, grace=grace) as grpc_bound,
        serve_http(app.rest, address.parse(at.http), insecure=insecure, grace=grace) as http_bound,
    ):
        say(f"gateway: REST http://{http_bound}/v1, gRPC {grpc_bound}, router {setting.router_address}")
        await stop.wait()


async def router(setting: Setting, admin_at: str | None, say: Say, stop: asyncio.Event) -> None:
    """The router, in front of adapters that are dialled."""
    from thinmesh_router.app import build

    app = build(setting.router(setting.backend_address), dial)
    await _serve(app, "router", setting.router_address, setting, admin_at, say, stop)


async def adapter(setting: Setting, name: str, admin_at: str | None, say: Say, stop: asyncio.Event) -> None:
    """The adapter of one backend."""
    from thinmesh_adapters.app import build
    from thinmesh_adapters.contract import Place

    entry = setting.config.backends.get(name)
    if entry is None:
        there = ", ".join(sorted(setting.config.backends))
        raise ConfigError(f"{setting.path}: there is no backend {name!r}; there are: {there}")
    app = build(entry, Place(name, setting.sockets))
    await _serve(app, f"adapter {name}", setting.backend_address(name), setting, admin_at, say, stop)


async def _serve(app: App, what: str, at: str, setting: Setting, admin_at: str | None, say: Say, stop: asyncio.Event) -> None:
    config = setting.config
    async with (
        app,
        _admin(app, admin_at, setting),
        serve_grpc(app, address.parse(at), insecure=config.insecure, grace=config.grace_seconds) as bound,
    ):
        say(f"{what}: gRPC {bound}")
        await stop.wait()


@asynccontextmanager
async def _admin(app: App, at: str | None, setting: Setting) -> AsyncIterator[None]:
    if at is None:
        yield
        return
    async with serve_http(admin(app.problems), address.parse(at), insecure=setting.config.insecure, grace=1):
        yield
