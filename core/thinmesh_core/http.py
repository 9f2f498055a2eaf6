"""Serving an ASGI application on the network, by uvicorn, inside our own event loop and signal handling."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, MutableMapping
from contextlib import asynccontextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any, Literal

import uvicorn

from thinmesh_core.accepting import Accepting
from thinmesh_core.address import Address
from thinmesh_core.config import ConfigError
from thinmesh_core.doors import Doors
from thinmesh_core.exposure import LOCAL, Exposure
from thinmesh_core.wire import MAX_METADATA_BYTES

# ASGI's own types: what a scope or a message holds depends on its "type".
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]

BACKLOG = 2048
"""Connections the kernel holds while we are busy: 128 costs a second when 256 streams open at once."""


@asynccontextmanager
async def serve_http(
    app: Asgi, address: Address, *, grace: float, exposure: Exposure = LOCAL, doors: Doors | None = None
) -> AsyncIterator[Address]:
    """Serves until left; gives the address bound (port 0 is a free one). Running requests get `grace` seconds.

    In `doors` its listener is shut before it is left.
    """
    exposure.check(address)
    listener = _listen(address)
    config = uvicorn.Config(
        app,
        interface="asgi3",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nobody tells us who the caller is but the caller's key
        http=_protocol(),
        ws="none",  # what asks for another protocol is answered by this one
        h11_max_incomplete_event_size=MAX_METADATA_BYTES,
        backlog=BACKLOG,
        timeout_graceful_shutdown=max(1, round(grace)),
    )
    config.load()
    server = _Server(config, exposure.context(address))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve([listener]))
        try:
            bound = Address(address.host, listener.getsockname()[1], None) if address.path is None else address
            if doors is not None:
                doors.add(bound, server.stop_listening)
            yield bound
        finally:
            server.should_exit = True


def _protocol() -> type[asyncio.Protocol] | Literal["h11"]:
    """The faster one where its parser is installed: a gateway's extra; other parts serve no more than /metrics."""
    if find_spec("httptools") is None:
        return "h11"
    from thinmesh_core.http_head import BoundedHead  # noqa: PLC0415  # it needs the parser

    return BoundedHead


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, tls: Callable[[], ssl.SSLContext] | None) -> None:
        super().__init__(config)
        self._tls = tls

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leaves signals to the process: several servers share it."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accepts what comes to the sockets. There is no lifespan to begin with."""
        config = self.config
        serve = partial(
            config.http_protocol_class,  # type: ignore[call-arg]  # uvicorn's own, whatever it is called there
            config=config,
            server_state=self.server_state,
            app_state={},
        )
        self.servers = [Accepting(one, serve, self._tls) for one in sockets or ()]  # type: ignore[misc]  # they are closed, no more
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends as uvicorn does, which has no time left for whoever is amid a handshake where others need all of the grace."""
        self.stop_listening()
        for one in self.servers:
            await one.wait_closed()
        await super().shutdown(sockets)

    def stop_listening(self) -> None:
        """Takes no new connection; serves those that are there."""
        for one in self.servers:
            one.close()


def _listen(address: Address) -> socket.socket:
    try:
        if address.path is not None:
            address.free()
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(address.path))
            listener.listen(BACKLOG)
        else:
            family = socket.AF_INET6 if ":" in (address.host or "") else socket.AF_INET
            listener = socket.create_server((address.host or "", address.port), family=family, backlog=BACKLOG)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        raise ConfigError(f"can't listen on {address} ({error.strerror}): choose another address") from error
    listener.setblocking(False)
    return listener
