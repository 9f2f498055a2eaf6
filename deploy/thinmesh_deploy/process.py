"""The life of a process: its event loop, its signals, and how it says what is wrong."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import uvloop

from thinmesh_core.config import ConfigError
from thinmesh_core.telemetry import configure_logging

EXIT_CONFIG = 2

COLLECT_EVERY = 50_000
"""Objects made between two looks for garbage cycles: calls make few, and the default of 700 cost a fifth of a call's CPU."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What the process is told: to stop (SIGINT, SIGTERM), to read its configuration again (SIGHUP)."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    reload: asyncio.Event = field(default_factory=asyncio.Event)


Main = Callable[[Signals], Awaitable[None]]


def run(main: Main, *, log_level: str, lifeline: bool = False) -> None:
    """Runs `main`; exits with 2 where the configuration is wrong.

    With `lifeline` the end of standard input stops it too: that is how a child notices that its parent is gone.
    """
    configure_logging(log_level)
    gc.freeze()  # what the imports made stays; looking through it again and again would be most of a collection
    gc.set_threshold(COLLECT_EVERY)
    try:
        uvloop.run(_main(main, lifeline=lifeline))
    except* ConfigError as group:
        for error in _leaves(group):
            print(f"thinmesh: {error}", file=sys.stderr)
        sys.exit(EXIT_CONFIG)


async def _main(main: Main, *, lifeline: bool) -> None:
    loop = asyncio.get_running_loop()
    signals = Signals()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, signals.stop.set)
    loop.add_signal_handler(signal.SIGHUP, signals.reload.set)
    if lifeline:
        await loop.connect_read_pipe(lambda: _Lifeline(signals.stop), sys.stdin)
    await main(signals)


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
