"""What a call is called in logs, headers and traces: as its caller has it where that is harmless, else by a new name."""

from __future__ import annotations

import random
import re
import time

HARMLESS = re.compile(r"[A-Za-z0-9._:-]{1,128}")
"""What may stand in a log or a header as it came."""

_chance = random.Random()  # noqa: S311  # no secret: asking the system each time would give the GIL away in the middle of a call


def request_id(given: str | None) -> str:
    """The caller's request id, or a new one.

    New ones begin with the time in milliseconds: in an index those of one moment are neighbours, and not each on a page of its
    own. They do not count, which would tell callers of each other.
    """
    if given is not None and HARMLESS.fullmatch(given):
        return given
    return f"req-{time.time_ns() // 1_000_000:012x}{_chance.getrandbits(48):012x}"
