"""A step that calls a service outside of the mesh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from thinmesh_core.errors import Reason
from thinmesh_pipelines.flow.run import Refused, current
from thinmesh_pipelines.flow.stepping import ATTEMPTS
from thinmesh_pipelines.outside import CALL, Header, HttpAnswer, HttpCall

A = TypeVar("A")


@dataclass(frozen=True)
class Secret:
    """A value that only workers know, by its name, and what it stands in."""

    name: str
    form: str


@dataclass(frozen=True)
class Answered:
    """What a service answered: a status that no other attempt would better."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self, kind: type[A]) -> A:
        """The body as a value of a type. Ends the run where the status is no success, or the body is none."""
        if not 200 <= self.status < 300:
            raise Refused(f"The service that the pipeline called answered {self.status}.", Reason.INTERNAL)
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.DecodeError as error:
            raise Refused(f"The service that the pipeline called answered no {kind}: {error}.", Reason.INTERNAL) from None


def secret(name: str, form: str = "{}") -> Secret:
    """For a header: what the workers' environment has as THINMESH_SECRET_NAME, set into `form`. No run ever holds it."""
    return Secret(name, form)


async def http_call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str | Secret] | None = None,
    json: Any = None,
    seconds: float = 30.0,
    attempts: int = ATTEMPTS,
) -> Answered:
    """What a service answers. Once it has, it is not asked again; an attempt that is lost is, with the same Idempotency-Key.

    408, 425, 429 and 5xx are tried again, after the pause that they ask for. Addresses that are not public are refused unless
    `jobs.outgoing.allow` has them.
    """
    given = [
        Header(name, value.form, value.name) if isinstance(value, Secret) else Header(name, value)
        for name, value in (headers or {}).items()
    ]
    call = HttpCall(method, url, given, None if json is None else msgspec.json.encode(json))
    said = await current().ask(CALL, str, msgspec.json.encode(call).decode(), seconds=seconds, attempts=attempts)
    answer = msgspec.json.decode(said, type=HttpAnswer)
    return Answered(answer.status, answer.headers, answer.body)
