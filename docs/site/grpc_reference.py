"""The reference of the gRPC surface: the comments of the protos as Markdown, a page for each package. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from google.protobuf import descriptor_pb2 as pb

Path = tuple[int, ...]
"""Where an element stands in its file, as source information has it."""

_FILE, _MESSAGE, _ENUM = pb.FileDescriptorProto, pb.DescriptorProto, pb.EnumDescriptorProto
_FIELD = pb.FieldDescriptorProto


def pages(described: pb.FileDescriptorSet) -> dict[str, str]:
    """Markdown by package, of those below `thinmesh`; messages of engines' own protocols are not ours to tell."""
    ours = [file for file in described.file if file.package.startswith("thinmesh.") and "third_party" not in file.name]
    homes = dict(home for file in ours for home in _homes(file))
    written: dict[str, str] = {}
    for file in sorted(ours, key=lambda one: (one.package, not one.service, one.name)):
        text = "\n".join(_Page(file, homes).lines())
        written[file.package] = f"{written[file.package]}\n{text}" if file.package in written else f"# {file.package}\n\n{text}"
    return written


def _homes(file: pb.FileDescriptorProto) -> Iterator[tuple[str, str]]:
    """Each type's full name, and the address of its heading."""
    for name in (*(one.name for one in file.message_type), *(one.name for one in file.enum_type)):
        yield f".{file.package}.{name}", f"{file.package}.md#{name.lower()}"


@dataclass(frozen=True, slots=True)
class _Page:
    """One file's part of its package's page."""

    file: pb.FileDescriptorProto
    homes: Mapping[str, str]

    def lines(self) -> Iterator[str]:
        said = {tuple(one.path): one.leading_comments for one in self.file.source_code_info.location}
        comments = {path: " ".join(text.split()) for path, text in said.items() if text}
        for number, service in enumerate(self.file.service):
            path = (_FILE.SERVICE_FIELD_NUMBER, number)
            yield from self._heading(service.name, comments.get(path, ""))
            yield from ("| method | takes | gives | |", "|---|---|---|---|")
            for index, method in enumerate(service.method):
                told = comments.get((*path, pb.ServiceDescriptorProto.METHOD_FIELD_NUMBER, index), "")
                taken = ("stream of " if method.client_streaming else "") + self._type(method.input_type)
                given = ("stream of " if method.server_streaming else "") + self._type(method.output_type)
                yield f"| `{method.name}` | {taken} | {given} | {_cell(told)} |"
            yield ""
        for number, message in enumerate(self.file.message_type):
            yield from self._message(message, (_FILE.MESSAGE_TYPE_FIELD_NUMBER, number), comments)
        for number, enum in enumerate(self.file.enum_type):
            yield from self._enum(enum, (_FILE.ENUM_TYPE_FIELD_NUMBER, number), comments)

    def _message(self, message: pb.DescriptorProto, path: Path, comments: Mapping[Path, str]) -> Iterator[str]:
        yield from self._heading(message.name, comments.get(path, ""))
        if message.field:
            yield from ("| field | type | |", "|---|---|---|")
        entries = {f".{self.file.package}.{message.name}.{one.name}": one for one in message.nested_type}
        for number, field in enumerate(message.field):
            told = comments.get((*path, _MESSAGE.FIELD_FIELD_NUMBER, number), "")
            kind = self._kind(field, entries)
            if field.HasField("oneof_index") and not field.proto3_optional:
                kind += f", one of `{message.oneof_decl[field.oneof_index].name}`"
            yield f"| `{field.name}` | {kind} | {_cell(told)} |"
        yield ""

    def _enum(self, enum: pb.EnumDescriptorProto, path: Path, comments: Mapping[Path, str]) -> Iterator[str]:
        yield from self._heading(enum.name, comments.get(path, ""))
        yield from ("| value | number | |", "|---|---|---|")
        for number, value in enumerate(enum.value):
            told = comments.get((*path, _ENUM.VALUE_FIELD_NUMBER, number), "")
            yield f"| `{value.name}` | {value.number} | {_cell(told)} |"
        yield ""

    def _heading(self, name: str, told: str) -> Iterator[str]:
        yield from (f"## {name}", "", _text(told), "")

    def _kind(self, field: pb.FieldDescriptorProto, entries: Mapping[str, pb.DescriptorProto]) -> str:
        entry = entries.get(field.type_name)
        if entry is not None:
            return f"map of {self._of(entry.field[0])} to {self._of(entry.field[1])}"
        repeated = "repeated " if field.label == _FIELD.LABEL_REPEATED else "optional " if field.proto3_optional else ""
        return repeated + self._of(field)

    def _of(self, field: pb.FieldDescriptorProto) -> str:
        return self._type(field.type_name) if field.type_name else _FIELD.Type.Name(field.type).removeprefix("TYPE_").lower()

    def _type(self, name: str) -> str:
        home, short = self.homes.get(name), name.rpartition(".")[2]
        return f"`{name.removeprefix('.')}`" if home is None else f"[{short}]({home})"


def _text(comment: str) -> str:
    return comment.replace("<", "&lt;").replace("[", "\\[")


def _cell(comment: str) -> str:
    return _text(comment).replace("|", "\\|")
