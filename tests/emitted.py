"""What the mesh emits while tests run, searched for what must be in nothing that is emitted."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from canaries import KEY, secrets

HANDED_OVER = frozenset({"dev-key"})
"""Files in state folders that are there to hand a key over."""


@dataclass(slots=True)
class _Output:
    """What a process says, and how much of it has been searched."""

    of: str
    path: Path
    searched: int = 0


@dataclass(slots=True)
class Emitted:
    """Everything that was emitted and not searched yet, and what was found so far."""

    found: set[tuple[str, str]] = field(default_factory=set)
    searched: int = 0
    _folder: tempfile.TemporaryDirectory[str] | None = None
    _metrics: set[bytes] = field(default_factory=set)
    _outputs: list[_Output] = field(default_factory=list)

    def output(self, of: str) -> Path:
        """A new file for what a process says."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="tm-emitted-")
        path = Path(self._folder.name) / f"{len(self._outputs)}.log"
        self._outputs.append(_Output(of, path))
        return path

    def add(self, where: str, data: bytes) -> None:
        """Searches something that was emitted at once."""
        self.searched += len(data)
        self.found.update((what, where) for what in secrets(data))

    def add_folder(self, folder: Path) -> None:
        """Searches the files below a folder."""
        for path in folder.rglob("*"):
            if path.is_file() and path.name not in HANDED_OVER:
                self.add(f"the file {path.name}", path.read_bytes())

    def add_metrics(self, metrics: bytes) -> None:
        """Searches the lines of /metrics that are new, whatever their numbers are."""
        new = {line.rpartition(b" ")[0] for line in metrics.splitlines()} - self._metrics
        self._metrics |= new
        self.add("/metrics", b"\n".join(new))

    def handed_over(self, of: str, data: bytes) -> None:
        """Searches what a command printed whose one line is the key that it made."""
        self.add(of, re.sub(rb"\A" + KEY + rb"\n\Z", b"", data))

    def leaks(self) -> list[str]:
        """Searches what processes have said since the last time; tells all that was found since then."""
        for output in self._outputs:
            with output.path.open("rb") as file:
                file.seek(output.searched)
                data = file.read()
            output.searched += data.rfind(b"\n") + 1  # a line that is being written is looked at again
            self.add(output.of, data)
        found, self.found = self.found, set()
        return sorted(f"{what} in {where}" for what, where in found)

    def close(self) -> None:
        """Removes the files."""
        if self._folder is not None:
            self._folder.cleanup()


EMITTED = Emitted()
"""Of this run."""
