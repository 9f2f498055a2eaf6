"""Reading thinmesh.yaml: typed, unknown keys refused, errors that name the key."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml


class ConfigError(Exception):
    """The configuration or a flag is wrong; the message names the key and the fix."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping in the configuration: typed fields, and nothing else allowed."""


UNREADABLE = (ValueError, AttributeError, LookupError, ArithmeticError)
"""What PyYAML raises for the 30th of February, a number of 5000 digits, `!!int x`, `!!timestamp x` or `!!bool x`."""


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping: PyYAML would take the last, and lose a quota without a word.

    What its constructors stumble over is told by its place.
    """

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        try:
            return super().construct_object(node, deep)
        except UNREADABLE as error:
            told = f"this can't be read as {node.tag.rpartition(':')[2]}"
            raise yaml.MarkedYAMLError(problem=told, problem_mark=node.start_mark) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(problem=f"{key.value!r} is there twice", problem_mark=key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


S = TypeVar("S")


def text_of(path: Path) -> str:
    """What the file holds; ConfigError where it can't be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}") from error


def parse(text: str, kind: type[S], *, source: str) -> S:
    """YAML text as `kind`; `source` names it in errors."""
    try:
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe one, and stricter
    except yaml.YAMLError as error:
        raise ConfigError(f"{source} is no YAML: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{source} is nested too deeply") from error
    return convert({} if data is None else data, kind, source=source)


def convert(data: object, kind: type[S], *, source: str) -> S:
    """Plain data as `kind`; ConfigError names the path to the key, `$` being the top of `source`."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source}: {_named(str(error), data, kind)}") from error


def _named(told: str, data: Any, kind: type[S]) -> str:
    """The error with the names of the entries that its path leads through, where msgspec says `[...]` of a mapping.

    Which entry it is shows when the others are left out: the error stays the same.
    """
    before, _, path = told.rpartition("`$")
    *segments, rest = path.split("[...]")
    where: list[str] = []
    named = ""
    for segment in segments:
        where += segment.split(".")[1:]
        entry = next((name for name in _at(data, where) if _error(_alone(data, where, name), kind) == told), None)
        if entry is None:
            return told
        where.append(entry)
        named += f"{segment}.{entry}"
    return f"{before}`${named}{rest}" if segments else told


def _at(data: Any, where: Sequence[str]) -> Any:
    for key in where:
        data = data[key]
    return data


def _alone(data: Any, where: Sequence[str], name: str) -> Any:
    """The data with one entry alone in the mapping at `where`."""
    if not where:
        return {name: data[name]}
    return data | {where[0]: _alone(data[where[0]], where[1:], name)}


def _error(data: Any, kind: type[S]) -> str | None:
    try:
        msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        return str(error)
    return None
