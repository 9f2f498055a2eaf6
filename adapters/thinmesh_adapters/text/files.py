"""The files in which a model carries its tokenizer and its chat template."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from pathlib import Path

TOKENIZER_FILE, CONFIG_FILE, TEMPLATE_FILE = "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"
NAMES = (TOKENIZER_FILE, CONFIG_FILE, TEMPLATE_FILE)
MAX_FILE_BYTES = 64 * 1024 * 1024


def beside(tokenizer: Path) -> dict[str, bytes]:
    """The tokenizer.json at a path, and what lies in its folder to tell how the model chats."""
    paths = {name: tokenizer.with_name(name) for name in NAMES} | {TOKENIZER_FILE: tokenizer}
    return {name: path.read_bytes() for name, path in paths.items() if path.is_file()}


def unpacked(archive: bytes) -> dict[str, bytes]:
    """Those files out of a zip, in memory and by their exact names; ValueError for what is no such zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            listed = set(files.namelist())
            return {name: _read(files, name) for name in NAMES if name in listed}
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError("no zip") from error


def _read(files: zipfile.ZipFile, name: str) -> bytes:
    """One file; what it unpacks to is bounded, whatever the zip says of its size."""
    with files.open(name) as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"{name} is larger than {MAX_FILE_BYTES} bytes")
    return content
