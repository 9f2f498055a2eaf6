"""Which adapters there are. An adapter is imported only in the process that runs it: each brings its engine's client."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

from thinmesh_adapters.config import AdapterConfig
from thinmesh_adapters.contract import Adapter, Place
from thinmesh_core.config import ConfigError, convert


class Entry(NamedTuple):
    """Where an adapter is. `isolated`: its engine runs inside its process, so `thinmesh up` gives it one of its own."""

    module: str
    name: str
    isolated: bool = False


ADAPTERS = {
    "echo": Entry("thinmesh_adapters.echo", "EchoAdapter"),
    "llamacpp": Entry("thinmesh_adapters.llamacpp.adapter", "LlamaCppAdapter", isolated=True),
    "onnx": Entry("thinmesh_adapters.onnx.adapter", "OnnxAdapter", isolated=True),
    "openai": Entry("thinmesh_adapters.openai.adapter", "OpenAIAdapter"),
    "triton": Entry("thinmesh_adapters.triton.adapter", "TritonAdapter"),
}


def find(kind: str) -> Entry:
    """Where the adapter is; ConfigError where there is none."""
    if kind not in ADAPTERS:
        raise ConfigError(f"there is no adapter {kind!r}; there are: {', '.join(sorted(ADAPTERS))}")
    return ADAPTERS[kind]


def create(config: AdapterConfig, place: Place) -> Adapter[Any]:
    """The adapter of a backend's entry, with its options typed."""
    entry = find(config.adapter)
    try:
        kind: type[Adapter[Any]] = getattr(import_module(entry.module), entry.name)
    except ImportError as error:
        extra = f"pip install 'thinmesh[{config.adapter}]'"
        raise ConfigError(f"the adapter {config.adapter!r} needs its extra: {extra} ({error})") from error
    return kind(convert(config.options, kind.options_type, source=f"backends.{place.name}.options"), place)
