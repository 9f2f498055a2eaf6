"""Writes the typed stubs of every proto below protos/thinmesh into protos/gen, or into the folder given."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parent


def generate(out: Path) -> int:
    """Regenerates from nothing, so that a removed proto leaves no stub behind; returns protoc's exit code."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    sources = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "thinmesh").rglob("*.proto"))
    services = [source for source in sources if source.endswith("_service.proto")]
    failed = _protoc(["python_out", "mypy_out"], out, sources) or _protoc(["grpc_python_out", "mypy_grpc_out"], out, services)
    for package in {path.parent for path in out.rglob("*.py")}:
        (package / "py.typed").touch()
    return failed


def _protoc(plugins: list[str], out: Path, sources: list[str]) -> int:
    outputs = [f"--{plugin}=quiet:{out}" if plugin.startswith("mypy") else f"--{plugin}={out}" for plugin in plugins]
    code: int = protoc.main(["protoc", f"--proto_path={ROOT}", *outputs, *sources])
    return code


if __name__ == "__main__":
    sys.exit(generate(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "gen"))
