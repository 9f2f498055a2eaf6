"""A state folder, and a fake engine."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from fakes.openai_engine import FakeEngine, fake_engine


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder whose path is short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="tm-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    """A fake engine of the openai adapter's kind."""
    async with fake_engine() as engine:
        yield engine
