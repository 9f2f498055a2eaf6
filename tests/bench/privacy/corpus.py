"""The development corpus: values in sentences, and harmless numbers in sentences. Its author knew the rules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import NamedTuple
from uuid import UUID

from bench.privacy.values import BANKS, MADE, digits
from thinmesh_gateway.privacy.entities import Entity


class Case(NamedTuple):
    """A text, and what in it is personal; nothing where it is harmless."""

    text: str
    entity: Entity | None = None
    value: str = ""


_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_PLACES = (
    "{}", "{}로 보내 주세요.", "제 것은 {}입니다", "확인 결과 {}가 맞습니다.", "({})", "'{}'", "{}, 그리고", "값={};", "→{}←", "{}.", "| {} |", "- {}\n",
    "please use {} for now.", "it is {}, right?", "<b>{}</b>", '"{}"', "{}은 제 동생 것이고", "홍길동/{}/서울",
)  # fmt: skip
_LABELS: dict[Entity, tuple[str, ...]] = {
    Entity.RESIDENT: ("주민등록번호 ", "주민번호: ", "RRN: ", "법인 대표의 ", "회원 가입 신청에 ", ""),
    Entity.FOREIGNER: ("외국인등록번호 ", ""),
    Entity.BUSINESS: ("사업자등록번호 ", "biz_no=", "business registration no. ", "공급받는자 ", ""),
    Entity.PASSPORT: ("여권번호 ", "passport no. ", '"passportNo": "', "예약 신청한 ", ""),
    Entity.LICENCE: ("운전면허번호 ", "면허: ", "DL no. ", ""),
    Entity.PHONE: ("연락처 ", "전화번호는 ", "HP ", "Tel. ", ""),
    Entity.CARD: ("카드번호 ", "결제 카드 ", "주문 취소는 ", "cardNumber=", ""),
    Entity.EMAIL: ("메일 ", "E-mail: ", "메일은", ""),
    Entity.IP: ("접속 IP ", "서버 ", ""),
}
_ACCOUNTS = (
    "{bank} {}",
    "{bank} 계좌 {}",
    "계좌번호는 {}",
    "{}({bank})",
    "{}로 입금해 주세요",
    "bank account {}",
    "{bank} {} 홍길동",
    "송금: {}",
)
_KOREAN = "오늘 회의는 오후 3시에 시작하며 자료는 2026년 11월 3일까지 준비합니다. 총액은 1,250,000원이고 지난달보다 12.5% 늘었습니다. "
_ENGLISH = "The meeting starts at 15:30 in room 402; the draft of 2026-11-03 has 18 pages, and version 2.4.1 fixes 37 issues. "


def personal(entity: Entity, chance: Random) -> Case:
    """A sentence with one value."""
    value = MADE[entity](chance)
    if chance.random() < 0.1:
        value = value.translate(_WIDE)
    elif " " in value and chance.random() < 0.3:
        value = value.replace(" ", "\u00a0")
    place = chance.choice(_PLACES)
    if entity is Entity.ACCOUNT:
        place = chance.choice(_ACCOUNTS).replace("{bank}", chance.choice([*BANKS]))
    else:
        place = place.replace("{}", chance.choice(_LABELS[entity]) + "{}")
    return Case(place.format(value), entity, value)


def _day(chance: Random) -> datetime:
    return datetime.fromtimestamp(chance.randrange(1_500_000_000, 1_800_000_000), UTC)


_HARMLESS: tuple[Callable[[Random], str], ...] = (
    lambda chance: f"주문번호 {digits(chance, chance.choice((10, 12, 13, 14, 16)))} 배송 시작",
    lambda chance: f"주문번호 {_day(chance):%Y%m%d}-{digits(chance, 7)} 입금 확인되었습니다",
    lambda chance: f"운송장번호 {digits(chance, 4)}-{digits(chance, 4)}-{digits(chance, 4)}",
    lambda chance: f"{chance.choice(('접수번호', '예약번호', '회원번호', 'order no.', 'ticket #', 'ref:', 'coupon code:'))} {digits(chance, 4)}-{digits(chance, 4)}-{digits(chance, 4)}-{digits(chance, 4)}",
    lambda chance: f"{chance.choice(('시리얼', 'serial no.', 'S/N', '예약번호는'))} M{digits(chance, 8)}",
    lambda chance: f"invoice no. {digits(chance, 3)}-{digits(chance, 2)}-{digits(chance, 5)}",
    lambda chance: f"{chance.choice(('서울', '부산', '제주'))} {chance.randrange(1, 99)}-{chance.randrange(1, 9999)} 번지",
    lambda chance: f"우리 고객 {digits(chance, 10)}건, 하나 더",
    lambda chance: f"meet at {chance.choice(('noon', 'home', 'office'))} (at gate {chance.randrange(99)})",
    lambda chance: f"invoice #{digits(chance, 10)} is due",
    lambda chance: f"고객센터 {chance.choice(('1588', '1577', '1644', '1661', '1899', '1800'))}-{digits(chance, 4)}로 문의하세요",
    lambda chance: f"무료 상담 080-{digits(chance, 3)}-{digits(chance, 4)}",
    lambda chance: f"버전 {chance.randrange(30)}.{chance.randrange(30)}.{chance.randrange(30)}.{chance.randrange(30)}에서 고쳤다",
    lambda chance: f"v{chance.randrange(20)}.{chance.randrange(200)}.{chance.randrange(200)}.{chance.randrange(200)} released",
    lambda chance: f"Chrome {chance.randrange(90, 150)}.0.{digits(chance, 4)}.{digits(chance, 3)}",
    lambda chance: f"{_day(chance):%Y-%m-%d %H:%M:%S} 기준",
    lambda chance: f"{_day(chance):%Y%m%d%H%M%S}에 만든 파일",
    lambda chance: f"{_day(chance).isoformat()} 로그",
    lambda chance: f"timestamp {int(_day(chance).timestamp() * 1000)}",
    lambda chance: f"{int(_day(chance).timestamp())} seconds",
    lambda chance: f"금액은 {int(digits(chance, chance.randrange(6, 12))):,}원입니다",
    lambda chance: f"계좌에 {digits(chance, 10)}원을 입금했다",
    lambda chance: f"ISBN 978-89-{digits(chance, 4)}-{digits(chance, 3)}-{chance.randrange(10)}",
    lambda chance: f"바코드 880{digits(chance, 10)}",
    lambda chance: f"위도 {chance.uniform(33, 39):.6f}, 경도 {chance.uniform(125, 130):.6f}",
    lambda chance: f"trace {UUID(int=chance.getrandbits(128))}",
    lambda chance: f"commit {chance.getrandbits(160):040x}",
    lambda chance: f"모델 {chance.choice('ABCXYZ')}{chance.choice('KLT')}-{digits(chance, 4)}",
    lambda chance: f"{chance.randrange(20)}:{chance.randrange(60):02}:{chance.randrange(60):02}에 시작",
    lambda chance: f"std::vector<a{chance.randrange(9)}::b> x{digits(chance, 5)};",
    lambda chance: f"우편번호 {digits(chance, 5)}, {digits(chance, 3)}동 {digits(chance, 4)}호",
    lambda chance: f"법인등록번호 110111-{digits(chance, 7)}",
    lambda chance: f"제{chance.randrange(1, 9)}.{chance.randrange(1, 9)}.{chance.randrange(1, 9)}.{chance.randrange(1, 9)}항",
    lambda chance: f"쿠폰 {digits(chance, 4)}-{digits(chance, 4)}-{digits(chance, 4)}-{digits(chance, 4)}",
    lambda chance: f"icon{chance.randrange(9)}@{chance.randrange(2, 4)}x.png를 올렸다",
    lambda chance: f"npm i left-pad@{chance.randrange(9)}.{chance.randrange(99)}.{chance.randrange(99)}",
    lambda chance: f"인구는 {int(digits(chance, 8)):,}명, 면적은 {digits(chance, 6)}.{digits(chance, 2)}㎢",
    lambda chance: f"특허 10-{_day(chance):%Y}-{digits(chance, 7)}",
    lambda chance: f"사건번호 {_day(chance):%Y}가단{digits(chance, 6)}",
    lambda chance: f"{digits(chance, 3)}-{digits(chance, 2)}-{digits(chance, 4)} 부품",
    lambda chance: f"pi는 3.{digits(chance, 20)}",
)  # fmt: skip


def harmless(chance: Random) -> Case:
    """A sentence with a number that is nobody's."""
    return Case(chance.choice(_HARMLESS)(chance))


def prompt(chance: Random, characters: int) -> str:
    """A text of that length as it is sent to models: mostly words, some numbers, some of them personal."""
    pieces: list[str] = []
    while sum(map(len, pieces)) < characters:
        pieces.append(chance.choice((_KOREAN, _ENGLISH, _KOREAN)))
        pieces.append(harmless(chance).text if chance.random() < 0.5 else personal(chance.choice([*MADE]), chance).text)
    return " ".join(pieces)[:characters]
