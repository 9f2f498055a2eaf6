"""A fake engine."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from fakes.openai_engine import FakeEngine, fake_engine


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    """A fake engine of the openai adapter's kind."""
    async with fake_engine() as engine:
        yield engine
