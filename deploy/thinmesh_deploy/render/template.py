"""The templates beside this file, filled. A name that a template needs and nobody gives stops it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from thinmesh_core.config import ConfigError

try:
    from jinja2 import Environment, PackageLoader, StrictUndefined
except ImportError as error:
    raise ConfigError("render: install the extra `edge`") from error


def fill(folder: str, name: str, words: Mapping[str, object], filters: Mapping[str, Callable[..., str]]) -> str:
    """The template `name` of a folder, with these words."""
    known = Environment(  # noqa: S701  # configuration files, no HTML; `filters` quote
        loader=PackageLoader("thinmesh_deploy.render", folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    known.filters.update(filters)
    return known.get_template(name).render(words)
