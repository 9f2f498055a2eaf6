"""The reference of the REST surface: the OpenAPI document as Markdown. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]

_HEAD = """# REST reference

Made from the document that a gateway answers at `GET /openapi.json`. How calls are authenticated, what of OpenAI's fields is
heeded, and all errors: [the REST surfaces](../api.md).
"""


def page(document: Json) -> str:
    """Every route, then every body."""
    return "\n".join((_HEAD, *_routes(document["paths"]), *_bodies(document["components"]["schemas"])))


def _routes(paths: Json) -> Iterator[str]:
    yield from ("## Routes", "", "| route | | takes | gives |", "|---|---|---|---|")
    for path, methods in paths.items():
        for method, operation in methods.items():
            taken = _content(operation.get("requestBody", {}).get("content", {}))
            given = _content(operation["responses"]["200"]["content"])
            yield f"| `{method.upper()} {path}` | {_cell(operation['summary'])} | {taken} | {given} |"
    yield ""


def _content(content: Json) -> str:
    """What a body may be."""
    return ", ".join(_body(kind, one) for kind, one in content.items())


def _body(kind: str, described: Json) -> str:
    return _type(described["schema"]) if kind == "application/json" else kind.rpartition("/")[2]


def _bodies(schemas: Json) -> Iterator[str]:
    yield from ("## Bodies", "")
    for name, schema in sorted(schemas.items()):
        yield from (f"### {_short(name)} {{#{_anchor(name)}}}", "", " ".join(schema.get("description", "").split()), "")
        if not (fields := schema.get("properties")):
            continue
        required = set(schema.get("required", ()))
        yield from ("| field | type | |", "|---|---|---|")
        for field, described in fields.items():
            note = "required" if field in required else _default(described)
            yield f"| `{field}` | {_type(described)} | {note} |"
        yield ""


def _default(described: Json) -> str:
    given = described.get("default")
    return "" if given is None else f"default `{json.dumps(given)}`"


def _type(schema: Json) -> str:  # noqa: PLR0911  # a line for each shape that schemas have
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{_short(name)}](#{_anchor(name)})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(one)}`" for one in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    match schema.get("type"):
        case "array":
            return f"array of {_type(schema.get('items', {}))}"
        case "object":
            return f"object of {_type(schema['additionalProperties'])}" if schema.get("additionalProperties") else "object"
        case None:
            return "anything"
        case kind:
            return str(kind)


def _short(name: str) -> str:
    """Types of one name are told apart by their modules."""
    return name.removeprefix("thinmesh_gateway.")


def _anchor(name: str) -> str:
    return name.lower().replace(".", "-")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
