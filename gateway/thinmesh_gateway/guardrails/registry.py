"""Which guardrails there are: ours, and those that installed packages bring by an entry point."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from thinmesh_core.config import ConfigError, convert
from thinmesh_gateway.guardrails.config import GuardrailConfig
from thinmesh_gateway.guardrails.contract import Guardrail
from thinmesh_gateway.guardrails.denied_words import DeniedWords

GROUP = "thinmesh.guardrails"
"""The entry points of guardrails in other packages."""

BUILT_IN: dict[str, type[Guardrail[Any]]] = {"denied_words": DeniedWords}
"""Ours; no package can take their names."""


def create(config: GuardrailConfig, source: str) -> Guardrail[Any]:
    """The guardrail of an entry, its settings typed; ConfigError, by the entry's key `source`, where it can't be served."""
    kind = _find(config.name, source)
    for moment in config.when:
        if getattr(kind, moment) is getattr(Guardrail, moment):
            raise ConfigError(f"{source}.when: the guardrail {config.name!r} does nothing {moment} the engine; leave it out")
    settings = convert(config.settings, kind.settings_type, source=f"{source}.settings")
    try:
        return kind(settings)
    except Exception as error:
        raise ConfigError(f"{source}.settings: {error}") from error


def _find(name: str, source: str) -> type[Guardrail[Any]]:
    if name in BUILT_IN:
        return BUILT_IN[name]
    points = entry_points(group=GROUP)
    found = [point for point in points if point.name == name]
    if not found:
        there = ", ".join(sorted({*BUILT_IN, *points.names}))
        raise ConfigError(
            f"{source}.name: there is no guardrail {name!r}; there are: {there}. Others come with a package that is installed"
        )
    if len(found) > 1:
        packages = ", ".join(sorted(_package(point) for point in found))
        raise ConfigError(f"{source}.name: {name!r} is in several packages: uninstall all but one of {packages}")
    return _load(found[0], source)


def _load(point: EntryPoint, source: str) -> type[Guardrail[Any]]:
    try:
        kind = point.load()
    except Exception as error:
        package = _package(point)
        raise ConfigError(f"{source}.name: {point.name!r} of the package {package} can't be imported: {error}") from error
    if not (isinstance(kind, type) and issubclass(kind, Guardrail)):
        raise ConfigError(f"{source}.name: {point.name!r} of the package {_package(point)} is no Guardrail: {point.value}")
    return kind


def _package(point: EntryPoint) -> str:
    return "unknown" if point.dist is None else point.dist.name
