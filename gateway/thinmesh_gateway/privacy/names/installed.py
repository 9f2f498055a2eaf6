"""Whether names can be found at all."""

from __future__ import annotations

from importlib.util import find_spec

from thinmesh_core.config import ConfigError


def check() -> None:
    """ConfigError names the extra where it is missing."""
    if find_spec("kiwipiepy") is None or find_spec("kiwipiepy_model") is None:
        raise ConfigError("privacy.entities.name: install the extra `names` to find persons' names, or leave the entity out")
