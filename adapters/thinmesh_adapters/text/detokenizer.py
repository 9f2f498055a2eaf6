"""Text from tokens as they come, never a piece of a character."""

from __future__ import annotations

from collections.abc import Iterable

import tokenizers
from tokenizers.decoders import DecodeStream

REPLACEMENT = "\ufffd"
LONGEST_CHARACTER = 4
"""Bytes that a character has in UTF-8 at the most: behind as many tokens, what is no character yet never will be one."""


class Detokenizer:
    """One answer's tokens to text. A token that ends within a character is held until the character is whole."""

    def __init__(self, tokens: tokenizers.Tokenizer) -> None:
        self._tokens = tokens
        self._stream = DecodeStream(skip_special_tokens=True)
        self._held: list[int] = []

    def feed(self, ids: Iterable[int]) -> str:
        """The text that these ids complete."""
        return "".join(self._step(one) for one in ids)

    def end(self) -> str:
        """What is still held: the beginning of a character that was not finished."""
        held, self._held = self._held, []
        return REPLACEMENT if any(self._tokens.decode([one]) for one in held) else ""

    def _step(self, token_id: int) -> str:
        lost = ""
        try:
            said = self._stream.step(self._tokens, token_id)
        except Exception:  # noqa: BLE001  # all that the library raises where a byte made nonsense of those before it
            lost = self._restart()
            said = self._stream.step(self._tokens, token_id)
        if said is not None:
            self._held.clear()
            return lost + said
        self._held.append(token_id)
        return lost + (self._restart() if len(self._held) > LONGEST_CHARACTER else "")

    def _restart(self) -> str:
        self._stream = DecodeStream(skip_special_tokens=True)
        return self.end()
