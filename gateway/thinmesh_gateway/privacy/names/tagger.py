"""The child process that finds names: python -m thinmesh_gateway.privacy.names.tagger, frames on its standard input and output.

It ends when its input does. What it reads it neither keeps nor writes anywhere but into its answers' offsets.
"""

from __future__ import annotations

import os
from typing import BinaryIO

import msgspec
from kiwipiepy import Kiwi

from thinmesh_gateway.privacy.names.frames import LENGTH, Answered, Asked, frame, length
from thinmesh_gateway.privacy.names.judge import Token, names

_FIRST_KNOWN = 64
"""Below are the numbers of tags, which the model gives to words that it does not know."""


class Tagger:
    """The loaded model."""

    def __init__(self) -> None:
        self._model = Kiwi(num_workers=1)
        self.tokens("이름")  # it loads at the first text

    def tokens(self, text: str) -> list[Token]:
        """A text's words in parts, as the judge wants them."""
        return [
            Token(one.start, one.start + one.len, one.tag.partition("-")[0], one.id >= _FIRST_KNOWN)
            for one in self._model.tokenize(text)
        ]


def serve(source: BinaryIO, target: BinaryIO) -> None:
    """Answers until the source ends."""
    tagger = Tagger()
    target.write(frame(Answered(0, [])))
    target.flush()
    decoder = msgspec.msgpack.Decoder(Asked)
    while len(head := source.read(LENGTH.size)) == LENGTH.size:
        asked = decoder.decode(source.read(length(head)))
        target.write(frame(Answered(asked.number, [names(text, tagger.tokens(text)) for text in asked.texts])))
        target.flush()


def main() -> None:
    """Runs it. Whatever a library prints goes to the log, not among the frames."""
    answers = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(0, "rb") as source, os.fdopen(answers, "wb") as target:
        serve(source, target)


if __name__ == "__main__":
    main()
