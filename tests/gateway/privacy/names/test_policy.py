"""What a tenant's policy does with names that others found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from thinmesh.inference.v1 import chat_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.config import convert
from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.privacy.config import PrivacyConfig
from thinmesh_gateway.privacy.entities import Entity
from thinmesh_gateway.privacy.places import Place
from thinmesh_gateway.privacy.policy import Privacy, Session
from thinmesh_gateway.privacy.work import at_once

NAME = "김민준"


def opened(**fields: Any) -> Session:
    return Privacy(convert(fields, PrivacyConfig, source="test")).open()


def found(session: Session, request: Any) -> Mapping[str, Sequence[Place]]:
    """Every place of NAME."""
    texts = at_once(session.texts(request))
    return {text: [(at, at + len(NAME)) for at in range(len(text)) if text.startswith(NAME, at)] for text in texts}


def asked(session: Session, text: str) -> str:
    request = pb.GenerateRequest(model="m", text=text)
    return at_once(session.request(request, found(session, request))).text


@pytest.mark.parametrize("default", ["detect", "mask", "reversible", "block"])
def test_no_default_switches_names_on(default: str) -> None:
    privacy = Privacy(convert({"default": default}, PrivacyConfig, source="test"))
    assert not privacy.names
    assert privacy.policies[Entity.NAME] == "off"


@pytest.mark.parametrize(
    ("policy", "left", "back"),
    [("detect", NAME, NAME), ("mask", "<<NAME_1>>", "<<NAME_1>>"), ("reversible", "<<NAME_1>>", NAME)],
)
def test_names_are_treated_as_other_entities_are(policy: str, left: str, back: str) -> None:
    session = opened(entities={"name": policy})
    assert asked(session, f"성명: {NAME}, {NAME}님") == f"성명: {left}, {left}님"
    assert session.asked == {"name": 2}
    answer = pb.GenerateResponse(choices=[pb.Choice(text=f"{left}님께")])
    assert at_once(session.response(answer)).choices[0].text == f"{back}님께"


def test_a_blocked_name_refuses_the_request_without_saying_it() -> None:
    with pytest.raises(MeshError) as raised:
        asked(opened(entities={"name": "block"}), f"성명: {NAME}")
    assert (raised.value.reason, raised.value.param) == (Reason.INVALID_REQUEST, "prompt")
    assert NAME not in raised.value.message


def test_names_and_numbers_of_one_text_are_masked_together() -> None:
    session = opened(default="mask", entities={"name": "mask"})
    assert (
        asked(session, f"{NAME}010-1234-5678 {NAME} a@b.kr {NAME}") == "<<NAME_1>><<PHONE_1>> <<NAME_1>> <<EMAIL_1>> <<NAME_1>>"
    )


def test_what_a_form_told_counts_where_both_were_found() -> None:
    session = opened(entities={"name": "mask"}, patterns={"staff": {"pattern": f"{NAME}-\\d+"}})
    assert asked(session, f"{NAME}-77 {NAME}") == "<<STAFF_1>> <<NAME_1>>"
    assert asked(session, f"data:image/png;base64,{'A' * 70} {NAME}").endswith(" <<NAME_1>>")


def test_of_two_names_that_overlap_the_first_is_masked() -> None:
    session = opened(entities={"name": "mask"})
    request = pb.GenerateRequest(model="m", text="김민준이 왔다")
    assert at_once(session.request(request, {request.text: [(0, 3), (0, 4), (2, 5)]})).text == "<<NAME_1>>이 왔다"


def test_names_in_json_leave_json_whatever_it_was_escaped_with() -> None:
    session = opened(entities={"name": "mask"})
    arguments = json.dumps({"name": NAME, "note": f"\n{NAME}"})
    call = chat_pb2.ToolCall(id="c", name="f", arguments_json=arguments)
    message = chat_pb2.Message(role=chat_pb2.ROLE_ASSISTANT, tool_calls=[call])
    request = pb.GenerateRequest(model="m", chat=chat_pb2.ChatInput(messages=[message]))
    new = at_once(session.request(request, found(session, request)))
    assert json.loads(new.chat.messages[0].tool_calls[0].arguments_json) == {"name": "<<NAME_1>>", "note": "\n<<NAME_1>>"}


def test_a_text_that_nobody_looked_into_goes_nowhere() -> None:
    with pytest.raises(KeyError):
        at_once(opened(entities={"name": "mask"}).request(pb.GenerateRequest(model="m", text=NAME)))
