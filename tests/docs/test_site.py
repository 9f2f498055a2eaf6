"""The documentation's site is whole, and so is what is read without it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READ_ALONE = sorted([*ROOT.glob("*.md"), *ROOT.glob("[a-z]*/README.md")])
"""What is no page of the site, whose own build looks at the links of its pages."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does."""
    folder = tmp_path_factory.mktemp("site")
    build = (sys.executable, "-m", "mkdocs", "build", "--site-dir", str(folder))
    built = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


def test_the_site_builds_without_a_warning_and_fetches_nothing_from_elsewhere(site: Path) -> None:
    pages = {page: page.read_text() for page in site.rglob("*.html")}
    assert len(pages) > 40
    fetched = {
        found for text in pages.values() for found in re.findall(r"<(?:link|script|img)[^>]+(?:href|src)=\"(http[^\"]+)", text)
    }
    assert not fetched


def test_the_reference_has_every_rpc_and_every_route(site: Path) -> None:
    grpc = "".join(page.read_text() for page in site.glob("reference/thinmesh.*.html"))
    for proto in (ROOT / "protos" / "thinmesh").rglob("*_service.proto"):
        for name in re.findall(r"^  rpc (\w+)\(", proto.read_text(), re.MULTILINE):
            assert f"<code>{name}</code>" in grpc
    rest = (site / "reference" / "rest.html").read_text()
    for route in ("POST /v1/chat/completions", "POST /v1/responses", "POST /v1/jobs", "POST /v2/models/{model}/infer"):
        assert f"<code>{route}</code>" in rest


@pytest.mark.parametrize("page", READ_ALONE, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_what_is_read_alone_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert not [link for link in links if not (page.parent / link).exists()]
