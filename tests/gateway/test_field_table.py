"""docs/api.md says of every field and every error what the code does, and the types know every field of the SDK."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openai.types import completion_create_params as text_params
from openai.types import embedding_create_params as embed_params
from openai.types.chat import completion_create_params as chat_params

from thinmesh_core.errors import TABLE
from thinmesh_gateway.openai import requests

DOCUMENT = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
KINDS: dict[str, tuple[type[Any], Any]] = {
    "chat": (requests.ChatCompletion, chat_params.CompletionCreateParamsBase),
    "completions": (requests.TextCompletion, text_params.CompletionCreateParamsBase),
    "embeddings": (requests.Embeddings, embed_params.EmbeddingCreateParams),
}
ROWS = {
    name: dict(zip(KINDS, (chat, text, embed), strict=True))
    for name, chat, text, embed in re.findall(r"^\| `(\w+)` \| ([\w-]+) \| ([\w-]+) \| ([\w-]+) \|", DOCUMENT, re.MULTILINE)
}


@pytest.mark.parametrize("surface", KINDS)
def test_the_types_know_every_field_that_the_sdk_can_send(surface: str) -> None:
    kind, params = KINDS[surface]
    known = {field.encode_name for field in msgspec.structs.fields(kind)}
    assert set(params.__annotations__) <= known


@pytest.mark.parametrize("surface", KINDS)
def test_the_table_says_of_every_field_what_the_types_do(surface: str) -> None:
    kind, _ = KINDS[surface]
    expected = {
        field.encode_name: "refused"
        if field.encode_name in kind.REFUSED
        else "ignored"
        if field.encode_name in kind.IGNORED
        else "honoured"
        for field in msgspec.structs.fields(kind)
    }
    assert {name: row[surface] for name, row in ROWS.items() if row[surface] != "-"} == expected


def test_the_table_of_errors_is_the_codes() -> None:
    listed = re.findall(r"^\| ([A-Z_]+) \| (\d+) \| ([A-Z_]+) \| (\w+) \| (\w+) \| (yes|no) \|$", DOCUMENT, re.MULTILINE)
    assert listed == [
        (reason.name, str(row.http), row.grpc.name, row.type, row.code or "null", "yes" if row.retryable else "no")
        for reason, row in TABLE.items()
    ]
