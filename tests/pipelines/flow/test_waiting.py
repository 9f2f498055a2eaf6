"""What a run waits for stands in its memo for as long as it waits."""

from __future__ import annotations

import asyncio

import pytest
from temporalio import workflow

from thinmesh_pipelines.flow.run import Run


async def test_a_run_that_is_put_aside_while_it_waits_tells_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(workflow, "upsert_memo", told.append)
    monkeypatch.setattr(workflow, "wait_condition", lambda *_, **__: asyncio.Event().wait())
    hearing = Run().hear("approval", "Shall it?", None)
    hearing.send(None)
    hearing.close()  # as the garbage collector does with a run that its worker has forgotten
    assert len(told) == 1
