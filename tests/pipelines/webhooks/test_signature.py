"""Signing, against Standard Webhooks' own library and the example of its specification."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from thinmesh_pipelines.webhooks.signature import MAX_BYTES, MIN_BYTES, Secret, new_secret, signed

NOW = 1_614_265_330


def written(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


def test_the_example_of_the_specification() -> None:
    secret = Secret.parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", NOW, b'{"test": 2432232314}') == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@given(
    st.binary(min_size=MIN_BYTES, max_size=MAX_BYTES), st.text(st.characters(codec="ascii", categories=["L", "N"])), st.text()
)
def test_the_library_of_receivers_reckons_the_same(key: bytes, event_id: str, body: str) -> None:
    secret = Secret.parse(written(key))
    theirs = Webhook(written(key)).sign(event_id, datetime.fromtimestamp(NOW, UTC), body)
    assert secret.sign(event_id, NOW, body.encode()) == theirs


def test_a_receiver_of_either_secret_finds_its_signature() -> None:
    secrets = [new_secret(), new_secret()]
    headers = signed([Secret.parse(one) for one in secrets], "evt_1", NOW, b"{}")
    assert len(headers["webhook-signature"].split()) == 2
    for one in secrets:
        assert Secret.parse(one).sign("evt_1", NOW, b"{}") in headers["webhook-signature"]


@pytest.mark.parametrize(
    "text", ["", "whsec_", "whsec_!!!!", written(b"x" * 23), written(b"x" * 65), "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
)
def test_what_is_no_secret_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError) as error:
        Secret.parse(text)
    assert not text or text not in str(error.value) or text == "whsec_"


def test_a_secret_is_not_shown() -> None:
    assert "xxxx" not in repr(Secret(b"x" * 32))
