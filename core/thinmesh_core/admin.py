"""The admin listener of a process: /metrics for Prometheus, /healthz for liveness, /readyz for readiness."""

from __future__ import annotations

from collections.abc import Callable

from thinmesh_core.http import Asgi, Message, Receive, Send
from thinmesh_core.telemetry import exposition

Lines = Callable[[], list[str]]


def admin(problems: Lines, notes: Lines = list) -> Asgi:
    """The admin application.

    /readyz answers 503 with a line per problem while there are any, else 200, with a line per note.
    """

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        status, body = _answer(scope["path"], problems, notes)
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def _answer(path: str, problems: Lines, notes: Lines) -> tuple[int, bytes]:
    match path:
        case "/metrics":
            return 200, exposition()
        case "/healthz":
            return 200, b"ok\n"
        case "/readyz":
            found = problems()
            text = "".join(f"{line}\n" for line in (found or ["ready"]) + notes())
            return (503 if found else 200), text.encode()
        case _:
            return 404, b"not found: /metrics, /healthz or /readyz\n"
