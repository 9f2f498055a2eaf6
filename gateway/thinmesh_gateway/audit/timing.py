"""How long a call was where: its router's parts, and what is left of the whole for the gateway. Pure."""

from __future__ import annotations

from typing import NamedTuple

from thinmesh_core.course import Course


class Timing(NamedTuple):
    """Milliseconds; `total` is the sum of the others."""

    total: float
    gateway: float
    queue: float = 0.0
    retries: float = 0.0
    first_token: float = 0.0
    generation: float = 0.0


def timing(seconds: float, course: Course | None) -> Timing:
    """Of a call that took so many seconds. What passed between the gateway and the router is the gateway's."""
    whole = round(seconds * 1e6)
    if course is None:
        return Timing(whole / 1e3, whole / 1e3)
    queue, retries = round(course.queue * 1e6), round(course.retries * 1e6)
    first, generation = round((course.first_token or 0.0) * 1e6), round(course.generation * 1e6)
    elsewhere = queue + retries + first + generation  # whole microseconds, of which sums are exact
    gateway = max(whole - elsewhere, 0)
    return Timing((gateway + elsewhere) / 1e3, gateway / 1e3, queue / 1e3, retries / 1e3, first / 1e3, generation / 1e3)
