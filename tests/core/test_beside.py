"""Work beside a block: it ends with the block, and what ends it before is told."""

from __future__ import annotations

import asyncio

import pytest

from thinmesh_core.beside import beside


async def test_work_that_ends_with_an_error_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> None:
        raise RuntimeError("no more")

    async with beside(broken()):
        await asyncio.sleep(0)
    assert ("RuntimeError" in caplog.text, "no more" in caplog.text) == (True, True)


async def test_work_that_is_ended_with_its_block_is_not(caplog: pytest.LogCaptureFixture) -> None:
    async with beside(asyncio.sleep(600)):
        await asyncio.sleep(0)
    assert not caplog.records
