"""The OpenAPI description of the REST surfaces, made from the very types that decode requests and encode answers. Pure."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from thinmesh_gateway.operations import Operation, Surface

Json = dict[str, Any]

_BINARY = "application/octet-stream"
_REF = "#/components/schemas/{name}"


def describe(*surfaces: Surface) -> Json:
    """The document. Fields that are refused by name do not stand in it; ranges are in docs/api.md."""
    used = [
        kind
        for surface in surfaces
        for operation in surface.operations
        for kind in (operation.body, operation.answer, operation.chunk, operation.later, surface.error)
        if kind
    ]
    types = list(dict.fromkeys(used))
    listed, components = msgspec.json.schema_components(types, ref_template=_REF)
    schemas = dict(zip(types, listed, strict=True))
    for kind in types:
        refused = getattr(kind, "REFUSED", ())
        if refused:
            properties = components[schemas[kind]["$ref"].rpartition("/")[2]]["properties"]
            for name in refused:
                del properties[name]
    paths: Json = {}
    for surface in surfaces:
        for operation in surface.operations:
            described = _operation(operation, schemas, schemas[surface.error])
            paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "thinmesh", "version": "1", "description": "OpenAI-compatible inference, and tensors."},
        "security": [{"key": []}],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(operation: Operation, schemas: dict[Any, Json], error: Json) -> Json:
    content: Json = {_BINARY: {}} if operation.answer is bytes else {"application/json": {"schema": schemas[operation.answer]}}
    told = "The answer."
    if operation.binary:
        content[_BINARY] = {}
        told = "The answer; tensors follow the JSON where they are asked for as bytes."
    if operation.chunk is not None:
        same = operation.chunk is operation.answer
        told = f"The answer; with `stream`, {'events of the same shape and `[DONE]`' if same else 'the events of its making'}."
        content["text/event-stream"] = {"schema": {"type": "string"}}
    if operation.events:
        told = "Events of this shape and `[DONE]`."
        content = {"text/event-stream": {"schema": {"type": "string"}}}
    described: Json = {
        "operationId": "_".join(re.findall(r"\w+", f"{operation.method.lower()} {operation.path}")),
        "summary": operation.summary,
        "responses": {
            "200": {"description": told, "content": content},
            "default": {"description": "An error.", "content": {"application/json": {"schema": error}}},
        },
    }
    if operation.also is not None:
        either = {"application/json": {"schema": {"anyOf": [schemas[operation.answer], error]}}}
        described["responses"][str(operation.also)] = {"description": "The answer is no, or an error.", "content": either}
    if operation.later is not None:
        accepted = {"application/json": {"schema": schemas[operation.later]}}
        told = "A job that gives the answer later: it was preferred, or the model is busy."
        described["responses"]["202"] = {"description": told, "content": accepted}
    if operation.body is not None:
        taken: Json = {"application/json": {"schema": schemas[operation.body]}} | ({_BINARY: {}} if operation.binary else {})
        described["requestBody"] = {"required": True, "content": taken}
    if operation.form:
        properties = {name: {"type": "string", **({"format": "binary"} if name == "file" else {})} for name in operation.form}
        form: Json = {"type": "object", "required": list(operation.form), "properties": properties}
        described["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": form}}}
    names = re.findall(r"{(\w+)}", operation.path)
    if names:
        described["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    return described
