"""What a scenario gives: figures against what is required, a table beside what is usual, and a plot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from bench.simulate.plot import Plot


class Figure(NamedTuple):
    """One measured figure, and what it has to be."""

    what: str
    measured: str
    required: str
    holds: bool


@dataclass(frozen=True)
class Result:
    """A scenario's outcome. `table` begins with its header."""

    title: str
    text: str
    figures: list[Figure]
    table: list[list[str]]
    plots: dict[str, Plot]


Scenario = Callable[[float], Result]
"""Runs with all durations multiplied by the argument."""


def at_most(what: str, measured: float, bound: float, unit: str = "", digits: int = 2) -> Figure:
    """A figure that may not be larger."""
    return Figure(what, f"{measured:.{digits}f}{unit}", f"≤ {bound:g}{unit}", measured <= bound)


def at_least(what: str, measured: float, bound: float, unit: str = "", digits: int = 2) -> Figure:
    """A figure that may not be smaller."""
    return Figure(what, f"{measured:.{digits}f}{unit}", f"≥ {bound:g}{unit}", measured >= bound)
