"""Log lines that hold nobody's words: one line a record whatever is in it, and failures by their kind and place alone."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

log = logging.getLogger(__name__)

_ESCAPED = {code: repr(chr(code))[1:-1] for code in (*range(32), *range(127, 160), 0x2028, 0x2029)}

_ESCAPED_IN_JSON = {code: f"\\u{code:04x}" for code in _ESCAPED}

ACCESS = "thinmesh.access"
"""The logger whose messages are lines of JSON, and are written as such."""

MAX_CHAIN = 8
"""Causes of a failure that are told."""


def tell_of_loop(loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """An event loop's handler of failures that nobody awaits; asyncio's own would quote them."""
    error = context.get("exception")
    log.error("the event loop: %s", context["message"], exc_info=error)


def quotes_nobody(record: logging.LogRecord) -> bool:
    """Whether a record of grpc's may pass: of metadata that is no UTF-8 it would quote all, the key too."""
    return not record.msg.startswith("Invalid encoding") if isinstance(record.msg, str) else True


class LineFormatter(logging.Formatter):
    """Leaves out what exceptions say: a library's may quote a prompt, a key or an engine."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line; what would end it, or steer a terminal, is spelt out."""
        if record.name == ACCESS:
            return record.message.translate(_ESCAPED_IN_JSON)
        return super().formatMessage(record).translate(_ESCAPED)

    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        """Kinds and places, the last cause first."""
        return "" if ei[1] is None else "".join(_lines(ei[1], MAX_CHAIN)).rstrip()


def _lines(error: BaseException, left: int) -> Iterator[str]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    inner = [*(error.exceptions if isinstance(error, BaseExceptionGroup) else ()), *((cause,) if cause is not None else ())]
    for one in inner:
        if left > 0:
            yield from _lines(one, left - 1)
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__module__}.{type(error).__qualname__}\n"
