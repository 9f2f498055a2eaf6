"""`thinmesh adapter new`: copies the adapter that comes with thinmesh, under the name of a new one."""

from __future__ import annotations

import json
import keyword
import re
import shlex
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from thinmesh_adapters.registry import ADAPTERS
from thinmesh_core.config import ConfigError

SUFFIX = ".tmpl"
"""Ends the name of every template, so that no tool takes one for code."""

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST_NAME = 40

WHEELS = ("thinmesh", "thinmesh-protos")
"""What a new adapter's environment needs of us; neither is on a public index."""


def write(name: str, into: Path | None) -> Path:
    """Writes the package of the adapter `name`; gives its folder. ConfigError where the name or the folder won't do."""
    _check(name)
    words = {
        "name": name,
        "Name": "".join(part.capitalize() for part in name.split("_")),
        "package": f"thinmesh_adapter_{name}",
        "dist": f"thinmesh-adapter-{name.replace('_', '-')}",
        "version": version("thinmesh"),
        "thinmesh": " ".join(_origins()),
    }
    folder = into or Path(words["dist"])
    places = {"package": f"src/{words['package']}", "gitignore": ".gitignore"}
    try:
        if folder.exists() and any(folder.iterdir()):
            raise ConfigError(f"{folder} is not empty: give another folder with --into, or empty it")
        for path, template in _templates(files("thinmesh_adapters") / "scaffold", PurePosixPath()):
            first, *rest = path.with_suffix("").parts
            file = folder.joinpath(places.get(first, first), *rest)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(_filled(template.read_text(encoding="utf-8"), words), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{folder} can't be written: {error.strerror}; give another folder with --into") from error
    return folder


def _check(name: str) -> None:
    if not NAME.fullmatch(name) or keyword.iskeyword(name) or len(name) > LONGEST_NAME:
        raise ConfigError(
            f"{name!r} is no name for an adapter: use lower case letters, digits and single underscores, such as my_engine"
        )
    if name in ADAPTERS:
        raise ConfigError(f"{name!r} is an adapter of thinmesh itself: choose another name than {', '.join(sorted(ADAPTERS))}")


def _templates(folder: Traversable, at: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for one in sorted(folder.iterdir(), key=lambda one: one.name):
        if one.is_dir():
            yield from _templates(one, at / one.name)
        elif one.name.endswith(SUFFIX):
            yield at / one.name, one


def _filled(text: str, words: dict[str, str]) -> str:
    """The template with `@word@` replaced; a KeyError for one that nobody knows."""
    return re.sub(r"@([A-Za-z]+)@", lambda found: words[found[1]], text)


def _origins() -> Iterator[str]:
    """What pip needs to be told to install this very thinmesh: nothing where it came from an index."""
    for wheel in WHEELS:
        try:
            told = distribution(wheel).read_text("direct_url.json")
        except PackageNotFoundError:
            continue
        url = urlsplit("" if told is None else json.loads(told)["url"])
        if url.scheme == "file":
            yield shlex.quote(unquote(url.path))
