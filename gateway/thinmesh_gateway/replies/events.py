"""The events of a streamed response, typed. Pure."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from thinmesh_gateway.openai.bodies import ChatLogprob
from thinmesh_gateway.replies.bodies import Output, OutputText, ReasoningText, Response

_encode = msgspec.json.Encoder().encode


class Event(Struct, tag_field="type"):
    """One event; they are numbered from 0."""

    sequence_number: int


class Created(Event, tag="response.created"):
    """It has begun."""

    response: Response


class InProgress(Event, tag="response.in_progress"):
    """It goes on."""

    response: Response


class Completed(Event, tag="response.completed"):
    """It is whole."""

    response: Response


class Incomplete(Event, tag="response.incomplete"):
    """It has ended, and is not whole."""

    response: Response


class Failed(Event, tag="response.failed"):
    """It has failed."""

    response: Response


class ItemAdded(Event, tag="response.output_item.added"):
    """An item begins."""

    output_index: int
    item: Output


class ItemDone(Event, tag="response.output_item.done"):
    """An item has ended."""

    output_index: int
    item: Output


class OfItem(Event):
    """Something of an item."""

    item_id: str
    output_index: int


class OfPart(OfItem):
    """Something of a part of an item; all items have one part."""

    content_index: int


class PartAdded(OfPart, tag="response.content_part.added"):
    """A part begins."""

    part: OutputText | ReasoningText


class PartDone(OfPart, tag="response.content_part.done"):
    """A part has ended."""

    part: OutputText | ReasoningText


class TextDelta(OfPart, tag="response.output_text.delta"):
    """More text."""

    delta: str
    logprobs: list[ChatLogprob]


class TextDone(OfPart, tag="response.output_text.done"):
    """All of the text."""

    text: str
    logprobs: list[ChatLogprob]


class ReasoningDelta(OfPart, tag="response.reasoning_text.delta"):
    """More of the reasoning."""

    delta: str


class ReasoningDone(OfPart, tag="response.reasoning_text.done"):
    """All of the reasoning."""

    text: str


class ArgumentsDelta(OfItem, tag="response.function_call_arguments.delta"):
    """More of a call's arguments."""

    delta: str


class ArgumentsDone(OfItem, tag="response.function_call_arguments.done"):
    """All of a call's arguments."""

    name: str
    arguments: str


def frame(event: Event) -> bytes:
    """One event as it is sent."""
    return b"event: " + str(event.__struct_config__.tag).encode() + b"\ndata: " + _encode(event) + b"\n\n"
