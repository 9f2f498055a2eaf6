"""A model's own tokenizer, from the tokenizer.json that every model of today carries."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import tokenizers

from thinmesh_adapters.text.detokenizer import Detokenizer
from thinmesh_adapters.text.off_loop import LONG_BYTES
from thinmesh_adapters.text.reasoning import CLOSE, OPEN
from thinmesh_adapters.text.tools import MARKS

_SHOWN = MARKS | {OPEN, CLOSE}
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_SPACE = "\u2581"


def _alphabet() -> Mapping[str, int]:
    """The character that byte-level tokenizers write for each byte: itself where it is printable, else one from above 255."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = sorted(set(range(0x100)) - set(printable))
    return {chr(one): one for one in printable} | {chr(0x100 + at): one for at, one in enumerate(others)}


_BYTES = _alphabet()


class Tokenizer:
    """Text to token ids and back."""

    def __init__(self, spelt: bytes) -> None:
        """ValueError for what is no tokenizer.json."""
        try:
            self._tokens = _without_hidden(tokenizers.Tokenizer.from_buffer(spelt), spelt)
        except Exception as error:  # the library raises nothing finer
            raise ValueError("the model's tokenizer.json is none") from error
        self._tokens.no_padding()
        self._tokens.no_truncation()
        self._added = self._tokens.get_added_tokens_decoder()
        self._byte_level = b'"ByteLevel"' in self._tokens.decoder.__getstate__() if self._tokens.decoder else False

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """The tokenizer of a tokenizer.json."""
        return cls(path.read_bytes())

    def encode(self, text: str, *, special: bool) -> list[int]:
        """The ids of a text. `special` adds what stands around a bare text; rendered chat templates hold it already."""
        if len(text) < LONG_BYTES:
            return list(self._tokens.encode(text, add_special_tokens=special).ids)
        # `encode` would let no other thread run meanwhile; this takes a thread of the library's own, of which there are few
        (encoding,) = self._tokens.encode_batch_fast([text], add_special_tokens=special)
        ids: list[int] = encoding.ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, special tokens left out."""
        return str(self._tokens.decode(list(ids), skip_special_tokens=True))

    def token_bytes(self, token_id: int) -> bytes:
        """What one token is, perhaps a piece of a character; nothing for special tokens and ids that there are none of."""
        if token_id in self._added:
            added = self._added[token_id]
            return b"" if added.special else str(added.content).encode()
        spelt = self._tokens.id_to_token(token_id) or ""
        if self._byte_level:
            return bytes(_BYTES[one] for one in spelt) if _BYTES.keys() >= set(spelt) else spelt.encode()
        byte = _BYTE.fullmatch(spelt)
        return bytes.fromhex(byte[1]) if byte else spelt.replace(_SPACE, " ").encode()

    def detokenizer(self) -> Detokenizer:
        """A fresh detokenizer for one answer."""
        return Detokenizer(self._tokens)


def _without_hidden(tokens: tokenizers.Tokenizer, spelt: bytes) -> tokenizers.Tokenizer:
    """The tokenizer with the marks of calls and thoughts shown in text, though the model calls their tokens special."""
    if not any(one.special and one.content in _SHOWN for one in tokens.get_added_tokens_decoder().values()):
        return tokens
    described = json.loads(spelt)
    for one in described["added_tokens"]:
        one["special"] = one["special"] and one["content"] not in _SHOWN
    return tokenizers.Tokenizer.from_buffer(json.dumps(described).encode())
