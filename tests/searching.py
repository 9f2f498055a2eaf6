"""The plugin by which every test is one of secrets too: what the mesh emitted until its end is searched, and one there fails it.

Emitted is what processes print and log, what parts in this process log, /metrics, and what is left in state folders.
"""

from __future__ import annotations

import logging
from collections.abc import Generator

import pytest
from emitted import EMITTED

from thinmesh_core.log_lines import LineFormatter
from thinmesh_core.telemetry import exposition

PARTS = ("thinmesh", "thinmesh_core", "thinmesh_gateway", "thinmesh_router", "thinmesh_adapters", "thinmesh_deploy")
"""Whose loggers tell all there is to tell, as at level debug."""


class _Searched(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """As a process would write it."""
        EMITTED.add(f"a line of {record.name}", self.format(record).encode(errors="replace"))


def pytest_configure() -> None:
    """Hears what parts in this process log."""
    handler = _Searched()
    handler.setFormatter(LineFormatter())
    logging.getLogger().addHandler(handler)
    for part in PARTS:
        logging.getLogger(part).setLevel(logging.DEBUG)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fails a test once it is torn down, where a secret came out since the one before it was."""
    report = yield
    if report.when == "teardown":
        for title, text in report.sections:
            if not title.startswith("Captured log"):  # as pytest writes lines, with all that exceptions say
                EMITTED.add(title, text.encode(errors="replace"))
        EMITTED.add_metrics(exposition())
        if leaks := EMITTED.leaks():
            report.outcome, report.longrepr = "failed", "what must be in nothing that is emitted: " + "; ".join(leaks)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how much was searched."""
    terminalreporter.write_line(f"searched for secrets: {EMITTED.searched / 1e6:.1f} MB that the mesh emitted")


def pytest_unconfigure() -> None:
    """Removes what processes have said."""
    EMITTED.close()
