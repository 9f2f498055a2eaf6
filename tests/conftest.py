"""What tests of every kind share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from emitted import EMITTED

from thinmesh_adapters.conformance.case import Result
from thinmesh_adapters.conformance.report import markdown

pytest_plugins = ["searching", "pytester"]
"""The first looks for secrets in whatever tests make the mesh emit, the other runs tests of that."""

VERDICTS = pytest.StashKey[dict[str, list[Result]]]()
"""What the conformance cases said, by target."""


def pytest_configure(config: pytest.Config) -> None:
    """Nothing has been said yet."""
    config.stash[VERDICTS] = {}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Shows the table of the conformance cases that were run, and why others were not."""
    found = config.stash[VERDICTS]
    if found:
        terminalreporter.section("conformance")
        terminalreporter.write_line(markdown(found))


@pytest.fixture(scope="session")
def verdicts(pytestconfig: pytest.Config) -> dict[str, list[Result]]:
    """Where conformance tests put what was found."""
    return pytestconfig.stash[VERDICTS]


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder whose path is short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="tm-", dir="/tmp"))
    yield folder
    EMITTED.add_folder(folder)
    shutil.rmtree(folder)
