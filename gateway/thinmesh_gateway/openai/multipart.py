"""A form with a file in it, read as it comes: fields are held, the file is not."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from thinmesh_core.errors import MeshError, invalid

MAX_FIELDS = 16
MAX_FIELD_BYTES = 4096
MAX_HEADER_BYTES = 4096


@dataclass(slots=True)
class Form:
    """What came of a form so far: its fields, and the name of its file."""

    fields: dict[str, str] = field(default_factory=dict)
    filename: str | None = None

    async def pieces(self, content_type: str, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """The file's bytes as they come; INVALID_REQUEST where the body is no form with one file."""
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise invalid("content-type", "Send multipart/form-data with the fields purpose and file.")
        reading = _Reading(self, boundary)
        async for piece in body:
            found = reading.read(piece)
            if found:
                yield found
        reading.end()


class _Reading:
    """The parser, and the part that it is in."""

    def __init__(self, form: Form, boundary: bytes) -> None:
        self._form = form
        self._found: list[bytes] = []
        self._ended = False
        self._parts = 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_part_data": self._data,
                "on_part_end": self._part_end,
                "on_header_field": self._field,
                "on_header_value": self._value,
                "on_header_end": self._header,
                "on_end": self._end,
            },
        )
        self._part()

    def read(self, data: bytes) -> bytes:
        """Reads on; what of it is the file's."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _malformed() from error
        found, self._found = b"".join(self._found), []
        return found

    def end(self) -> None:
        """There is no more."""
        if not self._ended:
            raise _malformed()
        if self._form.filename is None:
            raise invalid("file", "The form has no file.")

    def _part_begin(self) -> None:
        self._parts += 1
        self._bound(self._parts, MAX_FIELDS)
        self._part()

    def _part(self) -> None:
        self._name, self._is_file, self._held = "", False, bytearray()
        self._key, self._text = bytearray(), bytearray()

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._key += data[start:end]
        self._bound(len(self._key), MAX_HEADER_BYTES)

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._text += data[start:end]
        self._bound(len(self._text), MAX_HEADER_BYTES)

    def _header(self) -> None:
        if bytes(self._key).lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._text))
            self._name = options.get(b"name", b"").decode(errors="replace")
            if self._name == "file":
                if self._form.filename is not None:
                    raise invalid("file", "The form has more than one file.")
                self._is_file = True
                self._form.filename = options.get(b"filename", b"").decode(errors="replace") or "file"
        self._key, self._text = bytearray(), bytearray()

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._found.append(data[start:end])
        else:
            self._held += data[start:end]
            self._bound(len(self._held), MAX_FIELD_BYTES)

    def _part_end(self) -> None:
        if not self._is_file:
            self._form.fields[self._name] = self._held.decode(errors="replace")

    def _end(self) -> None:
        self._ended = True

    def _bound(self, size: int, most: int) -> None:
        if size > most:
            raise invalid("body", "A field of the form is too large, or there are too many.")


def _malformed() -> MeshError:
    return invalid("body", "The body is no whole multipart form.")
