"""What is found in texts, and what is left alone though it looks alike."""

from __future__ import annotations

from random import Random

import pytest
from stdnum.kr import rrn

from bench.privacy import lines, look_alikes
from bench.privacy.corpus import harmless, personal
from bench.privacy.values import MADE
from thinmesh_gateway.privacy import digits
from thinmesh_gateway.privacy.detector import Detector
from thinmesh_gateway.privacy.entities import Entity
from thinmesh_gateway.privacy.folding import fold
from thinmesh_gateway.privacy.patterns import Patterns

WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}

FOUND = [
    (Entity.RESIDENT, "주민등록번호는 [900101-1234568]입니다"),
    (Entity.RESIDENT, "[900101 - 1234568]로 확인"),
    (Entity.RESIDENT, "hyphenated, no check digit: [900101-1234567]"),
    (Entity.RESIDENT, "주민번호 [9001011234567]은"),
    (Entity.RESIDENT, "상품 주문한 회원 [920728-2345671], 법인 대표 [780101-1122336]"),
    (Entity.RESIDENT, "주민번호 [850312.1234565], [850312/1234565] rrn=[850312_1234565]"),
    (Entity.RESIDENT, "[9201012345678] (주민번호)"),
    (Entity.RESIDENT, "born after October 2020, bare: [2011023123456]"),
    (Entity.FOREIGNER, "외국인등록번호 [900101-5234567]"),
    (Entity.BUSINESS, "삼성전자는 [124-81-00998]이다"),
    (Entity.BUSINESS, "사업자등록번호 [123-45-67890], 검증 숫자가 틀려도"),
    (Entity.BUSINESS, "사업자번호: [1248100998]"),
    (Entity.BUSINESS, '[124.81.00998], [124 - 81 - 00998], bizRegNo: "[1248100998]"'),
    (Entity.BUSINESS, "print('[1248100998]')  # 사업자등록번호"),
    (Entity.PASSPORT, "[M12345678]를 분실했다"),
    (Entity.PASSPORT, "여권 [M 12345678], [m123a4567], passport id [123456789]"),
    (Entity.PASSPORT, "예약 신청에 [M70689098]이 필요"),
    (Entity.PASSPORT, "새 여권은 [M123A4567]이다"),
    (Entity.PASSPORT, "여권번호 [JR1234567]"),
    (Entity.LICENCE, "[11-90-123456-12]는 서울에서"),
    (Entity.LICENCE, "면허 [119012345612]"),
    (Entity.LICENCE, "[경기-02-123456-78], [11 - 20 - 112233 - 44], dl no [119912345612]"),
    (Entity.LICENCE, "[서울 90-123456-12]"),
    (Entity.PHONE, "연락처는 [010-1234-5678]입니다"),
    (Entity.PHONE, "HP[01012345678]로"),
    (Entity.PHONE, "TEL[02-1234-5678]"),
    (Entity.PHONE, "[(02) 345-6789]로 전화"),
    (Entity.PHONE, "[070-1234-5678] 인터넷 전화"),
    (Entity.PHONE, "[0507-1234-5678] 안심번호"),
    (Entity.PHONE, "[+82 10-1234-5678] and [+82 (0)10 1234 5678]"),
    (Entity.PHONE, "[+82-2-345-6789], [821012345678]"),
    (Entity.PHONE, "call [+1 415 555 2671] now"),
    (Entity.PHONE, "[010-1111-2222]/[010-3333-4444],[010-5555-6666]"),
    (Entity.PHONE, "[010/1234/5678], [010_1234_5678], [010·1234·5678], [010ㅡ1234ㅡ5678], [010 - 1234 - 5678]"),
    (Entity.PHONE, "[8210-1234-5678], [0082-10-1234-5678], 팩스 [0303-3440-1234]"),
    (Entity.PHONE, "[공일공 이삼오사 칠사공육]이고, [영일영에 일이삼사에 오육칠팔]"),
    (Entity.PHONE, '{"memo":"연락처\\n[010-1234-5678]"}'),
    (Entity.PHONE, "[010\u20111234\u20115678]"),
    (Entity.PHONE, "[010\u00a01234\u00a05678]"),
    (Entity.PHONE, "[" + "010-1234-5678".translate(WIDE) + "]"),
    (Entity.ACCOUNT, "신한은행 [110-123-456789]로 입금"),
    (Entity.ACCOUNT, "[3333-01-1234567](카카오뱅크)"),
    (Entity.ACCOUNT, "우리 [1002-123-456789] 홍길동"),
    (Entity.ACCOUNT, "계좌번호: [11012345678901]"),
    (Entity.ACCOUNT, "[110-123-456789]로 송금해 줘"),
    (Entity.ACCOUNT, "환불 신청 계좌: [110 - 123 - 456789], 국민 홍길동 [123456-78-901234]"),
    (Entity.ACCOUNT, "케뱅 [100-198-985859], BNK부산: [1122570701623], [01316570840113] (KDB산업은행)"),
    (Entity.ACCOUNT, "한국투자 [12345678-01], 계좌 [110.123.456789]"),
    (Entity.CARD, "신청 [4111/1111/1111/1111], order failed for [4111 - 1111 - 1111 - 1111]"),
    (Entity.CARD, "카드는 [4111-1111-1111-1111]이고"),
    (Entity.CARD, "[4111111111111111], [4111 1111 1111 1111]"),
    (Entity.CARD, "amex [3782 822463 10005]"),
    (Entity.EMAIL, "[hong.gil-dong+a@mail.naver.co.kr]로 보내"),
    (Entity.EMAIL, "메일은[a@b.kr]입니다, <[c_d@e.com]>"),
    (Entity.EMAIL, "[01012345678@naver.com]"),
    (Entity.EMAIL, "https://example.com/?to=[a@b.kr]&x=1"),
    (Entity.EMAIL, "[lee.yj(at)kaist.ac.kr], [park{at}a.kr], [choi골뱅이naver.com], [kim1 @ naver.com], [a%40b.kr]"),
    (Entity.EMAIL, "이메일: [gildong @ naver.com], 메일은 [gildong at naver dot com]"),
    (Entity.IP, "IP:[2406:7800:7dcf::11], address:[::ffff:51.244.89.209], [fe80::1:2]: timeout"),
    (Entity.IP, "접속 IP는 [10.20.30.40]에서"),
    (Entity.IP, "[192.168.0.1]:8080, IP[1.2.3.4]"),
    (Entity.IP, "[2001:db8::1]에서, [fe80::1]%eth0, [::ffff:192.168.1.20]"),
]  # fmt: skip

LEFT_ALONE = [
    "<<ACCOUNT_1>> 9999999999, 1234567890123 <<ACCOUNT_2>>",
    "고객센터 1588-1234, 1644-0000, 080-123-4567",
    "버전 1.2.3.4와 v10.20.30.40, kernel 5.15.0.91, Chrome 120.0.6099.109",
    "제1.2.3.4항, OID 1.3.6.1.4.1.25.101.12.1",
    "주문번호 20241103123456 입금 확인, 운송장번호 1234-5678-9012",
    "1234567890원을 입금했다. 입금액: 1234567890, ₩1234567890 송금",
    "2024-11-03 15:30:00 기준, 20241103153000 계좌",
    "카드 4111-1111-1111-1112는 틀린 번호",
    "991301-1234567, 900230-1234567",
    "법인등록번호 110111-1234567, 접수번호 850312-1234565",
    "쿠폰번호 4242-4242-4242-4242, order no. 4111-1111-1111-1111, id: 4111111111111111",
    "시리얼 M12345678, 예약번호 M12345678, M20241103, S/N m123a4567",
    "invoice no. 124-81-00998, 서울 1234567890, 통장 12.345678901",
    "우리 고객님 1234567890, 하나 더 주세요 1234567890",
    "meet @ home.com, look at example.com, 성공 이후, 공이 일사천리로",
    "123-45-67890은 검증 숫자가 틀리다",
    "1248100998 alone is any number",
    "110-123-456789 alone is any number",
    "icon@2x.png, git@github.com:o/r.git, user@localhost, react@18.2.0, @app.route",
    "12:34:56, std::vector<a1::b>, dead::beef, ::1, 00:1A:2B:3C:4D:5E",
    "127.0.0.1, 0.0.0.0",
    "550e8400-e29b-41d4-a716-446655440000 IMG_20241103_123456.jpg 37.566512, 126.978034",
    "AB010-1234-5678 and 010-1234-5678-9",
    "data:image/png;base64,iVBO010-1234-5678a/b+4111111111111111==",
    "![](data:text/plain,010-1234-5678)",
    "QUJD" * 16 + "+010/1234/5678+" + "QUJD" * 20,
]  # fmt: skip


def found(text: str) -> list[tuple[str, str]]:
    spans = Detector().find(fold(text), 0, opaque=False, final=True).spans
    return [(span.kind, text[span.start : span.end]) for span in spans if span.kind in set(Entity)]


@pytest.mark.parametrize(("entity", "marked"), FOUND)
def test_values_are_found_whole_with_particles_and_labels_glued_on(entity: Entity, marked: str) -> None:
    expected = [(entity, part.split("]")[0]) for part in marked.split("[")[1:]]
    assert found(marked.replace("[", "").replace("]", "")) == expected


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_only_looks_alike_is_left_alone(text: str) -> None:
    assert found(text) == []


def test_the_development_corpus_is_found_and_its_harmless_numbers_are_not() -> None:
    chance = Random(11)
    cases = [personal(entity, chance) for entity in MADE for _ in range(100)]
    missed = [case for case in cases if not any(fold(case.value).strip("(") in fold(value) for _, value in found(case.text))]
    flagged = [text for text in (harmless(chance).text for _ in range(1000)) if found(text)]
    assert len(missed) <= len(cases) * 0.02, missed
    assert len(flagged) <= 10, flagged


def test_lines_by_hand_are_found_and_their_look_alikes_are_left_alone() -> None:
    found_in = [(case, [fold(value) for kind, value in found(case.text) if kind == case.entity]) for case in lines.personal()]
    assert [case for case, values in found_in if not any(fold(case.value) in value for value in values)] == []
    assert [case.text for case in look_alikes.harmless() if found(case.text)] == []


def test_a_folded_text_is_as_long_as_it_was() -> None:
    text = "".join(map(chr, range(0x20, 0xD800))) + '\\n\\u00e9\\"'
    assert len(fold(text)) == len(text)


def test_check_digits_are_python_stdnums() -> None:
    chance = Random(3)
    for _ in range(500):
        head = f"{chance.randrange(100):02}0{chance.randrange(1, 10)}{chance.randrange(10, 29)}{chance.randrange(1, 5)}{chance.randrange(10**5):05}"
        right = rrn.calc_check_digit(head)
        assert [str(digit) for digit in range(10) if digits.resident(f"{head}{digit}", foreigner=False)] == [right]


@pytest.mark.parametrize(
    "text",
    [
        "1 " * 2000,
        "1-" * 2000,
        "9" * 4000,
        "a@" * 2000,
        "a.b-" * 1000,
        ":" * 4000,
        "<<A" * 1500,
        "((+1" * 1000,
        "계좌" * 2000,
        "서울 1" * 1000,
        "공일" * 2000,
        "a1 @" * 1500,
        "주문" * 2000,
        "m 1" * 1500,
        "a (at" * 1000,
    ],
)
def test_hostile_texts_take_steps_in_proportion_to_their_length(text: str) -> None:
    assert found(text) is not None
    assert Detector(Patterns({"own": "[a1-]{1,2}"})).find(text, 0, opaque=False, final=True).decided == len(text)


def test_no_rule_reads_beyond_its_window() -> None:
    mail = "a" * 60 + "@" + "b" * 60 + ".com"
    assert [value for _, value in found(mail + " 010-1234-5678")] == ["010-1234-5678"]
