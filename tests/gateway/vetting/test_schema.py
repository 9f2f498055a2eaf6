"""Schemas that engines loop, swell or fetch for are refused, and those that people write are not."""

from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import Any

import pytest

from thinmesh_gateway.vetting import grammar, pattern, schema

LINKED = {"$defs": {"n": {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}}}}, "$ref": "#/$defs/n"}
SWELLING = {f"d{level}": {"allOf": [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(20)} | {"d20": {}}
CHAIN = {f"d{level}": {"$ref": f"#/$defs/d{level + 1}"} for level in range(200)} | {"d200": {}}

REFUSED: list[tuple[str, Any]] = [
    ("back to itself", {"$ref": "#"}),
    ("back to itself", {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
    ("back to itself", LINKED),
    ("subschemas", {"$defs": SWELLING, "$ref": "#/$defs/d0"}),
    ("nested deeper", {"$defs": CHAIN}),
    ("a part of the schema itself", {"$ref": "http://169.254.169.254/"}),
    ("a part of the schema itself", {"properties": {"a": {"$ref": "file:///etc/passwd"}}}),
    ("a part of the schema itself", {"$ref": "#name"}),
    ("a part of the schema itself", {"$ref": 5}),
    ("does not exist", {"$ref": "#/$defs/none"}),
    ("does not exist", {"allOf": [{}], "$ref": "#/allOf/9999999999999999999999"}),
    ("no schema", {"x": [0] * 10, "anyOf": [{"$ref": "#/x"}] * 10}),
    ("no schema", {"x": 1, "anyOf": [{"$ref": "#/x"}]}),
    ("$dynamicRef", {"$dynamicRef": "#a"}),
    ("$id", {"properties": {"a": {"$id": "http://x/"}}}),
    ("$schema", {"$schema": "http://10.0.0.1/meta"}),
    ("pattern", {"pattern": "(a+)+$"}),
    ("pattern", {"properties": {"a": {"items": {"pattern": "foo**"}}}}),
    ("pattern", {"patternProperties": {"foo**": {}}}),
    ("pattern", {"anyOf": [{"x-own": {"pattern": "foo**"}}]}),
    ("characters together", {"properties": {f"p{one}": {"pattern": "a" * 1000} for one in range(5)}}),
    ("maxItems", {"maxItems": 10**9}),
    ("minLength", {"minLength": 1e300}),
    ("no JSON object", []),
    ("no JSON object", True),
]
TEXTS = [
    ("no JSON", "{"),
    ("no JSON", '{"const": NaN}'),
    ("number that is too large", '{"maximum": ' + "9" * 60_000 + "}"),
    ("number that is too large", '{"maximum": ' + "9" * 400 + "}"),
    ("number that is too large", '{"minimum": -1e400}'),
    ("no JSON", '{"const": "\\ud800"}'),
    ("same key twice", '{"pattern": "(a+)+$", "pattern": "a"}'),
    ("nested deeper", '{"properties": {"a": ' * 1000 + "{}" + "}}" * 1000),
    ("nested deeper", '{"const": ' + "[" * 30_000),
    ("characters", '{"description": "' + "x" * 1_000_000 + '"}'),
]
TAKEN: list[dict[str, Any]] = [
    {},
    {"type": "object", "properties": {"pattern": {"type": "string", "pattern": "^a+$"}, "$ref": {"type": "string"}}},
    {"enum": ["foo**"], "const": {"pattern": "foo**", "$ref": "http://x"}, "default": {"maxItems": 10**9}},
    {"properties": {"a": {"$ref": "#/$defs/p"}, "b": {"$ref": "#/$defs/p"}}, "$defs": {"p": {"type": "integer"}}},
    {"properties": {"a/b": {}, "c~d": {}}, "allOf": [{"$ref": "#/properties/a~1b"}, {"$ref": "#/properties/c~0d"}]},
    {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.com/x", "maximum": 9007199254740993},
    {"allOf": [{"items": {"$ref": "#/$defs/a%20b"}}], "$defs": {"a b": True}},
]


@pytest.mark.parametrize(("word", "given"), [*((word, json.dumps(given)) for word, given in REFUSED), *TEXTS])
def test_a_hostile_schema_is_refused_in_our_words(word: str, given: str) -> None:
    fault = schema.fault(given)
    assert fault is not None
    assert word in fault
    assert len(fault) < 200


@pytest.mark.parametrize("given", TAKEN, ids=lambda given: json.dumps(given)[:40])
def test_what_people_write_passes(given: dict[str, Any]) -> None:
    assert schema.fault(json.dumps(given)) is None


@pytest.mark.parametrize(
    ("word", "given"),
    [
        ("characters", "x" * 40_000),
        ("nested", "root ::= " + "(" * 1000 + '"a"' + ")" * 1000),
        ("repeats a repetition", 'root ::= "a"* *'),
        ("repeats a repetition", 'root ::= ("a"+)\nx ::= root**'),
        ("above", 'root ::= "a"{1000000}'),
        ("above", 'root ::= "a"{0,99999999999999999999}'),
    ],
)
def test_a_hostile_grammar_is_refused(word: str, given: str) -> None:
    assert word in (grammar.fault(given) or "")


@pytest.mark.parametrize(
    "given",
    [
        "root ::= x{" + " " * 32_000,
        "{\t\n" * 8000,
        'root ::= ("a" | "**" [(*+]*){2,5} \'((((\'',
        'start: WORD ("," WORD)*\nWORD: /[a-z]+/',
        "x" * 32_000,
    ],
)
def test_a_usual_grammar_passes(given: str) -> None:
    assert grammar.fault(given) is None


@pytest.mark.parametrize("kind", [schema, grammar, pattern], ids=lambda kind: kind.__name__.rpartition(".")[2])
def test_what_is_refused_for_its_length_is_not_kept(kind: ModuleType) -> None:
    given = "{" + "x" * 1_000_000
    held = sys.getrefcount(given)
    assert "characters" in kind.fault(given)
    assert sys.getrefcount(given) == held
