"""When a pipeline runs by itself."""

from __future__ import annotations

from typing import NamedTuple


class Schedule(NamedTuple):
    """Times as cron has them: minute, hour, day of month, month, day of week; in a zone of the tz database."""

    cron: str
    zone: str


def schedule(cron: str, *, zone: str = "UTC") -> Schedule:
    """When a pipeline usually runs: `schedule("0 2 * * *", zone="Asia/Seoul")`. `jobs.schedules` says for whom it does."""
    return Schedule(cron, zone)
