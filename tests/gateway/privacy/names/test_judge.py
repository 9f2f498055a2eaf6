"""Which spans are names: by words that the tagger made something of, and with the real tagger over sentences."""

from __future__ import annotations

from random import Random

import pytest
from gateway.privacy.names.texts import harmless, named

from thinmesh_gateway.privacy.names.judge import Token, names, repeated
from thinmesh_gateway.privacy.names.tagger import Tagger


def judged(text: str, **looks: str) -> list[str]:
    """The names, where the tagger says of each word its tags: `+` parts them, `?` is unknown, a number how long."""
    tokens = []
    for word, look in looks.items():
        at = text.index(word)
        parts = look.split("+")
        sizes = [len(word)] if len(parts) == 1 else [len(word) - len(parts) + 1, *[1] * (len(parts) - 1)]
        for part, size in zip(parts, sizes, strict=True):
            tokens.append(Token(at, at + size, part.rstrip("?"), not part.endswith("?")))
            at += size
    return [text[start:end] for start, end in names(text, tokens)]


@pytest.mark.parametrize(
    ("text", "look", "found"),
    [
        ("성명: 김민준", "NNG+NNG", True),
        ("성명: 김민준", "NNG", False),
        ("김민준이 왔다", "NNP", False),
        ("담당자 김민준", "NNP+NNG", True),
        ("담당자 김민준", "NNG", False),
        ("담당자 김민준", "NNG?", True),
        ("김민준 과장이", "NNP", True),
        ("김민준 과장이", "NNG", False),
        ("김민준씨", "NNG+NNG", True),
        ("김민준(여, 32세)", "NNP", True),
        ("저는 김민준입니다", "NNP", True),
        ("김민준에게", "NNP", True),
        ("김민준에게", "NNG+NNG", False),
        ("회사 이름: 김민준", "NNP", False),
        ("file name: 김민준", "NNP", False),
        ("담당자 김민준 대학교", "NNP", False),
        ("김민준대학교 교수", "NNP", False),
        ("가나김민준씨", "NNP", False),
    ],
)  # fmt: skip
def test_the_less_the_tagger_knows_of_a_word_the_more_must_speak_for_a_name(text: str, look: str, *, found: bool) -> None:
    assert judged(text, 김민준=look) == (["김민준"] if found else [])


def test_names_of_two_and_four_syllables_must_be_proper_nouns() -> None:
    assert judged("성명: 허준", 허준="NNP") == ["허준"]
    assert judged("성명: 정보", 정보="NNG") == []
    assert judged("남궁민수 팀장", 남궁민수="NNP") == ["남궁민수"]
    assert judged("성명: 김새로나", 김새로나="NNG?") == []


def test_what_stands_beside_a_name_in_a_list_is_one_too() -> None:
    assert judged("김민준 씨, 박서연, 이하은", 김민준="NNP", 박서연="NNP", 이하은="NNG?") == ["김민준", "박서연", "이하은"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Customer: John Smith ordered", ["John Smith"]),
        ('{"name": "Hong Gildong"}', ["Hong Gildong"]),
        ("성명(영문): HONG, GIL DONG", ["HONG, GIL DONG"]),
        ("John Smith ordered", []),
        ("Customer: Acme Inc", []),
        ("file_name: Read Me", []),
        ("product name: Galaxy Note", []),
        ("Customer: first come first served", []),
    ],
)
def test_latin_names_are_found_behind_a_label_alone(text: str, found: list[str]) -> None:
    assert judged(text) == found


def test_a_name_that_was_found_is_found_again_without_anything_that_speaks_for_it() -> None:
    texts = ["김민준이 왔다", "허준이 왔다. 김민준호"]
    assert [*repeated(texts, frozenset({"김민준", "허준"}))] == [[(0, 3)], []]


def test_the_figures_that_the_docs_have(tagger: Tagger) -> None:
    missed = [(text, name) for text, name in named(Random(1)) if name not in found(text, tagger)]
    wrong = [(text, spans) for text in harmless(Random(1)) if (spans := found(text, tagger))]
    more = [(text, spans) for text, name in named(Random(2)) if (spans := [one for one in found(text, tagger) if one != name])]
    print(
        f"missed {len(missed)} of 2000, wrong {len(wrong)} of 500 harmless, {len(more)} others in 2000",
        *missed,
        *wrong,
        *more,
        sep="\n",
    )
    assert len(missed) <= 60
    assert len(wrong) <= 2
    assert len(more) <= 5


def found(text: str, tagger: Tagger) -> list[str]:
    return [text[start:end] for start, end in names(text, tagger.tokens(text))]


def test_offsets_are_characters_beyond_the_first_plane_too(tagger: Tagger) -> None:
    assert found("😀😀 성명: 김민준 😀", tagger) == ["김민준"]
