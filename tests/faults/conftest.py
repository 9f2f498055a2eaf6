"""A fake engine, and the table of the faults: made by the run, from each test's name, docstring and recorded figures.

A test of the table is named `test_fault_NUMBER_...`, says in its docstring `what is done to the mesh -> what must hold`, and
records what it measured with `record_property`.
"""

from __future__ import annotations

import gc
import os
import platform
import re
import resource
import time
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest
from load import Record

from fakes.openai_engine import FakeEngine, fake_engine

DISTURBING = 0.3
"""Processors in use by others from which on a figure of milliseconds says more of the machine than of the mesh."""

ROWS: list[tuple[int, str]] = []
"""The lines of the table, each with its fault's number."""

VERDICT = pytest.StashKey[str]()
"""How a test ended."""

HEAD = """\
# Faults

What was done to real processes, what must hold, and what was measured. Written by `make faults` on {cpus} cores of a shared
{machine} machine, {system}, Python {python}. A fault has a line for each test of it; where others used a part of
the machine meanwhile that can have decided a figure, the line says so.

| fault | done to the mesh | must hold | measured | verdict | test |
|---|---|---|---|---|---|
"""


@pytest.fixture(autouse=True)
def disturbance(record_property: Record) -> Iterator[None]:
    """Notes how busy others kept the machine, where that may have decided a figure.

    Looking through all of pytest for garbage takes 30 ms, which the mesh would seem to take: it is not done meanwhile.
    """
    gc.collect()
    gc.freeze()
    began, others = time.monotonic(), _others()
    yield
    used = (_others() - others) / (time.monotonic() - began)
    if used > DISTURBING:
        record_property("others used", f"{used:.1f} processors")
    gc.unfreeze()


def _others() -> float:
    """Processor seconds that other processes have used, beside this one and those that it has seen end."""
    user, nice, system = (int(ticks) for ticks in Path("/proc/stat").read_text().split()[1:4])
    own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return (user + nice + system) / os.sysconf("SC_CLK_TCK") - sum(one.ru_utime + one.ru_stime for one in own)


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    """A fake engine of the openai adapter's kind."""
    async with fake_engine() as engine:
        yield engine


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds a line for a fault's test, once all that it recorded is there."""
    report = yield
    if report.when == "call" or report.failed:
        item.stash[VERDICT] = "holds" if report.passed else "not run" if report.skipped else "**fails**"
    found = re.match(r"test_fault_(\d+)_", item.originalname)
    if found is not None and report.when == "teardown" and VERDICT in item.stash:
        done, _, required = " ".join((item.function.__doc__ or "").split()).partition(" -> ")
        measured = ", ".join(f"{what} {value}" for what, value in item.user_properties)
        test = f"`{item.path.name}::{item.name}`"
        line = f"| {found[1]} | {done} | {required.rstrip('.')} | {measured} | {item.stash[VERDICT]} | {test} |"
        ROWS.append((int(found[1]), line))
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
