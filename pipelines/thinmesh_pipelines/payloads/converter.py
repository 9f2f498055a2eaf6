"""How values become what Temporal sees, and back: the one converter of every client and worker."""

from __future__ import annotations

import asyncio

from temporalio.converter import (
    BinaryNullPayloadConverter,
    BinaryPlainPayloadConverter,
    BinaryProtoPayloadConverter,
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    JSONPlainPayloadConverter,
)

from thinmesh_pipelines.payloads.codec import Codec
from thinmesh_pipelines.payloads.config import PayloadsConfig
from thinmesh_pipelines.payloads.keys import KeyRing
from thinmesh_pipelines.payloads.objects import Objects

LARGE_AT_ONCE = 4
"""Large payloads that are sealed or opened together; others wait, so that memory is bounded."""


class MeshPayloadConverter(CompositePayloadConverter):
    """Protobuf messages as their own bytes, dataclasses and plain values as JSON."""

    def __init__(self) -> None:
        super().__init__(
            BinaryNullPayloadConverter(),
            BinaryPlainPayloadConverter(),
            BinaryProtoPayloadConverter(),
            JSONPlainPayloadConverter(),
        )


def converter(config: PayloadsConfig, ring: KeyRing, objects: Objects) -> DataConverter:
    """The converter of a configuration, the keys and a store."""
    return DataConverter(
        payload_converter_class=MeshPayloadConverter,
        payload_codec=Codec(ring, objects, config, asyncio.Semaphore(LARGE_AT_ONCE)),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
