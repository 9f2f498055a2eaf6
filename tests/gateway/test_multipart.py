"""Forms with a file in them, however their bytes come."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from thinmesh_core.errors import MeshError
from thinmesh_gateway.openai.multipart import MAX_FIELD_BYTES, MAX_FIELDS, Form

KIND = "multipart/form-data; boundary=b"


def field(name: str, value: str) -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def file(data: bytes, name: str = "lines.jsonl") -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/plain\r\n\r\n'
    return head.encode() + data + b"\r\n"


END = b"--b--\r\n"
DATA = b'{"a": 1}\r\n--c\r\n--'


async def cut(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def taken(body: bytes, size: int = 1 << 20, kind: str = KIND) -> tuple[Form, bytes]:
    form = Form()
    return form, b"".join([piece async for piece in form.pieces(kind, cut(body, size))])


@pytest.mark.parametrize("size", [1, 2, 7, 1 << 20])
@pytest.mark.parametrize("last", [True, False])
async def test_fields_and_the_file_come_in_any_order_and_pieces(size: int, last: bool) -> None:
    purpose = field("purpose", "batch") + field("expires_after[seconds]", "7200")
    body = purpose + file(DATA) if last else file(DATA) + purpose
    form, found = await taken(body + END, size)
    assert form.fields == {"purpose": "batch", "expires_after[seconds]": "7200"}
    assert (form.filename, found) == ("lines.jsonl", DATA)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", KIND),
        (b"{}", KIND),
        (file(DATA), KIND),
        (field("purpose", "batch") + END, KIND),
        (file(DATA) + file(DATA) + END, KIND),
        (field("a", "x" * (MAX_FIELD_BYTES + 1)) + END, KIND),
        (b"".join(field(str(n), "x") for n in range(MAX_FIELDS + 1)) + END, KIND),
        (field("a", "x") * (MAX_FIELDS + 1) + file(DATA) + END, KIND),
        (file(DATA) + END, "multipart/form-data"),
        (file(DATA) + END, "application/json"),
    ],
)
async def test_what_is_no_form_with_one_file_is_refused(body: bytes, kind: str) -> None:
    with pytest.raises(MeshError) as refused:
        await taken(body, kind=kind)
    assert refused.value.row.http == 400
