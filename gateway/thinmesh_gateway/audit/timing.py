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
    total = _ms(seconds)
    if course is None:
        return Timing(total, total)
    parts = (_ms(course.queue), _ms(course.retries), _ms(course.first_token or 0.0), _ms(course.generation))
    elsewhere = sum(parts)
    gateway = max(total - elsewhere, 0.0)  # each part is rounded by itself
    return Timing(round(gateway + elsewhere, 3), round(gateway, 3), *parts)


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 3)
