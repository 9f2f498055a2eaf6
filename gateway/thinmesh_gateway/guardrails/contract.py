"""What a guardrail is: all that its author needs. Pure."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import Annotated, ClassVar, Generic, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

S = TypeVar("S", bound=msgspec.Struct)

Kind: TypeAlias = Literal[
    "system", "developer", "user", "assistant", "tool",  # who says a message of the conversation
    "name", "arguments", "tools",  # a speaker's name, the arguments of a tool's call, what a tool is told to be
    "prompt", "input", "query", "documents",  # what is completed, embedded, ordered by, and ordered
    "stop", "response_format", "engine_options",
    "answer", "reasoning",  # what the model says
]  # fmt: skip
"""Where a text stands."""

Word: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")]
"""A reason that callers are told: one word, so that nothing of a text can be in it."""


class Text(msgspec.Struct, frozen=True):
    """One text of a request or of an answer. `json`: it is JSON text, and what takes its place must be."""

    kind: Kind
    text: str
    json: bool = False


class Allow(msgspec.Struct, frozen=True):
    """The texts go on as they are."""


class Deny(msgspec.Struct, frozen=True):
    """They do not go on; the caller is told the guardrail's name and this word."""

    reason: Word


class Replace(msgspec.Struct, frozen=True):
    """These go on in their place: one for each, in order."""

    texts: tuple[str, ...]


Decision: TypeAlias = Allow | Deny | Replace

ALLOW = Allow()


class Guardrail(ABC, Generic[S]):
    """Looks at texts, `before` the engine sees them, `after` it has answered, or both: whichever of the two it overrides.

    It is made once for each entry of the configuration, with that entry's settings, and called in threads, several at a time:
    it keeps nothing of a call. What it raises counts as a failure; its time limit is the entry's.
    """

    settings_type: ClassVar[type[msgspec.Struct]]
    """What its settings are; an unknown key stops the start."""

    def __init__(self, settings: S) -> None:
        """ConfigError where settings can't be served; its message names the key."""
        self.settings = settings

    def before(self, texts: Sequence[Text]) -> Decision:
        """What happens to a request; its texts are as the engine would see them."""
        raise NotImplementedError

    def after(self, texts: Sequence[Text]) -> Decision:
        """What happens to one choice of an answer; its texts are as the engine wrote them."""
        raise NotImplementedError
