"""How texts are cut for the tagger."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from thinmesh_gateway.privacy.names.pieces import MOST_CHARACTERS, portions

TEXTS = st.lists(
    st.builds(lambda part, times: part * times, st.text("가 \na", max_size=9), st.sampled_from([1, 3, 5000])), max_size=5
)


@given(TEXTS)
def test_pieces_are_the_texts_whole_and_portions_are_small(texts: list[str]) -> None:
    whole = ["" for _ in texts]
    for portion in portions(texts):
        assert 0 < sum(len(piece.text) for piece in portion) <= MOST_CHARACTERS
        for piece in portion:
            assert piece.start == len(whole[piece.of])
            whole[piece.of] += piece.text
    assert whole == texts


def test_long_texts_are_cut_behind_a_line_else_behind_a_word() -> None:
    lines = "가나다 라마바\n" * 4000
    assert all(portion[0].text.endswith("\n") for portion in portions([lines]))
    spaced = "가나다 " * 8000
    assert all(portion[0].text.endswith(" ") for portion in portions([spaced]))
