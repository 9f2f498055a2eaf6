"""Whether an engine speaks the revision of a protocol that this adapter was written for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import grpc
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message import Message
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from thinmesh_adapters.rpc import ASK_SECONDS
from thinmesh_core.channel import cancelling

Shape = tuple[int, int, int, str]
"""A field's number, type, label and the name of its message's type."""


async def reflected(channel: grpc.aio.Channel, service: str) -> list[FileDescriptorProto] | None:
    """The files in which an engine says that it describes a service; None where it does not say."""
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)  # type: ignore[arg-type]  # typed for blocking channels
    asked = reflection_pb2.ServerReflectionRequest(file_containing_symbol=service)
    try:
        async with cancelling(stub.ServerReflectionInfo(iter([asked]), timeout=ASK_SECONDS)) as call:
            async for answer in call:
                if answer.HasField("file_descriptor_response"):
                    files = answer.file_descriptor_response.file_descriptor_proto
                    return [FileDescriptorProto.FromString(one) for one in files]
                break
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
            raise
    return None


def drift(files: Iterable[FileDescriptorProto], spoken: Mapping[type[Message], Iterable[str]]) -> list[str]:
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
