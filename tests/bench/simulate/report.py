"""The report of all scenarios: one table of verdicts, then each with its figures beside what is usual, and its plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.simulate.outcome import Result

INTRODUCTION = """\
# What the router decides, simulated

`make simulate` writes this page and its plots. The scenarios of `tests/bench/simulate/` run the router's own classes
(queue, balancer, affinity, breakers, limits, retry budget, quotas) on simulated time, in front of simulated engines with
slots, prefill, decoding and faults. Every draw is seeded: the same code writes the same page, byte for byte. What a
scenario shows is the decisions; what they cost, and what sockets and processes do, is measured elsewhere.

"First in, first out" and the other names beside thinmesh are plain proxies of the simulation: they send each call to an
engine at once, where it waits. Figures of peers are measurements of their programs under a load of that kind.
"""


def markdown(results: Sequence[Result]) -> str:
    """The whole page."""
    rows = [["scenario", "figure", "measured", "required", ""]]
    for result in results:
        title = f"[{result.title}](#{_anchor(result.title)})"
        for figure in result.figures:
            rows.append([title, figure.what, figure.measured, figure.required, "holds" if figure.holds else "**missed**"])
            title = ""
    return "\n".join([INTRODUCTION, *_table(rows), *(line for result in results for line in _section(result))]) + "\n"


def write(results: Sequence[Result], folder: Path) -> None:
    """The page and its plots."""
    plots = folder / "simulation"
    plots.mkdir(parents=True, exist_ok=True)
    (folder / "simulation.md").write_text(markdown(results))
    for result in results:
        for name, plot in result.plots.items():
            (plots / f"{name}.svg").write_text(plot.svg())


def _section(result: Result) -> list[str]:
    pictures = [f"\n![{result.title}](simulation/{name}.svg)" for name in result.plots]
    return [f"\n## {result.title}\n", f"{result.text}\n", *_table(result.table), *pictures]


def _table(rows: list[list[str]]) -> list[str]:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]


def _anchor(title: str) -> str:
    """As GitHub makes it."""
    return "".join(letter for letter in title.lower().replace(" ", "-") if letter.isalnum() or letter in "-_")
