"""Prometheus' own tool for rules, as a subprocess."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from launch import ROOT

OURS = ROOT / ".engines" / "promtool" / "root" / "usr" / "bin" / "promtool"


def promtool(*arguments: str | Path) -> str:
    """Runs it; gives what it said. AssertionError, with that, where it found something wrong."""
    found = str(OURS) if OURS.exists() else shutil.which("promtool")
    assert found is not None, "there is no promtool: make .engines/promtool/.installed unpacks Debian's"
    done = subprocess.run([found, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said
