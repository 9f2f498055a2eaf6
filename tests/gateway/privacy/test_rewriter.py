"""However a text is cut, what comes out is the same; and it comes as soon as it may."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from thinmesh_gateway.privacy import rewriter as rewriter_module
from thinmesh_gateway.privacy.detector import Detector, Span
from thinmesh_gateway.privacy.escapes import Escapes, unescaped
from thinmesh_gateway.privacy.patterns import Patterns
from thinmesh_gateway.privacy.rewriter import Rewriter
from thinmesh_gateway.privacy.work import SLICE, at_once

MOST_HELD = 96

WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}

# What is personal, what nearly is, what stands between, and what may be cut in an awkward place.
FRAGMENTS = [
    "010-1234-5678", "01012345678", "(02) 345-6789", "+82 (0)10-1234-5678", "+1 415 555 2671", "1588-1234", "tel010 1234 5678",
    "900101-1234568", "900101 - 1234568", "2011023123456", "900101-5234568", "120-81-47521", "1208147521", "M12345678", "M123A4567",
    "11-90-123456-12", "서울 90-123456-12", "4111-1111-1111-1111", "4111 1111 1111 1111", "378282246310005", "110-123-456789",
    "3333-01-1234567", "1002 123 456789", "11012345678901", "hong.gil-dong+a@mail.naver.co.kr", "a@b.kr", "icon@2x.png", "git@github.com",
    "10.20.30.40", "1.2.3.4", "2001:db8::1", "fe80::1:2", "12:34:56", "std::a", "EMP-123456", "프로젝트-ab12",
    "data:image/png;base64,", "iVBORw0KGgoAAAANSUhEUgAA", "QUJD" * 17, "data:text/plain,010-1234-5678", "<<PHONE_1>>", "<<", "<<EMAIL_", "1>>", "<",
    "로", "입니다", "은행", " 신한은행 ", "계좌", "입금", "원", "주문번호 ", "주민번호 ", "버전 ", "사업자 ", "여권", "면허 ", "서버 ",
    " ", "  ", "\n", ", ", ".", "-", " - ", "(", ")", "+", "@", ":", "::", "/", "1", "12", "1234", "5678-", "word", "Hello, world. ",
    "900101.1234567", "010 / 1234 / 5678", "010_1234_5678", "4111 - 1111 - 1111 - 1111", "M 12345678", "m123a4567", "M", "m ", "서울", "서", "서울 - ",
    "공일공 이삼오사 칠사공육", "공", "영일영", " 다시 ", "구팔칠육", "hong1 @ naver.com", "lee(at)kaist.ac.kr", "kim.b [at] a.kr", "choi골뱅이", "이메일 ", "naver",
    " @ ", "(at)", "[a", "t]", "골", "뱅이", " dot com", ".com", "·", "user1 ", "fd12:3456:789a:1::1", "source:", "여권번호 ", "# 사업자번호", "1248100998", "_", " / ",
    "010-1234-5678".translate(WIDE), "\u00a0", "\\n", "\\u", "\\uc5f0\\ub77d", "\\u0040", "\\ud83d\\ude00", "\\ud83d", "\\", '\\"', '"', "\\\\", "{", "}",
    "1 2 3 4 5 6 7 8 9 0 ", "x" * 70, "9" * 30, "0101234" * 15, "a.b-c_d%" * 9,
]  # fmt: skip

TEXTS = st.lists(st.sampled_from(FRAGMENTS), max_size=24).map("".join) | st.text(max_size=60)
PATTERNS = {
    "employee": r"EMP-\d{6}",
    "project": r"프로젝트-[a-z0-9]{2,8}",
    "word": r"\bwo?rd\b",
    "any": r"[0-9a-f]{31}",
    "four": r"\b\d{4}\b",
}
DETECTORS = [Detector(), Detector(Patterns(PATTERNS))]
RESTORED = {"<<PHONE_1>>": '010-9999-8888 "home"\n'}


def replaced(kind: str, value: str) -> str:
    if kind == "placeholder":
        return RESTORED.get(value, value)
    return value if kind == "opaque" else f"<<{kind.upper()}>>"


def rewriter(detector: Detector, *, quoted: bool = False) -> Rewriter:
    return Rewriter(detector, replaced, quoted=quoted)


def whole(text: str, detector: Detector = DETECTORS[0], *, quoted: bool = False) -> str:
    return at_once(rewriter(detector, quoted=quoted).whole(text))


def cut(text: str, places: list[int]) -> list[str]:
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


def streamed(pieces: list[str], detector: Detector, *, quoted: bool) -> str:
    stream = rewriter(detector, quoted=quoted)
    return "".join([*map(stream.feed, pieces), stream.end()])


@settings(max_examples=1500, deadline=None)
@given(TEXTS, st.lists(st.integers(0, 4000), max_size=40), st.sampled_from(DETECTORS), st.booleans())
@example("010-1234-5678", list(range(14)), DETECTORS[1], False)
@example("0" * 65 + r"\ud83d\ud83d\ude00", [77], DETECTORS[0], True)
def test_every_way_of_cutting_gives_the_answer_of_the_whole(
    text: str, places: list[int], detector: Detector, quoted: bool
) -> None:
    assert streamed(cut(text, places), detector, quoted=quoted) == whole(text, detector, quoted=quoted)


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("quoted", [False, True])
def test_8000_random_cuts_make_no_difference(detector: Detector, quoted: bool) -> None:
    chance = random.Random(7)
    for _ in range(500):
        text = "".join(chance.choices(FRAGMENTS, k=chance.randrange(1, 16)))
        expected = whole(text, detector, quoted=quoted)
        assert streamed(list(text), detector, quoted=quoted) == expected
        for _ in range(3):
            places = [chance.randrange(len(text) + 1) for _ in range(chance.randrange(1, 30))]
            assert streamed(cut(text, places), detector, quoted=quoted) == expected


@settings(max_examples=500, deadline=None)
@given(
    TEXTS,
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 8)), max_size=12),
    st.sampled_from([1, 2, 7, 40]),
    st.sampled_from(DETECTORS),
    st.booleans(),
)
@example("김민준010-1234-5678 김민준", [(0, 3), (1, 3), (16, 3)], 4, DETECTORS[0], False)
def test_every_slice_has_what_others_found_in_it(
    text: str, places: list[tuple[int, int]], size: int, detector: Detector, quoted: bool
) -> None:
    read = len(unescaped(text) if quoted else text)
    names = sorted(Span("name", start, min(start + length, read)) for start, length in places if start < read)

    def in_slices_of(size: int) -> str:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(rewriter_module, "SLICE", size)
            return at_once(rewriter(detector, quoted=quoted).whole(text, names))

    assert in_slices_of(size) == in_slices_of(1_000_000)


@pytest.mark.parametrize("quoted", [False, True])
def test_a_text_of_many_slices_is_as_one_of_one_piece(quoted: bool) -> None:
    chance = random.Random(11)
    for _ in range(4):
        text = "".join(chance.choices(FRAGMENTS, k=2500))
        assert len(text) > 4 * SLICE
        assert whole(text, quoted=quoted) == streamed([text], DETECTORS[0], quoted=quoted)


@settings(max_examples=500, deadline=None)
@given(TEXTS, st.sampled_from(DETECTORS), st.booleans())
def test_no_more_than_96_characters_are_held_back(text: str, detector: Detector, quoted: bool) -> None:
    stream = Rewriter(detector, lambda kind, value: value, quoted=quoted)
    written = 0
    for read, character in enumerate(text, 1):
        written += len(stream.feed(character))
        if not quoted or "\\u" not in text:  # an escape becomes one character
            assert read - written <= MOST_HELD


@pytest.mark.parametrize(
    "text", ["안녕하세요", "네, ", "\n\n", "“", "그 번호는 ", "Hello ", "a, ", "**굵게**", "값: ", "{", '"']
)
def test_a_first_token_that_opens_no_candidate_is_not_delayed(text: str) -> None:
    assert rewriter(DETECTORS[0]).feed(text) == text


def test_what_opens_a_candidate_waits_for_its_end_alone() -> None:
    stream = rewriter(DETECTORS[0])
    assert stream.feed("전화 010") == "전화 "
    assert stream.feed("-1234-5678") == ""
    assert stream.feed("입니다. 또") == "<<PHONE>>입니다. 또"
    assert stream.feed(" 3시") == " 3시"


def test_an_account_without_a_label_before_it_waits_for_the_words_behind() -> None:
    stream = rewriter(DETECTORS[0])
    assert stream.feed("110-123-456789 ") == ""
    assert stream.feed("(신한은") == ""
    assert stream.feed("행)으로 보내 주시면 곧 확인하겠습니다") == "<<ACCOUNT>> (신한은행)으로 보내 주시면 곧 확인하겠습니다"


def test_a_data_url_of_any_length_passes_at_once_and_unread() -> None:
    stream = rewriter(DETECTORS[0])
    assert stream.feed("![](data:image/png;base64,") == "![](data:image/png;base64,"
    for piece in ["iVBO", "010-1234-5678", "4111111111111111", "A" * 500]:
        assert stream.feed(piece) == piece
    assert stream.feed(") 010-1234-5678.") + stream.end() == ") <<PHONE>>."


@given(TEXTS)
def test_a_text_without_anything_found_is_unchanged(text: str) -> None:
    assert at_once(Rewriter(DETECTORS[1], lambda kind, value: value).whole(text)) == text


@settings(deadline=None)
@given(
    st.recursive(
        TEXTS | st.integers(min_value=0) | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    ),
    st.booleans(),
)
def test_json_stays_json(value: object, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    json.loads(whole(text, quoted=True))


def test_a_number_in_json_becomes_a_string_and_a_restored_value_is_escaped() -> None:
    assert json.loads(whole('{"계좌": 110123456789, "to": "<<PHONE_1>>"}', quoted=True)) == {
        "계좌": "<<ACCOUNT>>",
        "to": RESTORED["<<PHONE_1>>"],
    }


def test_a_part_of_a_number_in_json_stays_a_number_of_other_digits() -> None:
    text = '{"a": -1234, "b": [5678.5, 1234.5678]}'
    assert whole(text, DETECTORS[1], quoted=True) == '{"a": -1111, "b": [1111.5, 1111.1111]}'
    assert streamed(list(text), DETECTORS[1], quoted=True) == whole(text, DETECTORS[1], quoted=True)


def test_labels_and_values_are_read_through_the_escapes_of_json() -> None:
    text = json.dumps({"계좌": "메일은hong@naver.com로\n010-1234-5678"}).replace("@", "\\u0040")
    assert json.loads(whole(text, quoted=True)) == {"계좌": "메일은<<EMAIL>>로\n<<PHONE>>"}


@given(st.text())
def test_unescaped_json_means_the_same(text: str) -> None:
    assert json.loads(unescaped(json.dumps(text))) == text


@given(
    st.lists(st.sampled_from(["\\", "u", "d83d", "de00", "00e9", "n", "x", '"', "d8"]), max_size=12).map("".join),
    st.lists(st.integers(0, 60)),
)
def test_no_piece_ends_inside_an_escape(text: str, places: list[int]) -> None:
    escapes = Escapes()
    pieces = [*map(escapes.feed, cut(text, places)), escapes.end()]
    assert "".join(pieces) == text
    assert "".join(map(unescaped, pieces)) == unescaped(text)
