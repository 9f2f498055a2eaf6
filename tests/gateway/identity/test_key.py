"""The text of a key."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from thinmesh_gateway.identity.key import id_of, plausible, text
from thinmesh_gateway.keys import KeyStore

HEX = st.text("0123456789abcdef", min_size=64, max_size=64)


def test_a_key_says_what_it_is_and_has_256_random_bits(tmp_path: Path) -> None:
    key = KeyStore(tmp_path).create("t", 0)
    assert re.fullmatch(r"tm_live_[0-9a-f]{12}_[0-9a-f]{64}_[0-9a-f]{8}", key)
    assert plausible(key)


@given(HEX, st.data())
def test_any_one_wrong_character_is_found(secret: str, data: st.DataObject) -> None:
    key = text("0123456789ab", secret)
    at = data.draw(st.integers(0, len(key) - 1))
    other = data.draw(st.sampled_from("0123456789abcdef_x").filter(lambda one: one != key[at]))
    assert not plausible(key[:at] + other + key[at + 1 :])


@given(st.text())
def test_anything_may_be_asked(key: str) -> None:
    assert not plausible(key)
    id_of(key)


def test_keys_of_the_first_days_have_no_check_digits() -> None:
    assert plausible("tm_live_0123456789ab_" + "0" * 64)
    assert id_of(text("0123456789ab", "0" * 64)) == "0123456789ab"
