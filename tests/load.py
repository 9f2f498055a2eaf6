"""Open-loop load: calls begin by a schedule, whatever became of those before, and are timed from when they were to begin."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Generic, NamedTuple, TypeVar

import aiohttp
from canaries import PHRASE
from launch import Running

T = TypeVar("T")

Record = Callable[[str, object], None]
"""pytest's `record_property`: what was measured, and how much."""


class Answer(NamedTuple):
    """What came over REST."""

    status: int
    text: str
    headers: Mapping[str, str]


class Sent(NamedTuple, Generic[T]):
    """One call: when it was to begin, in seconds after the load began, how long it took from then on, and what came."""

    at: float
    seconds: float
    outcome: T


def poisson(random: Random, rate: float, seconds: float) -> list[float]:
    """Moments at which strangers' calls come, so many a second on average."""
    moments: list[float] = []
    at = random.expovariate(rate)
    while at < seconds:
        moments.append(at)
        at += random.expovariate(rate)
    return moments


async def play(moments: Iterable[float], call: Callable[[], Awaitable[T]]) -> list[Sent[T]]:
    """Makes a call at each of these moments, and waits for all of them; in their order."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def one(at: float) -> Sent[T]:
        outcome = await call()
        return Sent(at, loop.time() - began - at, outcome)

    async with asyncio.TaskGroup() as tasks:
        running = []
        for at in moments:
            await asyncio.sleep(began + at - loop.time())
            running.append(tasks.create_task(one(at)))
    return [task.result() for task in running]


def percentile(values: Iterable[float], percent: float) -> float:
    """The least of the values that so many per cent of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def seconds(sent: Sequence[Sent[T]]) -> list[float]:
    """How long each call took."""
    return [one.seconds for one in sent]


def session(running: Running) -> aiohttp.ClientSession:
    """A REST client with a key and as many connections as it needs."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=running.headers)


async def complete(client: aiohttp.ClientSession, running: Running, model: str, **fields: object) -> Answer:
    """One completion, to the end of its answer."""
    body = {"model": model, "prompt": PHRASE} | fields
    async with client.post(f"{running.http}/v1/completions", json=body) as response:
        return Answer(response.status, await response.text(), response.headers)


async def until(condition: Callable[[], Awaitable[bool]], *, within: float) -> float:
    """Waits until another process is so far; gives how long that took."""
    began = time.monotonic()
    async with asyncio.timeout(within):
        while not await condition():
            await asyncio.sleep(0.02)
    return time.monotonic() - began
