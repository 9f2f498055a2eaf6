"""Whether Python and the installed packages are within the bounds that thinmesh was released with. Pure but for `installed`."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, metadata, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from thinmesh_core import address
from thinmesh_deploy.config import MeshConfig
from thinmesh_deploy.doctor.finding import Finding, ok, warning, wrong

WHERE = "versions"

Installed = Callable[[str], str | None]
"""A package's version; None where it is not there."""


def look(config: MeshConfig | None) -> list[Finding]:
    """What is found of what is installed here; extras are those that the configuration asks for."""
    of = metadata("thinmesh")
    offered = frozenset(of.get_all("Provides-Extra") or ())
    requires = [Requirement(text) for text in of.get_all("Requires-Dist") or ()]
    python = SpecifierSet(of["Requires-Python"])
    found = [*judge_python(python, platform.python_version()), *judge(requires, extras(config) & offered, installed)]
    return found or [ok(WHERE, f"thinmesh {of['Version']} on Python {platform.python_version()}")]


def extras(config: MeshConfig | None) -> frozenset[str]:
    """The extras that all processes of this configuration need together; adapters' go by their names."""
    if config is None:
        return frozenset({"gateway"})
    asked = {
        "tls": config.tls is not None,
        "redis": config.quotas.store != "memory" or config.idempotency.store != "memory",
        "postgres": config.database is not None,
        "oidc": config.oidc is not None,
        "worker": config.jobs is not None,
        "temporal": config.jobs is not None and config.jobs.temporal is None,
        "edge": config.edge is not None,
    }
    here = {entry.adapter for entry in config.backends.values() if _here(entry.address)}
    return frozenset({"gateway", *here, *(name for name, is_asked in asked.items() if is_asked)})


def judge_python(bounds: SpecifierSet, running: str) -> list[Finding]:
    """Whether this Python is one that thinmesh runs on."""
    if bounds.contains(running, prereleases=True):
        return []
    what = f"Python {running} is not {bounds}"
    return [wrong(WHERE, what, "make the environment anew with a Python that is")]


def judge(requires: Iterable[Requirement], wanted: frozenset[str], installed: Installed) -> list[Finding]:
    """What is missing, and what is out of its bounds."""
    found = []
    for one in requires:
        by = sorted(extra for extra in ("", *wanted) if one.marker is None or one.marker.evaluate({"extra": extra}))
        if not by or one.name.startswith("thinmesh"):
            continue
        there = installed(one.name)
        of = f"thinmesh[{by[0]}]" if by[0] else "thinmesh"
        if there is None:
            what = f"{one.name} is not installed, {of} needs it"
            found.append(warning(WHERE, what, f"pip install '{of}', unless no process here uses it"))
        elif not one.specifier.contains(there, prereleases=True):
            what = f"{one.name} {there} is not {one.specifier}"
            found.append(wrong(WHERE, what, f"pip install '{one.name}{one.specifier}'"))
    return found


def installed(name: str) -> str | None:
    """The version that is installed here."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _here(at: str | None) -> bool:
    return at is None or address.parse(at).local
