"""What takes tokens, where a configuration asks for it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from thinmesh_core.config import ConfigError
from thinmesh_gateway.oidc.config import OidcConfig

if TYPE_CHECKING:
    from thinmesh_gateway.oidc.tokens import Tokens


def build(config: OidcConfig | None) -> Tokens | None:
    """It, or none; nothing is dialled before it is followed. ConfigError without its extra."""
    if config is None:
        return None
    try:
        from thinmesh_gateway.oidc.fetch import fetch  # noqa: PLC0415  # the extra `oidc`, for who asks for it
        from thinmesh_gateway.oidc.signers import Signers  # noqa: PLC0415  # likewise
        from thinmesh_gateway.oidc.tokens import Tokens  # noqa: PLC0415  # likewise
    except ImportError as error:
        raise ConfigError("oidc: install the extra `oidc` to take tokens, or leave the section out") from error
    return Tokens(config, Signers(partial(fetch, config), config.max_stale_seconds))
