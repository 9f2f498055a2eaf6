"""What of a text may be in the log of prompts: no personal data of any kind, whatever the tenant's privacy is. Pure."""

from __future__ import annotations

import re

from thinmesh_gateway.identity.key import PREFIX
from thinmesh_gateway.privacy.config import PrivacyConfig
from thinmesh_gateway.privacy.detector import PLACEHOLDER, Detector
from thinmesh_gateway.privacy.patterns import Patterns
from thinmesh_gateway.privacy.rewriter import Rewriter
from thinmesh_gateway.privacy.work import slices

_KEY = re.compile(rf"{PREFIX}\w*")
_SECRET = re.compile(rf"{_KEY.pattern}|eyJ[\w-]++(?P<token>\.[\w-]++(?:\.[\w-]*+)?)?")
"""Keys of ours and tokens, however much of them there is. A run that might be a token's head is read once, token or not."""

_MASK = "<<SECRET>>"
_OPAQUE = re.compile("(<<OPAQUE>>)(?:<<OPAQUE>>)+")
"""What nobody looks into is told of by every slice that it goes through."""


class Redaction:
    """Masks every entity, and every pattern of the tenant's own whatever its policy is; data nobody looks into is left out."""

    def __init__(self, privacy: PrivacyConfig) -> None:
        own = {name: one.pattern for name, one in privacy.patterns.items()}
        self._detector = Detector(Patterns(own) if own else None)

    def redacted(self, text: str, *, json: bool, cut: bool) -> str:
        """The text, masked; of one that was cut, what can be told without the rest."""
        rewriter = Rewriter(self._detector, _masked, quoted=json)
        pieces = [rewriter.feed(piece) for piece in slices(_SECRET.sub(_without_secrets, text))]
        return _OPAQUE.sub(r"\1", "".join(pieces if cut else (*pieces, rewriter.end())))


def _without_secrets(match: re.Match[str]) -> str:
    return _KEY.sub(_MASK, match[0]) if match["token"] is None else _MASK


def _masked(kind: str, value: str) -> str:
    return value if kind == PLACEHOLDER else f"<<{kind.upper()}>>"
