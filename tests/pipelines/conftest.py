"""A Temporal for the tests of one file."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporal_server import TemporalServer, temporal_server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def temporal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TemporalServer]:
    async with temporal_server(tmp_path_factory.mktemp("temporal")) as server:
        yield server
