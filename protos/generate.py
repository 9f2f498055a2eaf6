"""Writes the typed stubs of every proto below protos/thinmesh into protos/gen, or into the folder given.

Protocols of others that come without a Python package, below protos/third_party, become thinmesh.third_party.
"""

from __future__ import annotations

import shutil
import sys
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parent
THIRD_PARTY = "thinmesh/third_party"


def generate(out: Path) -> int:
    """Regenerates from nothing, so that a removed proto leaves no stub behind; returns protoc's exit code."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    ours = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "thinmesh").rglob("*.proto"))
    found = sorted(path.relative_to(ROOT / "third_party") for path in (ROOT / "third_party").rglob("*.proto"))
    theirs = [f"{THIRD_PARTY}/{path}" for path in found]
    services = [source for source in ours if source.endswith("_service.proto")] + theirs
    failed = _protoc(["python_out", "mypy_out"], out, ours + theirs)
    failed = failed or _protoc(["grpc_python_out", "mypy_grpc_out"], out, services)
    for package in {path.parent for path in out.rglob("*.py")}:
        (package / "py.typed").touch()
    return failed


def _protoc(plugins: list[str], out: Path, sources: list[str]) -> int:
    outputs = [f"--{plugin}=quiet:{out}" if plugin.startswith("mypy") else f"--{plugin}={out}" for plugin in plugins]
    known = resources.files("grpc_tools") / "_proto"  # google.protobuf's own
    paths = [f"--proto_path={THIRD_PARTY}={ROOT / 'third_party'}", f"--proto_path={ROOT}", f"--proto_path={known}"]
    code: int = protoc.main(["protoc", *paths, *outputs, *sources])
    return code


if __name__ == "__main__":
    sys.exit(generate(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "gen"))
