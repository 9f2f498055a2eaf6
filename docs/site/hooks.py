"""What MkDocs is told beside mkdocs.yml: the pages made of the protos and of the REST routes, and links out of docs/."""

from __future__ import annotations

import re
import tempfile
from importlib import resources
from pathlib import Path

import grpc_reference
import rest_reference
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from thinmesh_gateway.rest import DESCRIPTION

ROOT = Path(__file__).parents[2]
PROTOS = ROOT / "protos"

_OUTSIDE = re.compile(r"\[([^\]]+)\]\((?:\.\./)+((?!docs/)[\w./-]+)\)")
"""A link to a file of the repository that is no page."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Every decision has its place in the navigation."""
    decisions = sorted(f"adr/{path.name}" for path in (ROOT / "docs" / "adr").glob("*.md"))
    config.nav = [*(config.nav or ()), {"Decisions": decisions}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the reference."""
    made = {f"reference/{package}.md": text for package, text in grpc_reference.pages(_described()).items()}
    made["reference/rest.md"] = rest_reference.page(DESCRIPTION)
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The site has no sources: a link to a file of the repository becomes the file's name."""
    depth = page.file.src_uri.count("/") + 1
    return _OUTSIDE.sub(lambda found: found[0] if found[0].count("../") < depth else f"`{found[2]}`", markdown)


def _described() -> FileDescriptorSet:
    """All protos with their comments."""
    sources = sorted(str(path.relative_to(PROTOS)) for path in (PROTOS / "thinmesh").rglob("*.proto"))
    with tempfile.NamedTemporaryFile(suffix=".binpb") as out:
        known = resources.files("grpc_tools") / "_proto"  # google.protobuf's own
        flags = (
            f"--proto_path={PROTOS}",
            f"--proto_path={known}",
            "--include_source_info",
            "--include_imports",
            f"--descriptor_set_out={out.name}",
        )
        if protoc.main(["protoc", *flags, *sources]):
            raise PluginError("protoc refuses the protos; `make lint` says why")
        return FileDescriptorSet.FromString(Path(out.name).read_bytes())
