"""The console's files and its snapshot, as a browser gets them: nothing from elsewhere, nothing inline, nothing kept."""

from __future__ import annotations

from importlib.resources import files

import msgspec

from thinmesh_core.admin import Answer, Pages
from thinmesh_deploy.console.watching import Known, Watching

HOME = "/console/"

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"cache-control", b"no-store"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
_KINDS = {
    "index.html": "text/html; charset=utf-8",
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def console(known: Known) -> Pages:
    """The pages of a process's console."""
    watching = Watching(known)
    folder = files("thinmesh_deploy.console") / "page"
    read = {name: Answer(200, (folder / name).read_bytes(), kind, _HEADERS) for name, kind in _KINDS.items()}
    fixed = {HOME + name: answer for name, answer in read.items()} | {HOME: read["index.html"]}
    moved = Answer(307, b"", headers=((b"location", HOME.encode()), *_HEADERS))

    async def pages(path: str) -> Answer | None:
        if path == HOME + "snapshot.json":
            return Answer(200, msgspec.json.encode(await watching.snapshot()), "application/json", _HEADERS)
        return moved if path in {"/", "/console"} else fixed.get(path)

    return pages
