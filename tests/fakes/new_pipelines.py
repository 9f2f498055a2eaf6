"""A pipeline as it is; old_pipelines has it as it was."""

from __future__ import annotations

from thinmesh_pipelines import flow


@flow.pipeline("changing")
async def changing(given: str) -> str:
    """Waits for something else."""
    await flow.signal("start", bool, seconds=3600)
    return f"new {given}"
