"""The search for secrets: each test in whose time one comes out fails, by whatever way it came, and no other does."""

from __future__ import annotations

from pathlib import Path

import pytest
from canaries import CANARY, PERSONAL, secrets

from thinmesh_gateway.identity import key

TESTS = Path(__file__).parent
KEY = key.text("0123456789ab", "cd" * 32)
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
RUN = f"""
import logging
import pytest
from emitted import EMITTED
from thinmesh_core.telemetry import TOKENS

log = logging.getLogger("thinmesh_gateway.anything")

def test_an_id():
    log.debug("the key 0123456789ab is revoked")

def test_leak_in_a_line():
    log.debug("%s", "{KEY}")

def test_leak_in_a_label():
    TOKENS.labels("{CANARY}", "prompt").inc()

def test_beside_that_label():
    TOKENS.labels("other", "prompt").inc()

def test_leak_in_a_print():
    print("{TOKEN}")

def test_leak_in_a_file(state):
    (state / "prompts.log").write_text("{PERSONAL["card"]}")

def test_key_that_is_handed_over(state):
    (state / "dev-key").write_text("{KEY}")
    EMITTED.handed_over("key create", b"{KEY}\\n")

def test_leak_beside_a_key_that_is_handed_over():
    EMITTED.handed_over("key create", b"{KEY}\\nand {KEY}\\n")

@pytest.fixture(scope="module")
def process():
    with EMITTED.output("what a process said").open("w") as file:
        yield file
        file.write("{PERSONAL["phone"]}")

def test_half_a_line(process):
    print("{CANARY[:5]}", end="", file=process, flush=True)

def test_leak_in_the_other_half(process):
    print("{CANARY[5:]}", file=process, flush=True)

def test_leak_in_what_is_said_last(process):
    pass
"""


def test_each_leak_fails_the_test_that_made_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    pytester.makeconftest((TESTS / "conftest.py").read_text())
    pytester.makepyfile(RUN)
    found = pytester.runpytest_subprocess()
    capsys.readouterr()  # the run's own output, leaks and all
    names = [line.split("def ")[1].split("(")[0] for line in RUN.splitlines() if line.startswith("def test")]
    leaks = [name for name in names if "leak" in name]
    found.assert_outcomes(passed=len(names), errors=len(leaks))
    found.stdout.fnmatch_lines_random([f"*ERROR*::{name}*" for name in leaks])
    found.stdout.no_fnmatch_line(f"*what must be*{KEY[:24]}*")


@pytest.mark.parametrize("text", [KEY, f"Bearer {KEY}", KEY[:-9], TOKEN, *PERSONAL.values(), f"x{CANARY}y"])
def test_what_is_a_secret(text: str) -> None:
    assert len(secrets(text.encode())) == 1


@pytest.mark.parametrize("text", ["tm_live_0123456789ab", "tm_live_...", "0123456789ab", "eyJ.a.b", "thinmesh_gateway.app"])
def test_what_is_none(text: str) -> None:
    assert secrets(text.encode()) == set()
