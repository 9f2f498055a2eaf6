"""The admin listener of a process: /metrics for Prometheus, /healthz for liveness, /readyz for readiness, pages for people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from thinmesh_core.address import Address
from thinmesh_core.hosts import meant
from thinmesh_core.http import Asgi, Message, Receive, Send
from thinmesh_core.telemetry import exposition

Lines = Callable[[], list[str]]

TEXT = "text/plain; charset=utf-8"

Metrics = Callable[[], Awaitable[bytes]]


async def own() -> bytes:
    """This process's metrics."""
    return exposition()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a path answers."""

    status: int
    body: bytes
    kind: str = TEXT
    headers: tuple[tuple[bytes, bytes], ...] = ()


Pages = Callable[[str], Awaitable[Answer | None]]
"""What a path that is not the listener's own answers; None where there is no such page."""


def admin(at: Address, problems: Lines, notes: Lines = list, pages: Pages | None = None, metrics: Metrics = own) -> Asgi:
    """The admin application of a listener.

    /readyz answers 503 with a line per problem while there are any, else 200, with a line per note. Who asks by a name that
    is not this listener's gets 421: nothing at all where it is this machine's alone, no pages elsewhere, where names are the
    network's matter.
    """

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        answer = await _told(scope["path"], problems, notes, metrics)
        if (at.local or answer is None) and not meant(_host(scope["headers"]), at):
            answer = Answer(421, b"ask by an address, localhost, or the name that thinmesh listens on\n")
        elif answer is None and pages is not None and scope["method"] in {"GET", "HEAD"}:
            answer = await pages(scope["path"])
        await _send(send, answer or Answer(404, b"not found: /metrics, /healthz or /readyz\n"))

    return app


async def _told(path: str, problems: Lines, notes: Lines, metrics: Metrics) -> Answer | None:
    match path:
        case "/metrics":
            return Answer(200, await metrics())
        case "/healthz":
            return Answer(200, b"ok\n")
        case "/readyz":
            found = problems()
            text = "".join(f"{line}\n" for line in (found or ["ready"]) + notes())
            return Answer(503 if found else 200, text.encode())
        case _:
            return None


def _host(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The one Host header."""
    given = [value for name, value in headers if name == b"host"]
    return given[0].decode("latin-1") if len(given) == 1 else None


async def _send(send: Send, answer: Answer) -> None:
    headers = [(b"content-type", answer.kind.encode()), (b"content-length", str(len(answer.body)).encode()), *answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
