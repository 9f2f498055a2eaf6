"""Which adapters there are. An adapter is imported only in the process that runs it: each brings its engine's client."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from thinmesh_adapters.config import AdapterConfig
from thinmesh_adapters.contract import Adapter, Place
from thinmesh_core.config import ConfigError, convert

ADAPTERS = {
    "echo": "thinmesh_adapters.echo:EchoAdapter",
    "llamacpp": "thinmesh_adapters.llamacpp.adapter:LlamaCppAdapter",
    "onnx": "thinmesh_adapters.onnx.adapter:OnnxAdapter",
    "openai": "thinmesh_adapters.openai.adapter:OpenAIAdapter",
}


def find(kind: str) -> type[Adapter[Any]]:
    """The adapter's class; ConfigError where there is none or its extra is not installed."""
    if kind not in ADAPTERS:
        raise ConfigError(f"there is no adapter {kind!r}; there are: {', '.join(sorted(ADAPTERS))}")
    module, _, name = ADAPTERS[kind].partition(":")
    try:
        found: type[Adapter[Any]] = getattr(import_module(module), name)
    except ImportError as error:
        raise ConfigError(f"the adapter {kind!r} needs its extra: pip install 'thinmesh[{kind}]' ({error})") from error
    return found


def create(config: AdapterConfig, place: Place) -> Adapter[Any]:
    """The adapter of a backend's entry, with its options typed."""
    kind = find(config.adapter)
    return kind(convert(config.options, kind.options_type, source=f"backends.{place.name}.options"), place)
