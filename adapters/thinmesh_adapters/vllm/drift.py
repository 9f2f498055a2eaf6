"""Whether an engine speaks the revision of a protocol that this adapter was written for."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message import DecodeError, Message
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from thinmesh_adapters.rpc import ASK_SECONDS, GrpcEngine
from thinmesh_core.errors import MeshError, Reason

log = logging.getLogger(__name__)

Spoken = Mapping[type[Message], Iterable[str]]
"""The fields of messages that mean something to an adapter: an engine that lacks one would pass over it in silence."""

Shape = tuple[int, int, int, str]
"""A field's number, type, label and the name of its message's type."""


async def speaks(engine: GrpcEngine, service: str, spoken: Spoken) -> None:
    """Refuses an engine of another revision of a service; one that does not tell its own is taken at its word."""
    files = await _reflected(engine, service)
    if files is None:
        log.warning("the engine does not tell which revision of %s it speaks; it is taken to be the one known here", service)
        return
    found = drift(files, spoken)
    if found:
        raise MeshError(
            Reason.ENGINE_UNAVAILABLE,
            f"the engine speaks another revision of {service}, without or with other {', '.join(found)}; "
            "use a vLLM of this mesh's release, or a mesh of its",
        )


def drift(files: Iterable[FileDescriptorProto], spoken: Spoken) -> list[str]:
    """The spoken fields that the engine has not, or has otherwise. What it has beside them does no harm."""
    theirs = {f"{file.package}.{message.name}": message for file in files for message in file.message_type}
    found = []
    for kind, names in spoken.items():
        ours = DescriptorProto()
        kind.DESCRIPTOR.CopyToProto(ours)
        here, there = _shapes(ours), _shapes(theirs.get(kind.DESCRIPTOR.full_name, DescriptorProto()))
        found += [f"{ours.name}.{name}" for name in names if here[name] != there.get(name)]
    return found


def _shapes(message: DescriptorProto) -> Mapping[str, Shape]:
    return {field.name: _shape(field) for field in message.field}


def _shape(field: FieldDescriptorProto) -> Shape:
    return field.number, field.type, field.label, field.type_name


async def _reflected(engine: GrpcEngine, service: str) -> list[FileDescriptorProto] | None:
    """The files in which an engine says that it describes a service; None where it does not say."""
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(engine.channel)  # type: ignore[arg-type]  # typed for blocking channels
    asked = reflection_pb2.ServerReflectionRequest(file_containing_symbol=service)
    try:
        async with aclosing(engine.read(stub.ServerReflectionInfo(iter([asked]), timeout=ASK_SECONDS))) as answers:
            async for answer in answers:
                if answer.HasField("file_descriptor_response"):
                    files = answer.file_descriptor_response.file_descriptor_proto
                    return [FileDescriptorProto.FromString(one) for one in files]
                break
    except DecodeError as error:
        raise MeshError(Reason.ENGINE_PROTOCOL, f"the engine describes {service} in what does not parse") from error
    except MeshError as error:
        if error.reason is not Reason.CAPABILITY_MISSING:
            raise
    return None
