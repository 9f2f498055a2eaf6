"""A guardrail that denies texts, or parts of them, by patterns; the example for authors in docs/guardrails.md. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import re2
from msgspec import Meta

from thinmesh_core.config import ConfigError, Section
from thinmesh_gateway.guardrails.contract import ALLOW, Decision, Deny, Guardrail, Replace, Text, Word

Pattern = Annotated[str, Meta(min_length=1, max_length=256)]

MAX_MEMORY = 8 << 20
"""Bytes that RE2 may use for all patterns of an entry together."""


class DeniedWordsSettings(Section, frozen=True, kw_only=True):
    """What is looked for, as RE2 writes it; upper and lower case are one where `ignore_case` says so.

    A text that has one of `patterns` is denied for `reason`; where `instead` is given that stands in the pattern's place.
    """

    patterns: Annotated[tuple[Pattern, ...], Meta(min_length=1, max_length=256)]
    ignore_case: bool = True
    reason: Word = "denied_words"
    instead: Annotated[str, Meta(pattern=r'^[^"\\\x00-\x1f]*$', max_length=256)] | None = None


class DeniedWords(Guardrail[DeniedWordsSettings]):
    """Looks for all patterns at once, in time that is linear in the text whatever they are."""

    settings_type = DeniedWordsSettings

    def __init__(self, settings: DeniedWordsSettings) -> None:
        """ConfigError names the pattern that RE2 does not take."""
        super().__init__(settings)
        for index, pattern in enumerate(settings.patterns):
            compiled = self._compiled(pattern)
            if compiled is None:
                raise ConfigError(f"patterns[{index}] is no pattern that RE2 takes: no look-around, no references back")
            if compiled.search("") is not None:
                raise ConfigError(f"patterns[{index}] matches the empty text, so that it would deny everything")
        self._any = self._compiled("|".join(f"(?:{pattern})" for pattern in settings.patterns))
        if self._any is None:
            raise ConfigError("patterns are too large together")

    def before(self, texts: Sequence[Text]) -> Decision:
        """Denies a request, or replaces what it may not say."""
        return self._decided(texts)

    def after(self, texts: Sequence[Text]) -> Decision:
        """The same for a choice of an answer."""
        return self._decided(texts)

    def _decided(self, texts: Sequence[Text]) -> Decision:
        if all(self._any.search(one.text) is None for one in texts):
            return ALLOW
        if self.settings.instead is None:
            return Deny(self.settings.reason)
        return Replace(tuple(self._any.sub(self._instead, one.text) for one in texts))

    def _instead(self, match: Any) -> str:
        return self.settings.instead or ""

    def _compiled(self, pattern: str) -> Any:
        options = re2.Options()
        options.max_mem = MAX_MEMORY
        options.log_errors = False  # it would print the pattern
        options.case_sensitive = not self.settings.ignore_case
        try:
            return re2.compile(pattern, options)
        except re2.error:
            return None
