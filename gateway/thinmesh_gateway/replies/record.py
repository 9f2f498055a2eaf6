"""What is kept of a response: its answer, and the conversation that the next one goes on from. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.wire import MAX_RECORD_BYTES
from thinmesh_gateway.replies.bodies import Call, Message, Response
from thinmesh_gateway.replies.items import InputText, Item, OutputText, Part

MAX_ASKED_BYTES = MAX_RECORD_BYTES - 1024 * 1024
"""Of what was asked, with the conversation before: the answer needs room beside it."""


class Record(msgspec.Struct):
    """A response, what it was asked with, and the conversation before that; so none before it need be read for the next."""

    response: Response
    given: list[Item]
    before: list[Item]

    @property
    def conversation(self) -> list[Item]:
        """The conversation so far; reasoning is no part of it, nor are instructions."""
        said = [item for one in self.response.output if (item := _said(one)) is not None]
        return [*self.before, *self.given, *said]


_DECODER = msgspec.json.Decoder(Record)


def packed(record: Record) -> bytes:
    """A record as it is kept; REQUEST_TOO_LARGE where it is larger than one may be."""
    data = msgspec.json.encode(record)
    if len(data) > MAX_RECORD_BYTES:
        raise MeshError(Reason.REQUEST_TOO_LARGE, f"A response with its conversation has at most {MAX_RECORD_BYTES} bytes.")
    return data


def unpacked(data: bytes) -> Record:
    """A record that was kept."""
    return _DECODER.decode(data)


def listed(given: str | Sequence[Item], response_id: str) -> list[Item]:
    """The input as items that have ids, types and parts, as it is told when it is asked for."""
    if isinstance(given, str):
        given = [Item(role="user", content=given)]
    of = response_id.removeprefix("resp_")
    return [_named(item, f"{of}{number:03x}") for number, item in enumerate(given)]


def check(record: Record) -> None:
    """REQUEST_TOO_LARGE where it could not be kept with its answer."""
    if len(msgspec.json.encode(record)) > MAX_ASKED_BYTES:
        what = f"A conversation that is kept has at most {MAX_ASKED_BYTES} bytes; send store: false for a larger one."
        raise MeshError(Reason.REQUEST_TOO_LARGE, what, param="store")


_KINDS = {"function_call": "fc", "function_call_output": "fco", "reasoning": "rs"}


def _named(item: Item, name: str) -> Item:
    kind = item.type or "message"
    content = item.content
    if kind == "message" and isinstance(content, str):
        content = [OutputText(text=content) if item.role == "assistant" else InputText(text=content)]
    if isinstance(content, list):
        content = [_plain(part) for part in content]
    status = item.status or "completed"
    return msgspec.structs.replace(item, type=kind, id=f"{_KINDS.get(kind, 'msg')}_i{name}", status=status, content=content)


def _plain(part: Part) -> Part:
    """A part without what the model is not told of it."""
    return OutputText(text=part.text) if isinstance(part, OutputText) else part


def _said(output: object) -> Item | None:
    """What the model said, as a later request tells it."""
    match output:
        case Message(id=name, content=content, status=status):
            return Item(
                type="message", id=name, status=status, role="assistant", content=[OutputText(text=one.text) for one in content]
            )
        case Call(id=name, status=status, call_id=call_id, name=function, arguments=arguments):
            return Item(type="function_call", id=name, status=status, call_id=call_id, name=function, arguments=arguments)
    return None
