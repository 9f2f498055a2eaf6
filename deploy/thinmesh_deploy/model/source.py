"""What a model is, from what lies on the disk: a GGUF file, an ONNX file, a folder of Hugging Face's form."""

from __future__ import annotations

import struct
from pathlib import Path

import msgspec

from thinmesh_adapters.weights import PACKAGE, locate
from thinmesh_core.config import ConfigError
from thinmesh_deploy.model.catalogue import ENGINE, FOLDER, GGUF, ONNX, Found

MAGIC = b"GGUF"
ARCHITECTURE = b"general.architecture"
STRING = 8
"""The type of a text in a GGUF file."""


class _Config(msgspec.Struct):
    architectures: list[str] = []


def find(source: str, tokenizer: str | None = None) -> Found:
    """What is there; ConfigError where it is nothing that is known."""
    if source.startswith(("http://", "https://")):
        return Found(ENGINE, source)
    path = Path(source).expanduser()
    if not source.startswith(PACKAGE) and path.is_dir():
        return _folder(path, tokenizer)
    file = locate(source)
    if file.suffix == ".gguf":
        return Found(GGUF, _absolute(source), _gguf(file))
    if file.suffix == ".onnx":
        beside = file.parent / "tokenizer.json"
        return Found(ONNX, _absolute(source), None, tokenizer or (str(beside.absolute()) if beside.is_file() else None))
    raise ConfigError(f"{source}: give a .gguf file, an .onnx file, a folder with a config.json, or an engine's http:// URL")


def _folder(path: Path, tokenizer: str | None) -> Found:
    for onnx in (path / "model.onnx", path / "onnx" / "model.onnx"):
        if onnx.is_file() and (path / "tokenizer.json").is_file():
            return Found(ONNX, str(onnx.absolute()), None, tokenizer or str((path / "tokenizer.json").absolute()))
    files = sorted(path.glob("*.gguf"))
    if len(files) == 1:
        return Found(GGUF, str(files[0].absolute()), _gguf(files[0]))
    if files:
        raise ConfigError(f"{path} has several .gguf files: name one of {', '.join(file.name for file in files)}")
    try:
        config = msgspec.json.decode((path / "config.json").read_bytes(), type=_Config)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} has no config.json that says which architecture it is: {error}") from error
    return Found(FOLDER, str(path.absolute()), next(iter(config.architectures), None))


def _gguf(file: Path) -> str:
    """The architecture of a GGUF file, which by its rules is the first thing that is said of it."""
    with file.open("rb") as opened:
        head = opened.read(512)
    if not head.startswith(MAGIC):
        raise ConfigError(f"{file} is no GGUF file, whatever its name: is it whole?")
    at = head.find(ARCHITECTURE)
    try:
        kind, length = struct.unpack_from("<IQ", head, at + len(ARCHITECTURE))
    except struct.error:
        kind, length = 0, 0
    if at < 0 or kind != STRING:
        return "unknown"
    begin = at + len(ARCHITECTURE) + struct.calcsize("<IQ")
    return head[begin : begin + length].decode(errors="replace")


def _absolute(source: str) -> str:
    """As thinmesh.yaml is to have it: processes that read it run elsewhere."""
    return source if source.startswith(PACKAGE) else str(Path(source).expanduser().absolute())
