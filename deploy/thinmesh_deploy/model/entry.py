"""The entries of thinmesh.yaml that a new model needs. Pure."""

from __future__ import annotations

from typing import Any

from thinmesh_core.config import ConfigError
from thinmesh_deploy.model.catalogue import ENGINE, Engine, Found

Plain = dict[str, Any]


def backend(found: Found | None, engine: Engine, at: str | None) -> Plain:
    """A backend for it. ConfigError where its engine is a process of its own, and nobody said where that is."""
    options: Plain
    match engine.adapter:
        case "llamacpp":
            options = {"model": _file(found, engine)}
        case "onnx":
            options = {"model": _file(found, engine), "tokenizer": found.tokenizer if found else None}
        case "openai":
            options = {
                "base_url": at
                or (found.source if found and found.form == ENGINE else _asked(found, engine, "http://127.0.0.1:8000/v1"))
            }
            if engine.capabilities:
                options["capabilities"] = list(engine.capabilities)
        case _:
            options = {"address": at or _asked(found, engine, "127.0.0.1:50051")}
    return {"adapter": engine.adapter, "options": options}


def _file(found: Found | None, engine: Engine) -> str:
    if found is None or found.form == ENGINE:
        raise ConfigError(f"{engine.adapter} reads a file: name it")
    return found.source


def _asked(found: Found | None, engine: Engine, example: str) -> str:
    how = f": {engine.start.format(source='MODEL' if found is None else found.source)}" if engine.start else ""
    raise ConfigError(f"{engine.reason}. Start that first{how}, and say with --at where it is, such as --at {example}")
