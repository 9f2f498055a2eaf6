"""What lies below a folder that a running process writes in and removes from."""

import os
from pathlib import Path


def files(folder: Path) -> set[Path]:
    """The files below it; unlike `rglob`, a walk passes over a folder that goes while it is on its way."""
    return {Path(at, name) for at, _, names in os.walk(folder) for name in names}
