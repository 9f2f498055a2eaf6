"""What a stranger may say about its call beside the request: how urgent, which session, whether to be told its place. Pure.

Each is a wish. A class above the tenant's own is lowered to it, and what is malformed is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Literal, NamedTuple, TypeAlias, TypeVar

import msgspec

from thinmesh_core import call as known
from thinmesh_core.call import Call
from thinmesh_core.errors import invalid
from thinmesh_core.priority import PRIORITIES, Priority

T = TypeVar("T")
C = TypeVar("C", bound=Call)

Given: TypeAlias = Literal["priority", "default", "flex"]

Sent = Callable[[str], str | None]
"""A header, or a pair of metadata, by its name."""

TIERS: dict[str, Priority | None] = {
    "auto": None,
    "default": Priority.STANDARD,
    "flex": Priority.BATCH,
    "priority": Priority.CRITICAL,
    "fast": Priority.CRITICAL,
    "scale": Priority.CRITICAL,
}
"""OpenAI's words for a class; None leaves it to the tenant."""

GIVEN: dict[Priority, Given] = {Priority.CRITICAL: "priority", Priority.STANDARD: "default", Priority.BATCH: "flex"}
"""The word by which an answer says what a call got."""


class Names(NamedTuple):
    """A surface, and under which names it takes wishes."""

    surface: str
    priority: str
    session: str
    queue: str


REST = Names("rest", "x-thinmesh-priority", "x-thinmesh-session", known.QUEUE)
GRPC = Names("grpc", known.PRIORITY, known.SESSION, known.QUEUE)


def heeded(call: C, sent: Sent, names: Names) -> C:
    """The call as its caller wishes it; INVALID_REQUEST names the header and what it may hold."""
    word, session, queue = sent(names.priority), sent(names.session), sent(names.queue)
    if word is None and session is None and queue is None:
        return call
    priority = call.priority
    if word is not None:
        priority = lowered(priority, _chosen(names.priority, word, PRIORITIES))
    if session is not None and known.session(session) is None:
        raise invalid(names.session, f"{names.session} must be 1 to 128 letters, digits and any of . _ : -")
    explain = queue is not None and _chosen(names.queue, queue, {"true": True, "false": False})
    return msgspec.structs.replace(call, priority=priority, session=session, explain=explain)


def tiered(call: C, tier: str | None, cache_key: str | None) -> C:
    """The call as OpenAI's `service_tier` and `prompt_cache_key` wish it; a session that a header named stays.

    A cache key may be any text. One that could not stand in a header goes on as its digest.
    """
    wished = None if tier is None else _chosen("service_tier", tier, TIERS)
    if wished is not None:
        call = msgspec.structs.replace(call, priority=lowered(call.priority, wished))
    if cache_key and call.session is None:
        session = known.session(cache_key) or sha256(cache_key.encode(errors="replace")).hexdigest()
        call = msgspec.structs.replace(call, session=session)
    return call


def lowered(best: Priority, wished: Priority) -> Priority:
    """The wished class, or the best that may be had."""
    return max(best, wished)


def _chosen(name: str, word: str, words: dict[str, T]) -> T:
    if word not in words:
        raise invalid(name, f"{name} must be one of {', '.join(words)}.")
    return words[word]
