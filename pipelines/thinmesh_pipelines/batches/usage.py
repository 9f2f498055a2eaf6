"""The tokens that the lines of a batch took, as their answers say. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Used:
    """Tokens, and the model that took them: of several the first."""

    model: str | None = None
    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0

    def __add__(self, other: Used) -> Used:
        """Both together."""
        return Used(
            self.model or other.model,
            self.input + other.input,
            self.cached + other.cached,
            self.output + other.output,
            self.reasoning + other.reasoning,
        )


class _Details(msgspec.Struct):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None


class _Body(msgspec.Struct):
    model: str | None = None
    usage: _Usage | None = None


class _Response(msgspec.Struct):
    body: _Body


class _Line(msgspec.Struct):
    response: _Response | None


_DECODER = msgspec.json.Decoder(_Line)


def used(line: bytes) -> Used:
    """What one line of an output file says."""
    response = _DECODER.decode(line).response
    if response is None:
        return Used()
    body, usage = response.body, response.body.usage or _Usage()
    given, made = usage.prompt_tokens_details or _Details(), usage.completion_tokens_details or _Details()
    return Used(
        body.model,
        usage.prompt_tokens or 0,
        given.cached_tokens or 0,
        usage.completion_tokens or 0,
        made.reasoning_tokens or 0,
    )
