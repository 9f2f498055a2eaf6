"""Which adapters there are: the built-in ones, and those that installed packages bring by an entry point.

An adapter is imported only in the process that runs it: each brings its engine's client. What must be known of it before,
stands here, or in its package's metadata.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, NamedTuple

from thinmesh_adapters.config import AdapterConfig
from thinmesh_adapters.contract import Adapter, Place
from thinmesh_core.config import ConfigError, convert

GROUP = "thinmesh.adapters"
"""The entry points of adapters in other packages."""

ISOLATED_GROUP = f"{GROUP}.isolated"
"""Those of adapters whose engine runs inside their process."""


class Entry(NamedTuple):
    """Where an adapter is. `isolated`: its engine runs inside its process, so `thinmesh up` gives it one of its own.

    `package` is the distribution that brings it; None: thinmesh.
    """

    module: str
    name: str
    isolated: bool = False
    package: str | None = None


ADAPTERS = {
    "echo": Entry("thinmesh_adapters.echo", "EchoAdapter"),
    "llamacpp": Entry("thinmesh_adapters.llamacpp.adapter", "LlamaCppAdapter", isolated=True),
    "onnx": Entry("thinmesh_adapters.onnx.adapter", "OnnxAdapter", isolated=True),
    "openai": Entry("thinmesh_adapters.openai.adapter", "OpenAIAdapter"),
    "triton": Entry("thinmesh_adapters.triton.adapter", "TritonAdapter"),
    "vllm": Entry("thinmesh_adapters.vllm.adapter", "VllmAdapter"),
    "vllm-frontend": Entry("thinmesh_adapters.vllm_frontend.adapter", "VllmFrontendAdapter"),
}
"""The built-in ones; no package can take their names."""


def find(kind: str) -> Entry:
    """Where the adapter is; ConfigError where there is none, or where two packages bring one of that name."""
    if kind in ADAPTERS:
        return ADAPTERS[kind]
    others = _others()
    found = [entry for name, entry in others if name == kind]
    if not found:
        there = ", ".join(sorted({*ADAPTERS, *(name for name, _ in others)}))
        raise ConfigError(f"there is no adapter {kind!r}; there are: {there}. Others come with a package that is installed")
    if len(found) > 1:
        packages = ", ".join(sorted(str(entry.package) for entry in found))
        raise ConfigError(f"the adapter {kind!r} is in several packages: uninstall all but one of {packages}")
    return found[0]


def create(config: AdapterConfig, place: Place) -> Adapter[Any]:
    """The adapter of a backend's entry, with its options typed."""
    kind = _load(config.adapter, find(config.adapter))
    return kind(convert(config.options, kind.options_type, source=f"backends.{place.name}.options"), place)


def _load(kind: str, entry: Entry) -> type[Adapter[Any]]:
    try:
        found = getattr(import_module(entry.module), entry.name, None)
    except ImportError as error:
        if entry.package is not None:
            raise ConfigError(f"the adapter {kind!r} of the package {entry.package} can't be imported: {error}") from error
        raise ConfigError(f"the adapter {kind!r} needs its extra: pip install 'thinmesh[{kind}]' ({error})") from error
    if not (isinstance(found, type) and issubclass(found, Adapter)):
        raise ConfigError(f"the adapter {kind!r} of the package {entry.package} is no Adapter: {entry.module}:{entry.name}")
    return found


def _others() -> list[tuple[str, Entry]]:
    """Every adapter of another package, by its name."""
    return [
        (
            point.name,
            Entry(point.module, point.attr, group == ISOLATED_GROUP, "unknown" if point.dist is None else point.dist.name),
        )
        for group in (GROUP, ISOLATED_GROUP)
        for point in entry_points(group=group)
    ]
