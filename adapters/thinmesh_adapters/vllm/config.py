"""What a backend's entry says of a vLLM: where it is, and how its model speaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from thinmesh_adapters.text.files import beside
from thinmesh_adapters.text.language import Language, StyleName
from thinmesh_adapters.weights import locate
from thinmesh_core.call import Call
from thinmesh_core.config import Section
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.ranges import Concurrency


class Options(Section, frozen=True, kw_only=True):
    """Where the engine is, and what it does not tell of its model.

    `tokenizer` is the path (or package:DIST/file) of a tokenizer.json; unset, the engine is asked for it, if it gives it.
    `chat_template` stands in for the model's own. `tool_style` and `reasoning` say how the model writes calls and whether it
    thinks aloud; unset, its template tells. `max_concurrency` unset is what the engine says. `answer_seconds` bounds a call
    that came without a deadline.
    """

    address: str
    tokenizer: str | None = None
    chat_template: str | None = None
    tool_style: StyleName | None = None
    reasoning: bool | None = None
    max_concurrency: Concurrency | None = None
    answer_seconds: float = 600.0

    def seconds(self, call: Call) -> float:
        """What a call may take."""
        return min(self.answer_seconds, call.seconds or self.answer_seconds)


class Speech:
    """What the operator says of how the model speaks; ConfigError for files that are not there."""

    def __init__(self, options: Options) -> None:
        self.files = None if options.tokenizer is None else beside(locate(options.tokenizer))
        self._template = None if options.chat_template is None else locate(options.chat_template).read_bytes()
        self._style = options.tool_style
        self._reasoning = options.reasoning

    async def language(self, theirs: Callable[[], Mapping[str, bytes]]) -> Language:
        """The model's language, by `theirs` unless the operator named files; a large vocabulary takes a second."""
        made = partial(self._made, theirs)
        try:
            return await asyncio.to_thread(made)
        except ValueError as error:
            raise MeshError(Reason.ENGINE_PROTOCOL, f"the model can't be spoken with: {error}") from error

    def _made(self, theirs: Callable[[], Mapping[str, bytes]]) -> Language:
        files = theirs() if self.files is None else self.files
        return Language(files, template=self._template, style=self._style, reasoning=self._reasoning)
