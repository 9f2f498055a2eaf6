"""A model's own tokenizer, from the tokenizer.json that every model of today carries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tokenizers

from thinmesh_adapters.text.detokenizer import Detokenizer


class Tokenizer:
    """Text to token ids and back."""

    def __init__(self, json: bytes) -> None:
        self._tokens = tokenizers.Tokenizer.from_buffer(json)
        self._tokens.no_padding()
        self._tokens.no_truncation()

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """The tokenizer of a tokenizer.json."""
        return cls(path.read_bytes())

    def encode(self, text: str, *, special: bool) -> list[int]:
        """The ids of a text. `special` adds what stands around a bare text; rendered chat templates hold it already."""
        return list(self._tokens.encode(text, add_special_tokens=special).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, special tokens left out."""
        return str(self._tokens.decode(list(ids), skip_special_tokens=True))

    def token(self, token_id: int) -> str:
        """What a single token is, as text; "" for ids that there are none of."""
        return self.decode([token_id])

    def detokenizer(self) -> Detokenizer:
        """A fresh detokenizer for one answer."""
        return Detokenizer(self._tokens)
