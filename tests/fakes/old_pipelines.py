"""A pipeline as it was; new_pipelines has it as it is."""

from __future__ import annotations

from thinmesh_pipelines import flow


@flow.pipeline("changing")
async def changing(given: str) -> str:
    """Waits once."""
    await flow.signal("go", bool)
    return f"old {given}"
