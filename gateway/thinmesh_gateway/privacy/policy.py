"""A tenant's privacy as it is applied: built once from its configuration, opened for every call. Pure.

session = privacy.open()
names = ...                             # where session.names: of each of session.texts(request)
request = session.request(request, names)  # before anything of it is stored, logged or sent on
event = session.event(event)            # or session.response(response)

What may be long is work in slices (`work.py`): for an event loop `Turns` does it, for anybody else `at_once`. A session is one
call's, for one task or thread at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from types import MappingProxyType
from typing import TypeVar, cast

from thinmesh.inference.v1 import inference_service_pb2 as pb
from tritonclient.grpc import service_pb2 as tensor_pb

from thinmesh_core.capabilities import Request
from thinmesh_core.config import ConfigError
from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_gateway.privacy import answers, requests
from thinmesh_gateway.privacy.config import Policy, PrivacyConfig
from thinmesh_gateway.privacy.detector import OPAQUE, PLACEHOLDER, Detector, Span
from thinmesh_gateway.privacy.entities import BY_MEANING, Entity
from thinmesh_gateway.privacy.escapes import Escapes, unescaped
from thinmesh_gateway.privacy.folding import fold
from thinmesh_gateway.privacy.patterns import Patterns
from thinmesh_gateway.privacy.places import Place
from thinmesh_gateway.privacy.requests import Text
from thinmesh_gateway.privacy.rewriter import Rewriter
from thinmesh_gateway.privacy.vault import Vault
from thinmesh_gateway.privacy.work import Work, slices

T = TypeVar("T", bound=Request)
A = TypeVar("A")

NEEDING = "privacy policy needs"
"""What needs text, in what callers are told."""

NO_NAMES: Mapping[str, Sequence[Place]] = MappingProxyType({})

_NEEDS_TEXT = frozenset({"mask", "reversible", "block"})


class Privacy:
    """What a tenant wants done with each entity.

    `active`: texts are looked at at all. `needs_text`: what nobody can look into is refused. `names`: persons' names are found.
    """

    def __init__(self, config: PrivacyConfig) -> None:
        """ConfigError names the pattern that can't be served."""
        for name in config.patterns:
            if name in set(Entity):
                raise ConfigError(f"privacy.patterns.{name} is the name of an entity: choose another")
        self.policies: dict[str, Policy] = {
            **{
                entity.value: config.entities.get(entity, "off" if entity in BY_MEANING else config.default)
                for entity in Entity
            },
            **{name: pattern.policy for name, pattern in config.patterns.items()},
        }
        own = {name: pattern.pattern for name, pattern in config.patterns.items() if pattern.policy != "off"}
        self.detector = Detector(Patterns(own) if own else None)
        self.answers = config.answers
        self.names = self.policies[Entity.NAME] != "off"
        self.active = any(policy != "off" for policy in self.policies.values())
        self.needs_text = not _NEEDS_TEXT.isdisjoint(self.policies.values())
        self._tensor_models = config.tensor_models

    def tensors(self, request: tensor_pb.ModelInferRequest) -> None:
        """INVALID_REQUEST where a call's tensors might be text that nobody looks into."""
        if self.needs_text and request.model_name not in self._tensor_models:
            raise invalid("model_name", f"Your tenant's {NEEDING} text, and this model takes tensors.")

    def open(self) -> Session:
        """What one call needs."""
        return Session(self)


class Session:
    """One call: its vault, and what was found, counted by kind and never kept."""

    __slots__ = ("_answer", "_masked", "_param", "_privacy", "_vault", "answered", "asked", "names")

    def __init__(self, privacy: Privacy) -> None:
        self._privacy = privacy
        self.names = privacy.names
        self._vault = Vault()
        self._answer = answers.Answer(self._begin)
        self._param = ""
        self._masked = False
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()

    def texts(self, request: Request) -> Work[list[str]]:
        """What names must be looked for in, as a tagger is to read it, each text once."""
        found: dict[str, None] = {}
        if not isinstance(request, tensor_pb.ModelInferRequest):
            for one in requests.texts(request):
                found[(yield from _read(one))] = None
        return [*found]

    def request(self, request: T, names: Mapping[str, Sequence[Place]] = NO_NAMES) -> Work[T]:
        """The request as the engine may see it, a copy; INVALID_REQUEST names the parameter that holds what is blocked.

        `names`: where they are in each of `texts`; where the tenant wants them found, none may be missing.
        """
        if not self._privacy.active:
            return request
        if isinstance(request, tensor_pb.ModelInferRequest):
            self._privacy.tensors(request)
            return request
        if self._privacy.needs_text:
            requests.refuse_tokens(request, NEEDING)
        texts = requests.texts(request)
        for one in texts:
            if "<<" in one.text or (one.json and "\\" in one.text):
                yield from self._avoid(one)
        asked: list[str] = []
        for one in texts:
            new = yield from self._ask(one, names)
            asked.append(new)
        changed = deepcopy(request)
        requests.put(changed, asked)
        return changed

    def event(self, event: pb.GenerateEvent) -> pb.GenerateEvent:
        """A streamed event as the caller may see it; where it is empty there is nothing to pass on yet."""
        return self._answer.event(event) if self._privacy.active else event

    def response(self, response: A) -> Work[A]:
        """A whole answer as the caller may see it; vectors, orders and counts are no texts."""
        if isinstance(response, pb.GenerateResponse) and self._privacy.active:
            return cast("A", (yield from answers.response(response, self._begin)))
        return response

    def _begin(self, quoted: bool) -> Rewriter:
        return Rewriter(self._privacy.detector, self._answered, quoted=quoted)

    def _avoid(self, one: Text) -> Work[None]:
        before = ""
        for piece in _unescaped(one):
            before = self._vault.avoid(before + piece)
            yield len(piece)

    def _ask(self, one: Text, names: Mapping[str, Sequence[Place]]) -> Work[str]:
        self._param, self._masked = one.param, False
        places = names[(yield from _read(one))] if self.names else ()
        given = [Span(Entity.NAME, *place) for place in places]
        new = yield from Rewriter(self._privacy.detector, self._asked, quoted=one.json).whole(one.text, given)
        return new if self._masked else one.text  # with its escapes as they were

    def _asked(self, kind: str, value: str) -> str:
        if kind in {PLACEHOLDER, OPAQUE}:
            return value
        policy = self._privacy.policies[kind]
        if policy == "off":
            return value
        self.asked[kind] += 1
        if policy == "block":
            raise MeshError(
                Reason.INVALID_REQUEST,
                f"{self._param} holds personal data of the kind {kind!r}, which your tenant's policy blocks: leave it out.",
                param=self._param,
            )
        if policy == "detect":
            return value
        self._masked = True
        return self._vault.placeholder(kind, value, reversible=policy == "reversible")

    def _answered(self, kind: str, value: str) -> str:
        """A placeholder without a number, for what the model wrote itself: nothing restores it."""
        if kind == PLACEHOLDER:
            return self._vault.restored(value)
        if kind == OPAQUE:
            return value
        policy = self._privacy.policies[kind]
        if policy == "off":
            return value
        self.answered[kind] += 1
        return f"<<{kind.upper()}>>" if self._privacy.answers and policy != "detect" else value


def _read(one: Text) -> Work[str]:
    """A text as the rules read it; every offset is the rewriter's."""
    pieces: list[str] = []
    for piece in _unescaped(one):
        pieces.append(fold(piece))
        yield len(piece)
    return "".join(pieces)


def _unescaped(one: Text) -> Iterator[str]:
    """A text in pieces, none of which ends inside an escape; without needless escapes where it is JSON."""
    escapes = Escapes()
    for piece in slices(one.text):
        whole = escapes.feed(piece)
        yield unescaped(whole) if one.json else whole
    yield escapes.end()
