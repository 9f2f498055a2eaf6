"""The life of a process: its event loop, its signals, and how it says what is wrong."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field

import uvloop

from thinmesh_core.config import ConfigError
from thinmesh_core.lag import Lag
from thinmesh_core.log_lines import tell_of_loop
from thinmesh_core.telemetry import configure_logging
from thinmesh_core.traces.config import TracesConfig
from thinmesh_core.traces.exporting import exporting

EXIT_CONFIG = 2

COLLECT_EVERY = 50_000
"""Objects made between two looks for garbage cycles: calls make few, and the default of 700 cost a fifth of a call's CPU."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What the process is told: to stop (SIGTERM), at once (SIGINT), to read its configuration again (SIGHUP); and its lag."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    reload: asyncio.Event = field(default_factory=asyncio.Event)
    lag: Lag = field(default_factory=Lag)

    def terminate(self) -> None:
        """Says to stop; for the second time, not to wait for anybody to notice."""
        (self.hurry if self.stop.is_set() else self.stop).set()

    def interrupt(self) -> None:
        """Says to stop at once: a person waits. Running calls have their grace even then."""
        self.stop.set()
        self.hurry.set()

    async def drained(self, drain: Callable[[], Awaitable[None]], seconds: float) -> None:
        """Waits for the end: told to stop, the process drains, and `seconds` later its listeners may close.

        In between load balancers see that it is not ready, while there is still somebody to tell late callers so.
        """
        await self.stop.wait()
        await drain()
        await self.pause(seconds)

    async def pause(self, seconds: float) -> None:
        """Waits, unless it is told to stop at once."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.hurry.wait()


Main = Callable[[Signals], Awaitable[None]]


def run(main: Main, *, service: str, log_level: str, lifeline: bool = False, traces: TracesConfig | None = None) -> None:
    """Runs `main`, with spans of its `service` where traces are configured; exits with 2 where the configuration is wrong.

    With `lifeline` the end of standard input stops it too: that is how a child notices that its parent is gone.
    """
    configure_logging(log_level)
    gc.freeze()  # what the imports made stays; looking through it again and again would be most of a collection
    gc.set_threshold(COLLECT_EVERY)
    try:
        uvloop.run(_main(main, exporting(traces, service), lifeline=lifeline))
    except* ConfigError as group:
        for error in _leaves(group):
            print(f"thinmesh: {error}", file=sys.stderr)
        sys.exit(EXIT_CONFIG)


async def _main(main: Main, spans: AbstractAsyncContextManager[None], *, lifeline: bool) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(tell_of_loop)
    signals = Signals()
    loop.add_signal_handler(signal.SIGTERM, signals.terminate)
    loop.add_signal_handler(signal.SIGINT, signals.interrupt)
    loop.add_signal_handler(signal.SIGHUP, signals.reload.set)
    if lifeline:
        await loop.connect_read_pipe(lambda: _Lifeline(signals), sys.stdin)
    async with spans, asyncio.TaskGroup() as tasks:
        following = tasks.create_task(signals.lag.follow())
        await main(signals)
        following.cancel()


class _Lifeline(asyncio.Protocol):
    def __init__(self, signals: Signals) -> None:
        self._signals = signals

    def connection_lost(self, exc: Exception | None) -> None:
        """The parent is gone."""
        self._signals.interrupt()


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
