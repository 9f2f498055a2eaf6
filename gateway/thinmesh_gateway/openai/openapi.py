"""The OpenAPI description of the REST surface, made from the very types that decode requests and encode answers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from thinmesh_gateway.openai.errors import ErrorBody
from thinmesh_gateway.openai.operations import Operation

Json = dict[str, Any]

_REF = "#/components/schemas/{name}"


def describe(operations: Sequence[Operation]) -> Json:
    """The document. Fields that are refused by name do not stand in it; ranges are in docs/api.md."""
    types = [kind for operation in operations for kind in (operation.body, operation.answer, operation.chunk) if kind]
    listed, components = msgspec.json.schema_components([*types, ErrorBody], ref_template=_REF)
    schemas = dict(zip(types, listed, strict=False))
    for kind in types:
        refused = getattr(kind, "REFUSED", ())
        if refused:
            properties = components[schemas[kind]["$ref"].rpartition("/")[2]]["properties"]
            for name in refused:
                del properties[name]
    paths: Json = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas, listed[-1])
    return {
        "openapi": "3.1.0",
        "info": {"title": "thinmesh", "version": "1", "description": "OpenAI-compatible inference."},
        "security": [{"key": []}],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(operation: Operation, schemas: dict[Any, Json], error: Json) -> Json:
    content = {"application/json": {"schema": schemas[operation.answer]}}
    if operation.chunk is not None:
        content["text/event-stream"] = {"schema": {"type": "string"}}
    described: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": {
            "200": {"description": "The answer; with `stream`, events of the same shape and `[DONE]`.", "content": content},
            "default": {"description": "An error.", "content": {"application/json": {"schema": error}}},
        },
    }
    if operation.body is not None:
        body = {"required": True, "content": {"application/json": {"schema": schemas[operation.body]}}}
        described["requestBody"] = body
    if "{id}" in operation.path:
        described["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
    return described
