"""How values become what Temporal sees, and back: the one converter of every client and worker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    BinaryNullPayloadConverter,
    BinaryPlainPayloadConverter,
    BinaryProtoPayloadConverter,
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    JSONPlainPayloadConverter,
)
from temporalio.exceptions import ApplicationError

from thinmesh_core.errors import Reason
from thinmesh_pipelines.payloads.codec import Codec
from thinmesh_pipelines.payloads.config import PayloadsConfig
from thinmesh_pipelines.payloads.keys import KeyRing
from thinmesh_pipelines.payloads.objects import Objects

LARGE_AT_ONCE = 4
"""Large payloads that are sealed or opened together; others wait, so that memory is bounded."""


class MeshPayloadConverter(CompositePayloadConverter):
    """Protobuf messages as their own bytes, dataclasses and plain values as JSON.

    It is here that what is too large is refused: a workflow hears of it, and ends. Of what the codec refuses it does not.
    """

    max_bytes: ClassVar[int] = PayloadsConfig().max_bytes

    def __init__(self) -> None:
        super().__init__(
            BinaryNullPayloadConverter(),
            BinaryPlainPayloadConverter(),
            BinaryProtoPayloadConverter(),
            JSONPlainPayloadConverter(),
        )

    def to_payloads(self, values: Sequence[Any]) -> list[Payload]:
        """The values as payloads; ApplicationError where one is larger than it may be."""
        payloads = super().to_payloads(values)
        for one in payloads:
            if (size := one.ByteSize()) > self.max_bytes:
                raise ApplicationError(
                    f"A payload of {size} bytes is above the {self.max_bytes} of payloads.max_bytes; cut it or raise that.",
                    type=Reason.REQUEST_TOO_LARGE.name,
                    non_retryable=True,
                )
        return payloads


def converter(config: PayloadsConfig, ring: KeyRing, objects: Objects) -> DataConverter:
    """The converter of a configuration, the keys and a store."""

    class Bounded(MeshPayloadConverter):
        max_bytes = config.max_bytes

    return DataConverter(
        payload_converter_class=Bounded,
        payload_codec=Codec(ring, objects, config, asyncio.Semaphore(LARGE_AT_ONCE)),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
