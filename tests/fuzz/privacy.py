"""Personal data, fuzzed: however a text is cut, quoted or repeated, it is rewritten alike, comes back whole, and in time."""

from __future__ import annotations

import json
import time

from fuzz.documents import damaged, encoded, messages, spoilt
from gateway.privacy.test_rewriter import DETECTORS, FRAGMENTS, cut, streamed, whole
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.privacy.config import PatternConfig, Policy, PrivacyConfig
from thinmesh_gateway.privacy.detector import Detector
from thinmesh_gateway.privacy.policy import Privacy
from thinmesh_gateway.privacy.work import at_once

WRITING = st.text(
    st.sampled_from('0123456789-.@:/ ()+_<>"\\uabcdefEMP한국은행전화번호계좌\uff11\uff12\u00a0\u200b\n'), max_size=40
)
TEXT = st.lists(st.sampled_from(FRAGMENTS) | WRITING | st.text(max_size=10), max_size=20).map("".join)
POLICIES: list[Policy] = ["detect", "mask", "reversible", "block"]
PRIVACIES = {
    policy: Privacy(PrivacyConfig(default=policy, patterns={"own": PatternConfig(pattern=r"EMP-\d{6}", policy=policy)}, answers=False))
    for policy in POLICIES
}  # fmt: skip

LONG = 16 * 1024
MOST_CPU_SECONDS = 0.5
"""For that many characters; they take some milliseconds."""


@given(TEXT, st.lists(st.integers(0, 4000), max_size=40), st.sampled_from(DETECTORS), st.booleans())
def cuts(text: str, places: list[int], detector: Detector, quoted: bool) -> None:
    """However an answer is cut, what of it is passed on is the same."""
    assert streamed(cut(text, places), detector, quoted=quoted) == whole(text, detector, quoted=quoted)


@given(TEXT, st.lists(st.integers(0, 4000), max_size=20))
def round_trips(text: str, places: list[int]) -> None:
    """What is taken out of a request comes back in the answer, whole or cut, and nothing is left of it in between."""
    session, sent = PRIVACIES["reversible"].open(), text.encode(errors="replace").decode()
    masked = at_once(session.request(pb.GenerateRequest(model="m", text=sent))).text
    answer = at_once(session.response(pb.GenerateResponse(choices=[pb.Choice(text=masked)])))
    assert answer.choices[0].text == sent
    events = [session.event(pb.GenerateEvent(deltas=[pb.Delta(text=piece)])) for piece in cut(masked, places)]
    events.append(session.event(pb.GenerateEvent(finishes=[pb.Finish(reason=pb.FINISH_REASON_STOP)])))
    assert "".join(delta.text for event in events for delta in event.deltas) == sent
    again = at_once(PRIVACIES["reversible"].open().response(pb.GenerateResponse(choices=[pb.Choice(text=masked)])))
    assert again.choices[0].text == masked  # another call restores nothing


@given(st.data())
def policies(data: st.DataObject) -> None:
    """Requests of every kind under every policy: rewritten or refused."""
    request = data.draw(st.sampled_from(messages()))
    try:
        request = type(request).FromString(data.draw(damaged(request.SerializeToString())))
    except DecodeError:
        return
    session = PRIVACIES[data.draw(st.sampled_from(POLICIES))].open()
    try:
        at_once(session.request(request)).SerializeToString()
    except MeshError as error:
        assert error.reason in {Reason.INVALID_REQUEST, Reason.CAPABILITY_MISSING}


@given(st.data(), st.sampled_from(DETECTORS))
def quoted_json(data: st.DataObject, detector: Detector) -> None:
    """JSON of any shape stays JSON."""
    text = encoded(data.draw(spoilt([{"a": FRAGMENTS[:40], "계좌": [110123456789, {"전화": "010-1234-5678"}]}]))).decode(
        errors="replace"
    )
    json.loads(whole(text, detector, quoted=True))


@given(st.lists(st.sampled_from(FRAGMENTS) | WRITING, min_size=1, max_size=4).map("".join), st.booleans(), st.booleans())
def times(part: str, quoted: bool, cut_up: bool) -> None:
    """No text takes long, repeated to whatever length."""
    text = part * (LONG // max(len(part), 1) + 1)
    began = time.thread_time()
    if cut_up:
        streamed([text[at : at + 8] for at in range(0, LONG, 8)], DETECTORS[1], quoted=quoted)
    else:
        whole(text[:LONG], DETECTORS[1], quoted=quoted)
    assert time.thread_time() - began < MOST_CPU_SECONDS, repr(part)


TARGETS = [cuts, round_trips, policies, quoted_json, times]
