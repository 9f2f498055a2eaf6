"""Changing the text of thinmesh.yaml: entries come and go as whole lines, and every other line stays as it is. Pure."""

from __future__ import annotations

from io import StringIO
from textwrap import indent
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from thinmesh_core.config import ConfigError

WIDE = 4096
"""No line is folded."""


def added(text: str, name: str, model: dict[str, Any], backend: dict[str, Any]) -> str:
    """The text with a model and a backend of the same name; ConfigError where there is one already."""
    for section, entry in (("backends", backend), ("models", model)):
        if name in (_read(text).get(section) or {}):
            raise ConfigError(
                f"{section}.{name} is there already: choose another name, or `thinmesh model remove {name}` first"
            )
        text = _changed(text, section, name, entry)
    return text


def removed(text: str, name: str) -> str:
    """The text without a model, and without the backends that no other model has."""
    models = _read(text).get("models") or {}
    if name not in models:
        raise ConfigError(f"there is no model {name!r}; there are: {', '.join(models)}")
    if len(models) == 1:
        raise ConfigError(f"{name} is the last model, and a mesh has one at the least: add another first")
    others = [_backends(model) for other, model in models.items() if other != name]
    for backend in sorted(_backends(models[name]).difference(*others)):
        text = _changed(text, "backends", backend, None)
    return _changed(text, "models", name, None)


def _changed(text: str, section: str, name: str, entry: dict[str, Any] | None) -> str:
    """The text with an entry, or without: changed by lines, or written anew where these mean more than they seem to.

    A mapping that is merged in does, and a text in a block that looks like comments.
    """
    wanted = _plain(text)
    if not isinstance(wanted, dict):
        raise ConfigError("it is no YAML that thinmesh reads: `thinmesh doctor` says why")
    entries = dict(wanted.get(section) or {})
    if entry is None:
        del entries[name]
    else:
        entries[name] = entry
    wanted[section] = entries
    for way in (_by_lines, _flow):
        changed = way(text, section, name, entry)
        if _plain(changed) == wanted:
            return changed
    raise ConfigError(f"{section} has more than its entries, such as an anchor that others use: change it by hand")


def _by_lines(text: str, section: str, name: str, entry: dict[str, Any] | None) -> str:
    return _without(text, section, name) if entry is None else _with(text, section, name, entry)


def _backends(model: dict[str, Any]) -> set[str]:
    targets = [*model.get("backends", ()), *filter(None, (model.get("shadow"),))]
    return {one if isinstance(one, str) else one["backend"] for one in targets}


def _with(text: str, section: str, name: str, entry: dict[str, Any]) -> str:
    file = _read(text)
    entries = file.get(section)
    if not entries:
        return (
            f"{text.rstrip()}\n\n{section}:\n{_lines({name: entry}, 2)}"
            if section not in file
            else _flow(text, section, name, entry)
        )
    if entries.fa.flow_style():
        return _flow(text, section, name, entry)
    lines = text.splitlines(keepends=True)
    last = _own(entries)[-1]
    end = _end(file, section, last, lines)
    if not lines[end - 1].endswith("\n"):
        lines[end - 1] += "\n"
    return "".join([*lines[:end], _lines({name: entry}, entries.lc.key(last)[1]), *lines[end:]])


def _without(text: str, section: str, name: str) -> str:
    file = _read(text)
    entries = file[section]
    if entries.fa.flow_style():
        return _flow(text, section, name, None)
    lines = text.splitlines(keepends=True)
    return "".join([*lines[: entries.lc.key(name)[0]], *lines[_end(file, section, name, lines) :]])


def _end(file: CommentedMap, section: str, name: str, lines: list[str]) -> int:
    """The line behind an entry's last; blank lines and comments before what comes next are that one's."""
    begins = file[section].lc.key(name)[0]
    keys = [of.lc.key(key)[0] for of in (file, file[section]) for key in _own(of)]
    end = min((line for line in keys if line > begins), default=len(lines))
    while not lines[end - 1].split("#")[0].strip():
        end -= 1
    return end


def _own(entries: CommentedMap) -> list[Any]:
    """The keys that stand there themselves, and are not merged in."""
    return [key for key in entries if key in entries.lc.data]


def _flow(text: str, section: str, name: str, entry: dict[str, Any] | None) -> str:
    """The same where the section stands in braces: the file is written anew, its comments kept."""
    yaml = _yaml()
    file = yaml.load(text)
    if entry is None:
        del file[section][name]
    else:
        file[section] = file.get(section) or CommentedMap()
        file[section][name] = entry
    out = StringIO()
    yaml.dump(file, out)
    return out.getvalue()


def _lines(entry: dict[str, Any], column: int) -> str:
    dumped = yaml.safe_dump(entry, sort_keys=False, default_flow_style=None, width=WIDE, allow_unicode=True)
    return indent(dumped, " " * column)


def _plain(text: str) -> Any:
    """What is read from the text; None where it is no YAML."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _read(text: str) -> CommentedMap:
    try:
        file = _yaml().load(text)
    except YAMLError as error:
        raise ConfigError(f"it is no YAML: {error}") from error
    if not isinstance(file, CommentedMap):
        raise ConfigError("it has no models yet: begin with a copy of the file that comes with thinmesh")
    for section in ("backends", "models"):
        if not isinstance(file.get(section) or CommentedMap(), CommentedMap):
            raise ConfigError(f"{section} has no entries by name: begin with a copy of the file that comes with thinmesh")
    return file


def _yaml() -> YAML:
    made = YAML()
    made.preserve_quotes = True
    made.width = WIDE
    made.allow_duplicate_keys = True  # whoever judges the result says it in better words
    return made
