"""Reading thinmesh.yaml: typed, unknown keys refused, errors that name the key."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec
import yaml


class ConfigError(Exception):
    """The configuration or a flag is wrong; the message names the key and the fix."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping in the configuration: typed fields, and nothing else allowed."""


S = TypeVar("S")


def load(path: Path, kind: type[S]) -> S:
    """The file as `kind`; ConfigError where it can't be read, parsed or typed."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}") from error
    return parse(text, kind, source=str(path))


def parse(text: str, kind: type[S], *, source: str) -> S:
    """YAML text as `kind`; `source` names it in errors."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{source} is no YAML: {error}") from error
    return convert({} if data is None else data, kind, source=source)


def convert(data: object, kind: type[S], *, source: str) -> S:
    """Plain data as `kind`; ConfigError names the path to the key, `$` being the top of `source`."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source}: {error}") from error
