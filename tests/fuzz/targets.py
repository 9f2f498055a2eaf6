"""What is fuzzed, each a property that hypothesis tries to break: whatever comes in, an error of ours is the worst that comes out."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from typing import Any

import msgspec
from fuzz.documents import BODIES, damaged, encoded, messages, spoilt
from google.protobuf.message import DecodeError
from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from thinmesh.inference.v1 import inference_service_pb2 as pb
from tritonclient.grpc import service_pb2 as tensor_pb

from thinmesh_adapters.llamacpp.translate import llama_body
from thinmesh_adapters.openai.answer import Answer
from thinmesh_adapters.openai.translate import generate_body
from thinmesh_core.call import from_metadata
from thinmesh_core.capabilities import Request, required
from thinmesh_core.cost import cost, prefix_key
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.status import DETAILS_KEY, from_rpc_error, to_trailer
from thinmesh_core.tensor_stream import failed
from thinmesh_gateway.oip import codec
from thinmesh_gateway.openai import errors, requests, responses, translate
from thinmesh_gateway.openai.frames import ChatFrames, Frames, TextFrames
from thinmesh_gateway.vetting import grammar, image, pattern, schema
from thinmesh_gateway.vetting import request as vetting

KINDS: dict[str, Callable[[bytes], list[Request]]] = {
    "chat": lambda data: [translate.chat(requests.decode(data, requests.ChatCompletion))],
    "completions": lambda data: [*translate.completions(requests.decode(data, requests.TextCompletion))],
    "embeddings": lambda data: [translate.embed(requests.decode(data, requests.Embeddings))],
    "rerank": lambda data: [translate.rerank(requests.decode(data, requests.Rerank))],
    "infer": lambda data: [codec.decode(data, None, "m", "")[0]],
}
REFUSALS = {Reason.INVALID_REQUEST, Reason.CAPABILITY_MISSING, Reason.REQUEST_TOO_LARGE}
PIECE = st.text(st.sampled_from('ab \n\r\t\0"\\:{}\u2028\u2029\u0085\x0b한\N{GRINNING FACE}'), max_size=6) | st.sampled_from(["data:", "data: [DONE]\n\n", "\n\n", "\r\n\r\n", "event: x\n", ": c\n"])  # fmt: skip
HEAD = responses.Head("id", 7, "m", "default")


def go_on(request: Request) -> None:
    """What happens to a request between the surfaces and an engine."""
    vetting.check(request)
    required(request)
    cost(request)
    prefix_key(request)
    if isinstance(request, pb.GenerateRequest):
        json_body = generate_body(request, "m")
        assert "model" in json_body
        if request.response_format.WhichOneof("format") not in {"regex", "choice"}:  # it declares neither
            llama_body(request, "m")
    request.SerializeToString()


def refused(error: MeshError) -> None:
    """Holds an error to what a caller may be told."""
    assert error.reason in REFUSALS, error.reason
    assert error.param is not None or error.reason is not Reason.INVALID_REQUEST, error.message
    assert len(errors.body(error)) < 3000
    assert sum(map(len, to_trailer(error))) < 3000


@given(st.data())
def bodies(data: st.DataObject) -> None:
    """Bodies of REST, spoilt as values and as bytes."""
    kind = data.draw(st.sampled_from(sorted(KINDS)))
    sent = encoded(data.draw(spoilt(BODIES[kind])))
    if data.draw(st.booleans()):
        sent = data.draw(damaged(sent))
    try:
        for request in KINDS[kind](sent):
            go_on(request)
    except MeshError as error:
        refused(error)


@given(st.data())
def protobuf(data: st.DataObject) -> None:
    """Messages of gRPC, damaged and made up."""
    whole = data.draw(st.sampled_from(messages()))
    sent = data.draw(
        damaged(whole.SerializeToString()) | st.binary(max_size=80) | st.integers(1, 20_000).map(lambda depth: b"\x0b" * depth)
    )
    with contextlib.suppress(DecodeError):
        request = type(whole).FromString(sent)
        try:
            go_on(request)
        except MeshError as error:
            refused(error)


@given(st.binary(max_size=200), st.sampled_from(list(StatusCode)), st.text(max_size=20))
def statuses(details: bytes, code: StatusCode, text: str) -> None:
    """What a peer says of a failure."""
    whole = to_trailer(MeshError(Reason.BACKEND_FULL, "m", param="p", retry_after=1, quota="q"))[1]
    for value in (details, whole[: len(details)] + details):
        error = from_rpc_error(AioRpcError(code, Metadata(), Metadata((DETAILS_KEY, value)), f"secret {text}"))
        assert "secret" not in error.message
    with contextlib.suppress(DecodeError):
        failed(tensor_pb.ModelStreamInferResponse.FromString(details))


@given(
    st.dictionaries(
        st.sampled_from(
            ["x-request-id", "thinmesh-hops", "thinmesh-priority", "thinmesh-session", "traceparent", "thinmesh-tenant"]
        ),
        st.text(),
    )
)
def metadata(pairs: dict[str, str]) -> None:
    """A call's metadata; what is made of it can be sent on."""
    call = from_metadata(pairs.items())
    assert re.fullmatch(r"[!-~]+", call.request_id)
    assert call.session is None or re.fullmatch(r"[!-~]+", call.session)


@given(st.text(st.sampled_from("ab.*+?()[]{}|\\^$,:<>=!-19dwsPQE\u00e9"), max_size=120))
def patterns(text: str) -> None:
    """Regular expressions."""
    pattern.fault(text)


@given(st.data())
def constraints(data: st.DataObject) -> None:
    """Schemas, grammars and images."""
    document = BODIES["chat"][1]["response_format"]["json_schema"]["schema"]
    schema.fault(json.dumps(data.draw(spoilt([document]))))
    schema.fault(data.draw(damaged(json.dumps(document).encode())).decode(errors="replace"))
    grammar.fault(data.draw(st.text(max_size=80)))
    image.fault(data.draw(st.text(max_size=80)))
    image.content_fault(
        data.draw(st.sampled_from(["image/png", "image/jpeg", "image/gif", "image/webp"])), data.draw(st.binary(max_size=80))
    )


@given(st.lists(st.tuples(st.integers(0, 1), PIECE), max_size=12), st.booleans())
def framing(pieces: list[tuple[int, str]], with_usage: bool) -> None:
    """However an answer is cut, its events say what the whole answer says, and each is one event."""
    texts = ["".join(text for index, text in pieces if index == choice) for choice in (0, 1)]
    choices = [pb.Choice(index=index, text=text, finish_reason=pb.FINISH_REASON_STOP) for index, text in enumerate(texts)]
    answer = pb.GenerateResponse(choices=choices)
    events = [pb.GenerateEvent(deltas=[pb.Delta(index=index, text=text)]) for index, text in pieces]
    events.append(pb.GenerateEvent(finishes=[pb.Finish(index=index, reason=pb.FINISH_REASON_STOP) for index in (0, 1)]))
    whole: list[tuple[Frames, Struct]] = [
        (ChatFrames(HEAD, 2, with_usage=with_usage), responses.chat(HEAD, answer)),
        (TextFrames(HEAD, with_usage=with_usage), responses.text(HEAD, [answer])),
    ]
    for frames, body in whole:
        said = ["", ""]
        for event in read(b"".join(map(frames.event, events))):
            for choice in event["choices"]:
                said[choice["index"]] += _content(choice, "delta")
        assert said == [_content(choice, "message") for choice in json.loads(msgspec.json.encode(body))["choices"]]


def _content(choice: dict[str, Any], name: str) -> str:
    return choice["text"] if "text" in choice else choice[name].get("content") or ""


def read(stream: bytes) -> list[Any]:
    """Server-sent events as https://html.spec.whatwg.org/multipage/server-sent-events.html reads them."""
    events, data = [], None
    for line in re.split("\r\n|\n|\r", stream.decode()):
        name, _, value = line.partition(":")
        if name == "data":
            assert data is None
            data = value.removeprefix(" ")
        elif not line and data is not None:
            events.append(json.loads(data))
            data = None
        else:
            assert not line
    return events


@given(st.data())
def engines(data: st.DataObject) -> None:
    """What engines stream."""
    chunk = {"choices": [{"index": 0, "delta": {"content": "a", "tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]}, "finish_reason": None, "logprobs": {"content": [{"token": "a", "logprob": -1, "bytes": [97]}]}}], "usage": {"prompt_tokens": 1}}  # fmt: skip
    answer = Answer()
    for _ in range(data.draw(st.integers(1, 3))):
        sent = encoded(data.draw(spoilt([chunk])))
        try:
            answer.feed(data.draw(st.just(sent) | damaged(sent)), pb.GenerateEvent())
        except MeshError as error:
            assert error.reason in {Reason.ENGINE_PROTOCOL, Reason.ENGINE_ERROR}
    answer.end()


TARGETS: list[Callable[[], None]] = [bodies, protobuf, statuses, metadata, patterns, constraints, framing, engines]
