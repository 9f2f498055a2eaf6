"""Writes the typed stubs of every proto below protos/thinmesh into protos/gen."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parent
GEN = ROOT / "gen"


def main() -> int:
    """Regenerates from nothing, so that a removed proto leaves no stub behind; returns protoc's exit code."""
    shutil.rmtree(GEN, ignore_errors=True)
    GEN.mkdir()
    sources = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "thinmesh").rglob("*.proto"))
    services = [source for source in sources if source.endswith("_service.proto")]
    failed = _protoc(["--python_out", "--mypy_out"], sources) or _protoc(["--grpc_python_out", "--mypy_grpc_out"], services)
    for package in {path.parent for path in GEN.rglob("*.py")}:
        (package / "py.typed").touch()
    return failed


def _protoc(outputs: list[str], sources: list[str]) -> int:
    code: int = protoc.main(["protoc", f"--proto_path={ROOT}", *(f"{output}={GEN}" for output in outputs), *sources])
    return code


if __name__ == "__main__":
    sys.exit(main())
