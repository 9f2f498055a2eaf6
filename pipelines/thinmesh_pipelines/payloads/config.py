"""The payloads section of thinmesh.yaml."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from thinmesh_core.config import Section

ObjectStoreAddress = Annotated[str, Meta(pattern="^(folder|s3://[^/]+.*)$")]
"""`folder`, which is one of the state folder, or a bucket of an S3 and what its objects' names begin with."""


class PayloadsConfig(Section, frozen=True, kw_only=True):
    """What becomes of a job's texts where Temporal would hold them; all are encrypted.

    Those above `large_bytes` are objects in `store`: `folder`, or `s3://BUCKET/PREFIX`, whose credentials, region and endpoint
    come from the environment (AWS_ACCESS_KEY_ID and the like). None may be above `max_bytes`.
    """

    store: ObjectStoreAddress = "folder"
    large_bytes: Annotated[int, Meta(ge=1024, le=1024 * 1024)] = 128 * 1024
    max_bytes: Annotated[int, Meta(ge=1024 * 1024, le=256 * 1024 * 1024)] = 32 * 1024 * 1024
