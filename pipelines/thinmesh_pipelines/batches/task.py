"""What the steps of a batch are told and tell. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from thinmesh_pipelines.batches.lines import Problem, Range
from thinmesh_pipelines.batches.usage import Used
from thinmesh_pipelines.job import Owner

RANGES_AT_ONCE = 4
"""Ranges of one batch whose lines are asked together."""


@dataclass(frozen=True, slots=True)
class Task:
    """Whose batch it is, of which file, and what its lines ask for; `lines` is how many of a range are asked together."""

    job_id: str
    owner: Owner
    file_id: str
    endpoint: str
    lines: int

    def step(self, number: int) -> str:
        """The id of a line's step."""
        return f"{self.job_id}.{number}"


@dataclass(frozen=True, slots=True)
class Examined:
    """What is wrong with the file, or its ranges."""

    problems: list[Problem]
    ranges: list[Range]


@dataclass(frozen=True, slots=True)
class Counted:
    """How many lines ended well, and how many with an error."""

    done: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Gathering:
    """What files are to be written: when the batch was made, how long they are kept, and why lines may be missing."""

    created: int
    seconds: int
    missing: str | None


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was written."""

    counted: Counted
    output_file_id: str | None
    error_file_id: str | None
    used: Used = field(default_factory=Used)
