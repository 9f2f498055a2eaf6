"""prompts.jsonl in the state folder: its owner's alone, and bounded; the oldest lines go first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from thinmesh_gateway.json_lines import JsonLines
from thinmesh_gateway.prompts.record import Line

FILE = "prompts.jsonl"
LOCK = "prompts.lock"

MOST_BYTES = 64 << 20
"""A file that would become larger is put aside as prompts.1.jsonl, that as prompts.2.jsonl, and so on."""

OLDER = 4
"""How many are kept aside."""


class PromptsFile:
    """The file, for every process that has the folder. OSError where the disk does not take a batch."""

    def __init__(self, state: Path, most_bytes: int = MOST_BYTES) -> None:
        self._state = state
        self._file = JsonLines(state / FILE, state / LOCK, most_bytes, self._put_aside)

    def write(self, lines: Sequence[Line]) -> None:
        """Appends lines. It blocks."""
        self._file.append(lines)

    def _put_aside(self) -> None:
        files = [self._state / FILE, *(self._state / f"prompts.{number}.jsonl" for number in range(1, OLDER + 1))]
        for newer, older in reversed([*pairwise(files)]):
            if newer.exists():
                newer.replace(older)
