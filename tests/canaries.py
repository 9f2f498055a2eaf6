"""What may be in nothing that is emitted: the words that tests send for this, and whatever looks like a key or a token. Pure."""

from __future__ import annotations

import re

CANARY = "kanarienvogel"
"""What every word has in it that must not come out."""

PHRASE = f"{CANARY}-im-prompt"
"""One word of a prompt."""

PERSONAL = {
    "number": "900101-1234567",
    "phone": "010-2345-6789",
    "mail": "canary@example.co.kr",
    "card": "4111-1111-1111-1111",
}
PROMPT = " ".join((PHRASE, *PERSONAL.values()))
"""What tests send where it is all the same what a prompt says."""

KEY = rb"tm_live_[0-9a-f]{12}_[0-9a-f]{64}(?:_[0-9a-f]{8})?"
"""A whole key; its id alone is no secret."""

WORDS = {"a canary": CANARY.encode(), **{f"a person's {what}": value.encode() for what, value in PERSONAL.items()}}
SHAPES = {"a key": (b"tm_live_", re.compile(KEY)), "a token": (b"eyJ", re.compile(rb"eyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]{6,}"))}
"""What has no one spelling: how it begins, which is soon looked for, and what it looks like."""


def secrets(emitted: bytes) -> set[str]:
    """What there is of all that, by its kind."""
    found = {what for what, word in WORDS.items() if word in emitted}
    return found | {what for what, (start, shape) in SHAPES.items() if start in emitted and shape.search(emitted)}
