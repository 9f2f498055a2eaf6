"""A fake engine, and the table of the faults: made by the run, from each test's name, docstring and recorded figures.

A test of the table is named `test_fault_NUMBER_...`, says in its docstring `what is done to the mesh -> what must hold`, and
records what it measured with `record_property`.
"""

from __future__ import annotations

import gc
import os
import platform
import re
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest

from fakes.openai_engine import FakeEngine, fake_engine

ROWS: list[tuple[int, str]] = []
"""The lines of the table, each with its fault's number."""

HEAD = """\
# Faults

What was done to real processes, what must hold, and what was measured. Written by `make faults` on {cpus} cores of a shared
{machine} machine, {system}, Python {python}. A fault has a line for each test of it.

| fault | done to the mesh | must hold | measured | verdict | test |
|---|---|---|---|---|---|
"""


@pytest.fixture(autouse=True)
def undisturbed() -> Iterator[None]:
    """Looking through all of pytest for garbage takes 30 ms, which the mesh would seem to take."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    """A fake engine of the openai adapter's kind."""
    async with fake_engine() as engine:
        yield engine


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds a line for a fault's test."""
    report = yield
    found = re.match(r"test_fault_(\d+)_", item.originalname)
    if found is not None and (report.when == "call" or report.failed):
        text = " ".join((item.function.__doc__ or "").split())
        done, _, required = text.partition(" -> ")
        measured = ", ".join(f"{what} {value}" for what, value in item.user_properties)
        verdict = "holds" if report.passed else "not run" if report.skipped else "**fails**"
        test = f"`{item.path.name}::{item.name}`"
        ROWS.append((int(found[1]), f"| {found[1]} | {done} | {required.rstrip('.')} | {measured} | {verdict} | {test} |"))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes the table where FAULTS_REPORT says."""
    folder = os.environ.get("FAULTS_REPORT")
    if folder is None or not ROWS:
        return
    file = Path(folder) / "faults.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    machine = {"cpus": os.cpu_count(), "machine": platform.machine(), "system": platform.system()}
    head = HEAD.format(python=platform.python_version(), **machine)
    file.write_text(head + "".join(f"{line}\n" for _, line in sorted(ROWS, key=lambda row: row[0])))
