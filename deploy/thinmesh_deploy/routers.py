"""Asking every router of a configuration, as operators do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeAlias, TypeVar

import grpc

from thinmesh_core.exposure import exposed
from thinmesh_core.peers import OPERATOR, ROUTER
from thinmesh_core.status import from_rpc_error
from thinmesh_deploy.config import Setting
from thinmesh_deploy.options import fail, setting_of

SECONDS = 5.0
"""What a router may take to answer an operator."""

A = TypeVar("A")
Ask: TypeAlias = "Callable[[grpc.aio.Channel], Awaitable[A]]"


async def ask_all(setting: Setting, ask: Ask[A]) -> dict[str, A | grpc.aio.AioRpcError]:
    """What each router answers, by its address; ConfigError where the operator's certificate can't be used."""

    async def one(channel: grpc.aio.Channel) -> A | grpc.aio.AioRpcError:
        try:
            async with channel:
                return await ask(channel)
        except grpc.aio.AioRpcError as error:
            return error

    async with exposed(setting.config.tls, OPERATOR, insecure=setting.config.insecure) as exposure:
        channels = exposure.channels(ROUTER)
        answers = await asyncio.gather(*(one(channels(address)) for address in setting.router_addresses))
    return dict(zip(setting.router_addresses, answers, strict=True))


def each(config: Path | None, state: Path, ask: Ask[A]) -> Iterator[tuple[str, A]]:
    """Every router's answer; ends the command after those where another can't be reached or refuses."""
    failures: dict[str, None] = {}
    for address, answer in asyncio.run(ask_all(setting_of(config, state), ask)).items():
        if isinstance(answer, grpc.aio.AioRpcError):
            failures[failure(address, answer)] = None  # what several say is told once
        else:
            yield address, answer
    if failures:
        fail("; ".join(failures))


def failure(address: str, error: grpc.aio.AioRpcError) -> str:
    """Why a router did not answer, and what to look at."""
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return f"no router answers at {address}: is the mesh up, and are --config and --state the ones it has?"
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"the router at {address} did not answer within {SECONDS:g} s: it is overloaded or frozen"
    return from_rpc_error(error).message
