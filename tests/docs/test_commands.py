"""What documents tell people to type is what `thinmesh` takes, and the README says the same in both languages."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from thinmesh_deploy.cli import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md")])
COMMANDS = typer.main.get_command(app)

_TYPED = re.compile(r"^ {4}(?:\.venv/bin/)?thinmesh (.+)$", re.MULTILINE)
_NAMED = re.compile(r"`thinmesh ([a-z][a-z ]*[a-z])[` ]")
"""In a sentence, up to its first flag: what is said not to be there yet has a name too."""


def typed(document: Path) -> Iterator[str]:
    """Every command of a document, without what a shell makes of it."""
    text = document.read_text().replace("\\\n", " ")
    for words in (*_TYPED.findall(text), *_NAMED.findall(text)):
        yield re.split(r" [|<>&;] ?", words)[0]


def wrong(words: str) -> str | None:
    """What `thinmesh` would not know of a command; how its arguments read is its own business."""
    command = COMMANDS
    for word in shlex.split(words, comments=True):
        flag = word.partition("=")[0]
        if isinstance(command, TyperGroup) and not word.startswith("-"):
            within = command.commands
            if word not in within and "run" not in within:
                return f"there is no command {word}"
            command = within[word] if word in within else within["run"]  # `adapter NAME` is short for `adapter run NAME`
        elif flag.startswith("--") and flag != "--help" and flag not in {name for one in command.params for name in one.opts}:
            return f"{command.name} has no {flag}"
    return None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_of_documents_exist_with_their_flags(document: Path) -> None:
    found = {words: said for words in typed(document) if (said := wrong(words)) is not None}
    assert not found


def test_what_does_not_exist_is_found() -> None:
    assert wrong("key create --tenant a") is None
    assert wrong("key create --tenants a") == "create has no --tenants"
    assert wrong("frobnicate") == "there is no command frobnicate"


def test_the_readmes_have_the_same_links_and_commands() -> None:
    def kept(name: str) -> tuple[list[str], list[str]]:
        text = (ROOT / name).read_text()
        lines = re.findall(r"^(?: {4}|```)[^#\n]*", text, re.MULTILINE)
        links = re.findall(r"\]\(([^)]+)\)", text)
        return [line.rstrip() for line in lines], sorted(link for link in links if not link.startswith("README"))

    assert kept("README.md") == kept("README.ko.md")
