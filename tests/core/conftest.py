"""Both kinds of channel, for tests that must hold on either."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import grpc
import pytest
from channels import Connected, Kind, Servicer, connected


@pytest.fixture(params=["in-process", "network"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """The kind of channel."""
    chosen: Kind = request.param
    return chosen


@pytest.fixture
async def connect(kind: Kind) -> AsyncIterator[Callable[..., Awaitable[Connected]]]:
    """Serves a servicer, and gives the channel to it."""
    folder = Path(tempfile.mkdtemp(prefix="tm-", dir="/tmp"))
    numbers = count()
    async with AsyncExitStack() as stack:

        async def serve(servicer: Servicer, interceptors: Sequence[grpc.aio.ServerInterceptor] = ()) -> Connected:
            return await stack.enter_async_context(connected(kind, folder / f"{next(numbers)}.sock", servicer, interceptors))

        yield serve
    shutil.rmtree(folder)
