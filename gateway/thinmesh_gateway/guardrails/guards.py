"""What a tenant's guardrails do with requests and answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, cast

from thinmesh.inference.v1 import inference_service_pb2 as pb
from tritonclient.grpc import service_pb2 as tensor_pb

from thinmesh_core.capabilities import Request
from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_gateway.guardrails import texts
from thinmesh_gateway.guardrails.chain import Chain, Link
from thinmesh_gateway.guardrails.config import GuardrailConfig, When
from thinmesh_gateway.guardrails.contract import Guardrail
from thinmesh_gateway.guardrails.pool import Pool
from thinmesh_gateway.guardrails.registry import create
from thinmesh_gateway.privacy.requests import refuse_tokens

R = TypeVar("R", bound=Request)

NEEDING = "guardrails need"
"""What needs text, in what callers are told."""


class Guards:
    """One tenant's, made once; `tensor_models` are those whose tensors are no text."""

    def __init__(self, key: str, configs: Sequence[GuardrailConfig], tensor_models: Iterable[str], pool: Pool) -> None:
        """ConfigError, by the list's `key`, names the guardrail that can't be served."""
        made = [(one, create(one, f"{key}[{index}]")) for index, one in enumerate(configs)]
        self._before, self._after = (Chain(when, _links(made, when), pool) for when in ("before", "after"))
        self._tensor_models = frozenset(tensor_models)
        self.holds = bool(self._after)
        """Whether an answer is judged, so that a stream is held until it is whole."""

    async def request(self, request: R) -> R:
        """The request as the engine may see it; MeshError where it may not."""
        if isinstance(request, tensor_pb.ModelInferRequest):
            if request.model_name not in self._tensor_models:
                raise invalid("model_name", f"Your tenant's {NEEDING} text, and this model takes tensors.")
            return request
        if not self._before:
            return request
        refuse_tokens(request, NEEDING)
        given = texts.of_request(request)
        judged = await self._before.judged(given)
        return request if judged is given else cast("R", texts.into_request(request, given, judged))

    async def answer(self, answer: pb.GenerateResponse, denied: Callable[[MeshError], None]) -> pb.GenerateResponse:
        """The answer as the caller may see it; a choice that is denied is empty and says so, and `denied` is told why."""
        if not self.holds:
            return answer
        choices = [await self._choice(choice, denied) for choice in answer.choices]
        return pb.GenerateResponse(choices=choices, usage=answer.usage if answer.HasField("usage") else None)

    async def _choice(self, choice: pb.Choice, denied: Callable[[MeshError], None]) -> pb.Choice:
        given = texts.of_choice(choice)
        try:
            judged = await self._after.judged(given)
        except MeshError as error:
            if error.reason is not Reason.CONTENT_DENIED:
                raise
            denied(error)
            return pb.Choice(index=choice.index, finish_reason=pb.FINISH_REASON_CONTENT_FILTER, note=error.message)
        return choice if judged is given else texts.into_choice(choice, judged)


def _links(made: Sequence[tuple[GuardrailConfig, Guardrail[Any]]], when: When) -> list[Link]:
    return [
        Link(one.name, getattr(guardrail, when), one.seconds, one.when_failing == "closed")
        for one, guardrail in made
        if when in one.when
    ]
