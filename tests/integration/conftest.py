"""Meshes that the integration tests share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from launch import ECHO, Mode, Running, mesh


@pytest.fixture(scope="module", params=["up", "split"])
def mode(request: pytest.FixtureRequest) -> Mode:
    """All in one process, or each part in its own."""
    chosen: Mode = request.param
    return chosen


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def echo(mode: Mode) -> AsyncIterator[Running]:
    """A mesh that serves echo, shared by a module's tests."""
    folder = Path(tempfile.mkdtemp(prefix="tm-", dir="/tmp"))
    async with mesh(ECHO, folder, mode) as running:
        yield running
    shutil.rmtree(folder)
