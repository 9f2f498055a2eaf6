"""What may be beginning at the end of a text that goes on: from there on it is held back. Pure.

Too much may be called open, never too little: what is passed on is decided.
"""

from __future__ import annotations

import re

from thinmesh_gateway.privacy.rules import addresses, phones
from thinmesh_gateway.privacy.words import FIRST_OF_REGIONS, REGIONS

# Of what a rule may be in the middle: words, numbers, addresses, the head of a data: URL, a placeholder.
_RUN = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._%+-@:/()<>=;\\~"
_BESIDE_SPACE = frozenset("0123456789-./_~)(+")

# A passport's letter, and a licence's region, before their numbers.
_WORD = re.compile(
    rf"(?<![0-9A-Za-z])[MSRODGm] ?\Z|(?<![가-힣])(?:[{FIRST_OF_REGIONS}]|(?:{REGIONS})(?:[남북]부?)?(?: ?[-./_~]? ?))\Z"
)
_AFTER_WORD = frozenset(["", *"0123456789-./_~"])

_SPOKEN = re.compile(
    rf"(?<![가-힣])[{phones.SPOKEN}](?:[일이삼사오육륙칠][0-9공영일이삼사오육륙칠팔구에의다시 ,.-]{{0,24}})?\Z"
)

# A name, and what stands for @ behind it; after that a domain, whose dots may be written out too.
_NAME = r"(?<![0-9A-Za-z])(?P<name>[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}+)"
_HOST = r"(?:[A-Za-z0-9.()\[\]{}<>점-]| (?=[(\[{<점]|d(?:\Z|o(?:\Z|t))|\Z)|(?<=[)\]}>점]) |(?<=dot) ){0,64}\Z"
_DICTATED = re.compile(
    _NAME + rf"(?: ?(?:골(?:뱅이?)?|[(\[{{<](?:[Aa][Tt]?|골(?:뱅이?)?)?)\Z|(?:{addresses.AT}|(?: @|@ | ?골뱅이)\Z){_HOST})"
)
_APART = re.compile(_NAME + rf" (?:[Aa]?\Z|[Aa][Tt](?:\Z| {_HOST}))")


def open_from(text: str, floor: int, *, words: bool) -> int:
    """From where on, at or after `floor`, what follows may still change what is found; `words`: in any word."""
    tail = text[floor:]
    kept = tail.rstrip(_RUN)
    while kept and kept[-1] == " ":
        head = kept.rstrip(" ")
        follows = tail[len(kept) : len(kept) + 1]
        if len(kept) - len(head) > 2 or head[-1:] not in _BESIDE_SPACE or (follows and follows not in _BESIDE_SPACE):
            break
        kept = head.rstrip(_RUN)
    word = _WORD.search(kept, max(0, len(kept) - 8))
    if word is not None and tail[len(kept) : len(kept) + 1] in _AFTER_WORD:
        kept = kept[: word.start()]
    opened = len(kept)
    for form in (_SPOKEN, _DICTATED):
        if (began := form.search(tail)) is not None:
            opened = min(opened, began.start())
    named = _APART.search(tail)
    while named is not None and not addresses.dictates(named["name"], text, floor + named.start()):
        named = _APART.search(tail, named.end("name"))
    if named is not None:
        opened = min(opened, named.start())
    if words and tail and not tail[-1].isspace():
        opened = min(opened, len(tail) - len(tail.split()[-1]))
    return floor + opened
