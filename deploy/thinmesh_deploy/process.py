"""The life of a process: its event loop, its signals, and how it says what is wrong."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

import uvloop

from thinmesh_core.config import ConfigError
from thinmesh_core.telemetry import configure_logging

EXIT_CONFIG = 2


def run(main: Callable[[asyncio.Event], Awaitable[None]], *, log_level: str, lifeline: bool = False) -> None:
    """Runs `main` with an event that is set by SIGINT or SIGTERM; exits with 2 where the configuration is wrong.

    With `lifeline` the end of standard input stops it too: that is how a child notices that its parent is gone.
    """
    configure_logging(log_level)
    try:
        uvloop.run(_main(main, lifeline=lifeline))
    except* ConfigError as group:
        for error in _leaves(group):
            print(f"thinmesh: {error}", file=sys.stderr)
        sys.exit(EXIT_CONFIG)


async def _main(main: Callable[[asyncio.Event], Awaitable[None]], *, lifeline: bool) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if lifeline:
        await loop.connect_read_pipe(lambda: _Lifeline(stop), sys.stdin)
    await main(stop)


class _Lifeline(asyncio.Protocol):
    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop

    def connection_lost(self, exc: Exception | None) -> None:
        """The parent is gone."""
        self._stop.set()


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
