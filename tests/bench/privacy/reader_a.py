"""Texts by a second reader, who wrote them from public formats without seeing the engine's rules or its own corpus.

They were committed before the engine was first asked about them, and are not to be tuned to it, nor it to them.
"""

# ruff: noqa: RUF001, SIM905, PLC3002
from __future__ import annotations

import ipaddress
import itertools
import json
import uuid
from collections.abc import Callable
from datetime import date, datetime, timedelta
from random import Random
from typing import NamedTuple

import phonenumbers
from stdnum import ean, isbn, luhn
from stdnum.kr import brn, rrn

from bench.privacy.corpus import Case
from thinmesh_gateway.privacy.entities import Entity

_COUNTS = {Entity.PHONE: 420, Entity.ACCOUNT: 340}
_COUNT, _HARMLESS = 220, 80


class Told(NamedTuple):
    case: Case
    pattern: str
    labelled: bool = True


def fill(r: Random, shape: str) -> str:
    """A digit for #, one from 1 to 9 for $, a capital for ^; the rest as it is."""
    by = {"#": "0123456789", "$": "123456789", "^": "ABCDEFGHJKLMNPRSTUVWXYZ"}
    return "".join(r.choice(by[letter]) if letter in by else letter for letter in shape)


def some(r: Random, shapes: str) -> str:
    return fill(r, r.choice(shapes.split()))


def day(r: Random, first: date = date(1940, 1, 1), last: date = date(2024, 12, 31)) -> date:
    return first + timedelta(r.randrange((last - first).days))


# --- Personal values ---------------------------------------------------------------------------------------------------


def _registration(r: Random, *, foreign: bool) -> tuple[str, str]:
    recent = r.random() < 0.4
    born = day(r, date(2020, 10, 5)) if recent and not foreign and r.random() < 0.7 else day(r)
    digit = (4 if foreign else 0) + (1 if born.year < 2000 else 3) + r.randrange(2)
    head = f"{born:%y%m%d}{digit}"
    while True:
        number = head + fill(r, "######")
        if not recent:
            check = rrn.calc_check_digit(number[:-1])
            number = number[:-1] + (str((int(check) + 2) % 10) if foreign else check)
            if not foreign and not rrn.is_valid(number):
                continue
        separator = r.choice(("-", "-", "-", "-", "", "", " - ", " ", "–", "- "))
        age = "since 10/2020" if recent else "with check digit"
        return number[:6] + separator + number[6:], f"{age}, separator {separator!r}"


def resident(r: Random) -> tuple[str, str]:
    return _registration(r, foreign=False)


def foreigner(r: Random) -> tuple[str, str]:
    return _registration(r, foreign=True)


def business(r: Random) -> tuple[str, str]:
    while True:
        number = fill(r, "$########")
        total = sum(int(n) * w for n, w in zip(number, (1, 3, 7, 1, 3, 7, 1, 3, 5), strict=True)) + int(number[8]) * 5 // 10
        number += str(-total % 10)
        if brn.is_valid(number):
            separator = r.choice(("-", "-", "-", "-", "", "", " ", " - ", "–", "."))
            return separator.join((number[:3], number[3:5], number[5:])), f"separator {separator!r}"


def passport(r: Random) -> tuple[str, str]:
    form = r.choice(("old M", "old M", "old other", "new", "new", "new", "lower case", "spaced"))
    if form == "new":
        return r.choice("MMMSRD") + fill(r, "###^####"), form
    if form == "lower case":
        return "m" + fill(r, r.choice(("########", "###^####"))).lower(), form
    return ("M " if form == "spaced" else "M" if form == "old M" else r.choice("SRDG")) + fill(r, "########"), form


def licence(r: Random) -> tuple[str, str]:
    area, where = (r.choice((*range(11, 27), 28)), r.choice("서울 부산 경기 강원 충북 충남 전북 전남 경북 경남 제주 대구 인천 광주 대전 울산".split()))  # fmt: skip
    parts = [str(area), f"{day(r, date(1975, 1, 1)):%y}", fill(r, "######"), fill(r, "##")]
    form = r.choice(("-", "-", "-", "-", "", " ", " - ", "region ", "region-", "–"))
    if form.startswith("region"):
        return where + form[6:] + "-".join(parts[1:]), form
    return form.join(parts), f"separator {form!r}"


def phone(r: Random) -> tuple[str, str]:
    kind, shapes = r.choice((
        ("mobile", "010 $### ####|010 $### ####|010 $### ####|011 $## ####|016 $## ####|019 $## ####|017 $## ####"), ("mobile", "010 $### ####"), ("070", "070 $### ####"),
        ("landline", "02 $## ####|02 $### ####|031 $## ####|032 $## ####|051 $## ####|053 $## ####|042 $## ####|062 $## ####|064 $## ####|055 $## ####|031 $### ####"),
        ("050x", "0502 $## ####|0503 $### ####|0504 $## ####|0505 $## ####|0507 $### ####|0508 $### ####|0506 $## ####"),
        ("+82", "010 $### ####|010 $### ####|02 $### ####|031 $## ####|070 $### ####|011 $## ####"),
    ))  # fmt: skip
    while True:
        area, middle, last = r.choice(shapes.split("|")).split()
        parts = area, fill(r, middle), fill(r, last)
        number = phonenumbers.parse("".join(parts), "KR")
        if phonenumbers.is_valid_number(number):
            break
    if kind == "+82":
        area = parts[0][1:]
        form = r.choice(("+82-{a}-{b}-{c}", "+82 {a} {b} {c}", "+82 {a}-{b}-{c}", "+82{a}{b}{c}", "+82-{a}{b}{c}", "+82 (0){a}-{b}-{c}", "(+82) {a}-{b}-{c}", "82-{a}-{b}-{c}", "+82) {a}-{b}-{c}", "+82.{a}.{b}.{c}", "+82 {a} {b}{c}", "+82(0){a} {b} {c}", "0082-{a}-{b}-{c}"))  # fmt: skip
        return form.format(a=area, b=parts[1], c=parts[2]), f"{kind}: {form}"
    form = r.choice(("{a}-{b}-{c}",) * 4 + ("{a}{b}{c}", "{a}{b}{c}", "{a} {b} {c}", "{a}.{b}.{c}", "{a}){b}-{c}", "({a}) {b}-{c}", "({a}){b}-{c}", "{a}) {b}-{c}", "{a} - {b} - {c}", "{a}-{b} {c}", "{a}/{b}/{c}", "{a}–{b}–{c}", "{a}·{b}·{c}", "{a} {b}-{c}", "{a}-{b}{c}", "{a}_{b}_{c}"))  # fmt: skip
    return form.format(a=parts[0], b=parts[1], c=parts[2]), f"{kind}: {form}"


_BANKS = {
    "국민 국민은행 KB KB국민은행": "$#####-##-###### $##-##-####-###", "신한 신한은행": "110-###-###### 140-###-###### $##-##-######", "우리 우리은행": "1002-###-###### 1005-###-######", "하나 하나은행 KEB하나": "$##-910###-##$07 $##-890###-##$04",
    "농협 농협은행 NH농협": "301-####-####-#1 302-####-####-#1 352-####-####-#3 $##-##-###### $#####-51-######", "기업 기업은행 IBK": "$##-######-01-### $##-######-##-01#", "카카오뱅크 카뱅 카카오": "3333-##-####### 3355-01-####### 7979-12-#######",
    "토스뱅크 토스": "1000-####-#### 1001-####-####", "케이뱅크 케뱅": "100-1##-###### 100-###-######", "SC제일은행 제일은행": "$##-20-###### $##-10-######", "씨티은행": "$##-#####-26# $##-######-26#", "우체국": "$#####-02-###### $#####-01-######",
    "새마을금고 MG새마을금고": "9002-####-####-# 9003-$###-####-#", "신협": "131-###-###### 132-0##-######", "수협": "1010-####-#### 2020-####-####", "부산은행 BNK부산": "112-2###-####-## 101-2###-####-##", "대구은행 iM뱅크": "508-##-######-# 505-10-######-#",
    "광주은행": "$##-107-###### $##-121-######", "전북은행": "1013-01-####### 1021-01-#######", "경남은행": "207-0###-####-## 221-0###-####-##", "제주은행": "$#-01-###### $#-02-######", "산업은행 KDB산업은행": "020-########-### 013-########-###",
}  # fmt: skip
_bank = ""


def account(r: Random) -> tuple[str, str]:
    global _bank  # noqa: PLW0603 - the templates name the bank whose format it is
    names = r.choice(list(_BANKS))
    _bank = r.choice(names.split())
    shape = r.choice(_BANKS[names].split())
    separator = r.choice(("-", "-", "-", "-", "", "", " ", " - "))
    return fill(r, shape).replace("-", separator), f"{names.split()[0]} {'-'.join(str(len(p)) for p in shape.split('-'))}, separator {separator!r}"  # fmt: skip


def card(r: Random) -> tuple[str, str]:
    issuer, head, size = r.choice((
        ("Visa", "4", 16), ("Visa", "4", 16), ("Mastercard", str(r.randint(51, 55)), 16), ("Mastercard 2", str(r.randint(2221, 2720)), 16), ("Amex", r.choice(("34", "37")), 15),
        ("JCB", str(r.randint(3528, 3589)), 16), ("Diners", "36", 14), ("UnionPay", "62", 16), ("domestic 9", r.choice(("94", "9409", "9410", "9490", "95")), 16), ("Discover", "6011", 16), ("Maestro", "6759", 16),
    ))  # fmt: skip
    number = head + fill(r, "#" * (size - 1 - len(head)))
    number += luhn.calc_check_digit(number)
    assert luhn.is_valid(number)
    cuts = {16: (0, 4, 8, 12, 16), 15: (0, 4, 10, 15), 14: (0, 4, 10, 14)}[size]
    separator = r.choice(("-", "-", "-", " ", " ", "", "", " - ", ".", "–", "/"))
    return separator.join(number[a:b] for a, b in itertools.pairwise(cuts)), f"{issuer}, separator {separator!r}"


def email(r: Random) -> tuple[str, str]:
    form, who = r.choice((("plain", "{a}{n}"), ("dots", "{a}.{b}"), ("plus", "{a}.{b}+{c}"), ("plus", "{a}+{c}{n}"), ("under", "{a}_{b}{n}"), ("hyphen", "{a}-{b}"), ("upper", "{A}.{B}"), ("short", "{x}"), ("digits", "{n}{n}"), ("odd", "{a}.{b}.{c}{n}")))  # fmt: skip
    first, last = (r.choice("minsu jiwoo seoyeon kim lee park choi alex jordan dahye hana junho sora tom maria".split()) for _ in "ab")  # fmt: skip
    who = who.format(a=first, b=last, A=first.title(), B=last.upper(), c=r.choice(("news", "shop", "2024", "spam")), n=r.randint(1, 9999), x=r.choice("abcxyz"))  # fmt: skip
    host = r.choice("naver.com gmail.com hanmail.net daum.net kakao.com nate.com outlook.com snu.ac.kr cs.kaist.ac.kr mail.corp.example-shop.co.kr dev.team.io proton.me icloud.com yonsei.ac.kr sub-domain.my-company.kr mail.go.kr studio.photography x.ai 163.com mx1.eu.example.org GMAIL.COM".split())  # fmt: skip
    return f"{who}@{host}", f"{form} at {host}"


def ip(r: Random) -> tuple[str, str]:
    if r.random() < 0.55:
        private = r.random() < 0.2
        while True:
            address = ipaddress.IPv4Address(r.getrandbits(32))
            if address.is_global and not address.is_multicast:
                break
        return (r.choice(("192.168.{}.{}", "10.0.{}.{}", "172.16.{}.{}")).format(r.randrange(256), r.randint(1, 254)) if private else str(address)), "IPv4 private" if private else "IPv4"  # fmt: skip
    head = r.choice((0x20010DB8, 0x24067800, 0x20012D80, 0x240E0000, 0x2A001450)) << 96
    form = r.choice(("full", "compressed", "compressed", "long zeroes", "upper", "link-local", "mapped", "unique local"))
    address6 = ipaddress.IPv6Address(head | (r.getrandbits(96) if form in {"full", "upper"} else r.getrandbits(16) << 80 | r.getrandbits(r.choice((8, 16, 32)))))  # fmt: skip
    values = {
        "full": str(address6), "compressed": str(address6), "long zeroes": address6.exploded, "upper": str(address6).upper(), "link-local": str(ipaddress.IPv6Address(0xFE80 << 112 | r.getrandbits(64))),
        "mapped": f"::ffff:{ipaddress.IPv4Address(r.getrandbits(32))}", "unique local": str(ipaddress.IPv6Address(0xFD << 120 | r.getrandbits(120))),
    }  # fmt: skip
    return values[form], f"IPv6 {form}"


# --- How people write them ---------------------------------------------------------------------------------------------

_VALUES: dict[Entity, Callable[[Random], tuple[str, str]]] = {
    Entity.RESIDENT: resident, Entity.FOREIGNER: foreigner, Entity.BUSINESS: business, Entity.PASSPORT: passport, Entity.LICENCE: licence,
    Entity.PHONE: phone, Entity.ACCOUNT: account, Entity.CARD: card, Entity.EMAIL: email, Entity.IP: ip,
}  # fmt: skip
_LABELS: dict[Entity, list[str]] = {
    Entity.RESIDENT: "주민등록번호|주민번호|주민 등록 번호|주민번호 뒷자리까지|내 주민|RRN|resident registration number|주민등록번호(본인)|생년월일+뒷자리".split("|"),
    Entity.FOREIGNER: "외국인등록번호|외국인 등록번호|외국인번호|등록외국인 번호|ARC 번호|ARC number|alien registration number|외국인등록증 번호|체류카드 번호|foreigner registration no.".split("|"),
    Entity.BUSINESS: "사업자등록번호|사업자번호|사업자 등록 번호|사업자|BRN|business registration number|biz reg no.|세금계산서용 사업자번호|등록번호|공급받는자 사업자번호".split("|"),
    Entity.PASSPORT: "여권번호|여권 번호|여권|passport number|passport no|Passport No.|여권번호(신형)|예약자 여권|PASSPORT|여권 넘버".split("|"),
    Entity.LICENCE: "운전면허번호|면허번호|운전면허|면허증 번호|driver's license|driver licence no.|운전면허증 번호|면허 번호|1종보통 면허번호|DL number".split("|"),
    Entity.PHONE: "전화번호|연락처|핸드폰|휴대폰|폰번호|휴대전화 번호|번호|TEL|Tel.|phone|mobile|cell|H.P|직통|집전화|안심번호|팩스|☎|📞|call me at".split("|"),
    Entity.ACCOUNT: "계좌번호|계좌|입금계좌|환불계좌|입금 계좌번호|account number|bank account|급여계좌|송금할 계좌|통장번호".split("|"),
    Entity.CARD: "카드번호|카드 번호|신용카드|체크카드 번호|card number|credit card|card no.|결제카드|법카|법인카드 번호".split("|"),
    Entity.EMAIL: "이메일|메일|메일주소|email|e-mail|E-mail|이메일 주소|회사 메일|contact|세금계산서 메일".split("|"),
    Entity.IP: "IP|아이피|IP 주소|접속 IP|client ip|remote_addr|서버 아이피|source IP|공인 IP|IP address".split("|"),
}  # fmt: skip
_SEPARATORS = (" ", " ", ": ", ": ", ":", " : ", "는 ", "은 ", "가 ", "(", " = ", "\n", " → ", "\t", "\u00a0", "：", " - ")  # fmt: skip
_SENTENCES = [
    "민원 서류 쓰는데 {}입니다 확인 좀 해주세요", "아까 말한 거 {}이에요~", "{}로 조회해 주세요.", "이거 제 거 맞죠? {}요", "안녕하세요, {}인데 처리가 아직 안 됐나요?", "{}라고 적어 놨던데 오타인지 봐줘", "신청서에 {}을 적어야 하나요", "{}를 아래 양식에 맞게 정리해줘",
    "엄마 것은 {}이고 나머지는 나중에 알려드릴게요", "정보 수정 부탁드려요. {}만 바꾸면 돼요", '다음 내용을 영어로 번역해 주세요.\n\n"{}"', "고객 문의:\n{}\n답변 초안 작성해줘", "ㅇㅇ {} ㅇㅋ?", "참고로 {}(본인 명의)입니다", "저장해줘!! {}!!", "{}\n이렇게 나오는데 왜 그런 거예요?",
    "팀장님이 {}까지 보내라고 하셨어요", "[신청인 정보] {} / 서울 거주", "<{}> 이 부분만 지워줘", "‘{}’이라고 문자 왔는데 스팸인가요", "「{}」 확인 요망", "회의록: 담당자 정보 {}, 회의 시간 3시", "• {}", "1. {}\n2. 주소는 추후 안내", "{}임", "{}에서 오류가 났대요", "제가 {}한테 연락하면 되는 건가요?",
    "Hi, can you update my profile with {}?", "My info: {}. Thanks!", 'Please summarise this ticket: user wrote "{}" and left.', "I entered {} but the form says invalid", "hey it's {}, lmk", "Dear team,\n\n{}\n\nBest,\nMinsu", "FYI {} 로 등록했어요 please check", "Is ({}) the right format?", "translate to korean: {}.",
]  # fmt: skip
_RAW = [
    '{{"name": "김민수", "{key}": "{v}"}}', '{{"{key}":"{v}","memo":null}}', "| 이름 | {key} |\n|---|---|\n| 김민수 | {v} |", "이름,{key}\n김민수,{v}", "name\t{key}\nminsu\t{v}\n", "{key}: {v}\nname: minsu\n", "<{key}>{v}</{key}>", "UPDATE users SET {key}='{v}' WHERE id=7;", "2024-03-15 10:22:31 WARN save {key}={v} failed", "print('{v}')  # {key}",
]  # fmt: skip
_KEYS = dict(zip(_VALUES, ("rrn", "arc_no", "biz_no", "passport_no", "license_no", "phone", "account_no", "card_no", "email", "ip"), strict=True))  # fmt: skip
_ACCOUNTS = [
    "{b} {v} 으로 보내주세요", "{b} {v} 김민수", "{v} {b}이요", "{v} ({b}, 예금주 김민수)", "계좌는 {b} {v}이에요", "입금은 {b} {v}로 부탁드려요", "{b}은행 계좌 {v}로 이체해줘", "{b}: {v}", "회비 3만원 {b} {v} 로 송금 ㄱㄱ", "환불받을 계좌 - {b} / {v} / 김민수",
    "예금주 김민수\n은행 {b}\n계좌번호 {v}", "제 계좌번호 {v} 입니다 {b}요", "please wire it to {b} account {v}", '{{"bank":"{b}","account":"{v}"}}', "| 은행 | 계좌번호 |\n|---|---|\n| {b} | {v} |", "{b}({v})으로 입금했습니다", "월세는 매달 25일 {b} {v}에 넣으면 돼", "통장 {b}\n{v}\n맞는지 봐줘", "bank account no. {v} ({b})", "{b}\u00a0{v}\u00a0홍길동",
]  # fmt: skip


def _with(label: str, separator: str) -> str:
    """The particle that follows the label's last sound."""
    closed = "가" <= label[-1] <= "힣" and (ord(label[-1]) - 0xAC00) % 28 > 0
    return label + ({"는 ": "은 ", "가 ": "이 "} if closed else {"은 ": "는 "}).get(separator, separator)


def _styled(r: Random, entity: Entity, value: str) -> tuple[str, str]:
    """Now and then as a Korean keyboard or a copied document has it."""
    chance = r.random()
    if entity in {Entity.EMAIL, Entity.IP} or chance > 0.12:
        return value, ""
    if chance < 0.04:
        return value.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)}), ", full width"
    if chance < 0.06:
        return value.translate({code: code + 0xFEE0 for code in range(0x30, 0x3A)}), ", full-width digits"
    if chance < 0.09 and " " in value:
        return value.replace(" ", "\u00a0"), ", NBSP"
    return (value.replace("-", r.choice("\u2010\u2011\u2212\u2014")), ", odd hyphen") if "-" in value else (value, "")


def personal(r: Random) -> list[Told]:
    told: list[Told] = []
    for entity, make in _VALUES.items():
        for _ in range(_COUNTS.get(entity, _COUNT)):
            value, pattern = make(r)
            value, style = _styled(r, entity, value)
            labelled, kind = True, r.random()
            if entity is Entity.ACCOUNT and kind < 0.75:
                text = r.choice(_ACCOUNTS).format(b=_bank, v=value)
            elif kind < 0.2:
                text = r.choice(_RAW).format(key=r.choice((_KEYS[entity], _LABELS[entity][0])), v=value)
            else:
                labelled = entity is Entity.ACCOUNT or r.random() < 0.7
                separator = r.choice(_SEPARATORS)
                label = _with(r.choice(_LABELS[entity]), separator) if labelled else ""
                text = r.choice(_SENTENCES).format(label + value + (")" if labelled and separator == "(" else ""))
            assert text.count(value) == 1, text
            told.append(Told(Case(text, entity, value), pattern + style, labelled))
    return told


# --- Harmless texts ----------------------------------------------------------------------------------------------------


def _moment(r: Random) -> datetime:
    return datetime(2019, 1, 1) + timedelta(seconds=r.randrange(7 * 365 * 86400))  # noqa: DTZ001 - only its digits


def _won(r: Random) -> str:
    return f"{r.choice((100, 1000, 10000)) * r.randint(1, 99999):,}"


def _hex(r: Random, size: int) -> str:
    return f"{r.getrandbits(4 * size):0{size}x}"


_KINDS: dict[str, Callable[[Random], str]] = {
    "order numbers": lambda r: r.choice(("주문번호 {}", "주문번호: {}", "주문 {}번", "order #{}", "Order ID {}", "예약번호 {}")).format(r.choice((f"{_moment(r):%Y%m%d}-{fill(r, '#######')}", f"{_moment(r):%Y%m%d%H%M%S}{fill(r, '##')}", fill(r, "$###########"), fill(r, "$#########"), some(r, "^^^-###### 112-#######-####### ^#^#^^ ORD-####-#### 2024-######-##")))),
    "prices": lambda r: r.choice((f"총 {_won(r)}원", f"₩{_won(r)}", f"{r.randint(1, 9999):,}.{fill(r, '##')} USD", f"{fill(r, '$######')}원", f"{_won(r)}원 → {_won(r)}원", f"합계 {_won(r)}, 부가세 {_won(r)}")),
    "dates": lambda r: _moment(r).strftime(r.choice(("%Y-%m-%d", "%Y.%m.%d", "%y/%m/%d", "%Y%m%d", "%Y년 %m월 %d일", "%y%m%d", "%d-%m-%Y", "%Y.%m.%d-%Y.12.31"))),
    "times": lambda r: _moment(r).strftime(r.choice(("%H:%M:%S", "오후 %I:%M", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%d %H:%M:%S+09:00", "%Y%m%d%H%M%S", "%a %b %d %H:%M:%S %Y"))) if r.random() < 0.7 else r.choice((f"timestamp {r.randrange(1500000000, 1800000000)}", f"ts={r.randrange(1500000000000, 1800000000000)}", f"{r.randint(9, 12)}:00-{r.randint(13, 18)}:30")),
    "versions": lambda r: some(r, "3.11.# v2.$#.#-rc1 120.0.6099.$## 10.0.19$##.$### 1.2$.# node@18.1#.# @types/node@20.11.# nginx:1.25.# torch==2.#.1+cu12# iOS~17.#.1 JDK~17.0.#+# 버전~2.#.$.# v1.$#.#.$ 5.15.0-$##-generic kernel~6.#.$# com.android.tools:gradle:8.1.#").replace("~", " "),
    "coordinates": lambda r: r.choice((f"{37 + r.random():.6f}, {126 + r.random():.6f}", f"위도 {35 + r.random():.4f} 경도 {128 + r.random():.4f}", f"({r.random() * 90:.8f},{r.random() * 180:.8f})", f"37°{r.randint(0, 59)}'{r.randint(0, 59)}\"N 126°{r.randint(0, 59)}'E", f"x=9{fill(r, '#####.####')} y=19{fill(r, '#####.####')}")),
    "tracking numbers": lambda r: r.choice(("송장번호 {}", "운송장 {}", "CJ대한통운 {}", "우체국택배 등기번호 {}", "tracking no. {}", "한진택배 {}")).format(some(r, "6########### $####-####-#### $############ $###-####-#### EG#########KR 1Z###^^$######### $########### $######### 68###-####-####")),
    "ISBN and EAN": lambda r: r.choice((lambda n: f"ISBN {isbn.format(n + ean.calc_check_digit(n))}", lambda n: f"ISBN: {n + ean.calc_check_digit(n)}", lambda n: n + ean.calc_check_digit(n)))(fill(r, r.choice(("97889#######", "97911#######")))) if r.random() < 0.6 else (lambda n: f"바코드 {n}{ean.calc_check_digit(n)}")(fill(r, "8801########")),
    "UUIDs": lambda r: str(uuid.UUID(int=r.getrandbits(128), version=4)),
    "hashes": lambda r: r.choice(("sha256:{}", "md5 {}", "commit {}", "{}", "0x{}")).format(_hex(r, r.choice((7, 12, 32, 40, 64)))),
    "code": lambda r: r.choice((f"x = [{', '.join(str(r.randrange(10 ** r.randint(1, 6))) for _ in range(8))}]", f"#define MAX_LEN {r.randrange(10**9)}", f"0x{_hex(r, 8)} + 0b{r.getrandbits(16):b}", f"SELECT * FROM t WHERE id IN ({fill(r, '$#####')}, {fill(r, '$#####')}) LIMIT 100", f"for (int i = 0; i < {r.randrange(10**7)}; i++)", f"std::array<int, {r.randint(1, 99)}> a; ns::f{r.randint(1, 9)}(a);", f"color: #{_hex(r, 6)}; margin: 10px 20px {r.randint(1, 99)}px", f"assert f({r.random()}) == {r.random()}", f"r'^\\d{{{r.randint(2, 4)}}}-\\d{{4}}$'", f"seed={fill(r, '$#########')}", f"@app.get('/v1/items/{fill(r, '$####')}')", f"Segfault at 0x00007ff{_hex(r, 9)} line {r.randint(1, 999)}", f"localhost:{r.randint(3000, 9999)}/api?page={r.randint(1, 99)}&size=20")),
    "public numbers": lambda r: r.choice(("고객센터 {}", "대표번호 {}", "문의 {}", "콜센터는 {}", "{}")).format(some(r, "1588-#### 1577-#### 1544-#### 1566-#### 1600-#### 1661-#### 1644-#### 1670-#### 1899-#### 1833-#### 1522-#### 1588#### 1588.####") if r.random() < 0.85 else r.choice(("119", "112", "114", "1330", "1345", "120"))),
    "model names": lambda r: some(r, "SM-S###N RTX-40## i7-13$##K LG-27GP9## A2### WH-1000XM5 DCB###-### ThinkPad-X1-Gen-$# KQ65QC##AFXKR MX-2###-$$ EOS-R6 STM32F4##VGT6 iPhone15,# R9-7950X3D F-2###G 990-PRO-2TB M###^##"),
    "statistics": lambda r: r.choice((f"인구 {r.randrange(10**7, 6 * 10**7):,}명", f"p=0.{fill(r, '####')}, n={r.randint(10, 99999)}", f"평균 {r.random() * 100:.2f}±{r.random():.3f}", f"95% CI [{r.random():.4f}, {1 + r.random():.4f}]", f"전년 대비 {r.random() * 30:.1f}% 증가 ({r.randint(1000, 9999)}→{r.randint(1000, 9999)})", f"loss {r.random():.16f} step {r.randrange(10**6)}", f"조회수 {r.randrange(10**8)}회", f"상위 {r.randint(1, 9)}/{r.randint(10, 99)}")),
    "math": lambda r: (lambda a, b: r.choice((f"{a} × {b} = {a * b}", f"{a}+{b}={a + b}", f"{a}-{b}={a - b}", f"sqrt({a}) ≈ {a**0.5:.10f}", f"2^{a % 90 + 10} = {2 ** (a % 90 + 10)}", f"{b}! mod {a}", f"{a / b:.15f}", f"수열 {a % 9}, {a % 97}, {b % 997}, {a % 9973}, {b % 99991}")))(r.randrange(1, 10**7), r.randrange(1, 10**7)),
    "logs": lambda r: f"[{_moment(r)}] {r.choice(('INFO', 'ERROR'))} pid={r.randint(1, 99999)} req={_hex(r, 16)} took {r.random() * 999:.3f}ms status={r.choice((200, 404, 500))} bytes={r.randrange(10**7)}",
    "stocks": lambda r: r.choice((f"코스피 {r.randint(2000, 3000):,}.{fill(r, '##')}", f"삼성전자(005930) {_won(r)}원", f"ISIN KR7{fill(r, '######')}00{fill(r, '#')}", f"환율 1,{fill(r, '3##.##')}원", f"거래량 {r.randrange(10**8):,}주", f"BTC {r.randrange(10**5):,}.{fill(r, '##')}달러")),
    "corporate numbers": lambda r: f"법인등록번호 {some(r, '110111-0###### 110111-$###### 131111-####### 180111-####### 110111#######')}",
    "case and patents": lambda r: some(r, "특허@10-2023-####### 제10-$######호 2023가단$##### 2022도$#### 제2024-###호 출원번호@10-2021-0$##### 상표@40-2022-0$##### 고시@제2023-$##호 US@11,$##,###@B2 의안번호@21#####").replace("@", " "),
    "post and floors": lambda r: r.choice((f"우편번호 {fill(r, '0####')}", f"테헤란로 {r.randint(1, 600)} {r.randint(1, 30)}층 {r.randint(101, 3001)}호", f"{r.randint(101, 120)}동 {r.randint(101, 2500)}호", f"지번 {r.randint(1, 999)}-{r.randint(1, 99)}")),
    "sport and lotteries": lambda r: r.choice((f"로또 {fill(r, '11##')}회 {', '.join(map(str, sorted(r.sample(range(1, 46), 6))))}", f"세트스코어 25-{r.randint(10, 23)} {r.randint(10, 23)}-25 25-{r.randint(10, 23)}", f"{r.randint(0, 12)}:{r.randint(0, 12)} 승", f"타율 0.{fill(r, '3##')} 홈런 {r.randint(1, 50)}", f"기록 {r.randint(2, 4)}:{fill(r, '$#')}:{fill(r, '$#')}.{fill(r, '##')}")),
    "flights and trains": lambda r: f"{r.choice(('KE', 'OZ', '7C', 'LJ'))}{fill(r, '$###')} {_moment(r):%m/%d %H:%M} ICN-NRT {r.randint(1, 50)}{r.choice('ABC')}, PNR {fill(r, '^#^^#^')}, KTX {fill(r, '$##')} 열차 {r.randint(1, 18)}호차",
    "MAC addresses": lambda r: r.choice((":", "-")).join(_hex(r, 2).upper() for _ in range(6)),
    "measures": lambda r: r.choice((f"{r.randint(150, 190)}cm {r.random() * 90:.1f}kg", f"{r.choice((1920, 2560, 3840))}x{r.choice((1080, 1440, 2160))}", f"12V {r.random() * 9:.2f}A {r.randint(100, 999)}W", f"{r.random() * 100:.3f}㎡({r.randint(10, 60)}평)", f"혈압 {r.randint(100, 150)}/{r.randint(60, 99)} 혈당 {r.randint(80, 200)}", f"M{r.randint(3, 12)}×{r.randint(10, 80)} 볼트 {r.randint(1, 9999)}개")),
    "JSON": lambda r: json.dumps({"id": r.randrange(10 ** r.randint(4, 12)), "total": r.randrange(10**7), "at": str(_moment(r)), "rate": r.random(), "items": [r.randrange(999) for _ in range(4)]}),
    "papers": lambda r: some(r, "pp.@$##-2## doi:10.1145/3######.3###### arXiv:23##.$#### vol.@$#,@no.@# ISSN@$###-#### RFC@9$## ISO/IEC@27001:2022 KS@X@1001:2004 doi.org/10.1038/s41586-023-0####-#").replace("@", " "),
    "serials and keys": lambda r: f"{r.choice(('S/N', '시리얼', '쿠폰번호', '제품키', '인증번호', '접수번호', '회원번호', 'ticket'))} {some(r, '$###-####-#### ^^^^#-##^^^-^#^#^-##### ###### $####### $######### ^#^^-##^#-^^## 2024-$##### $###-####-####-####')}",
    "long IDs": lambda r: f"{r.choice(('snowflake', 'tweet', 'message_id', '게시글 ID', 'trace'))} {fill(r, r.choice(('$#################', '$##################', '$################', '$###########')))}",
    "tables": lambda r: "| 월 | 매출 | 건수 |\n|---|---|---|\n" + "\n".join(f"| {_moment(r):%Y-%m} | {_won(r)} | {r.randint(1, 9999)} |" for _ in range(3)),
    "CSV": lambda r: "id,x,y,n\n" + "\n".join(f"{fill(r, '$####')},{r.random():.4f},{-r.random():.4f},{fill(r, '$#####')}" for _ in range(3)),
}  # fmt: skip
_HARMLESS_SENTENCES = [
    "{}", "{} 이거 뭔가요?", "{}로 확인 부탁드려요", "{}인데 왜 안 되죠", "다음을 정리해줘: {}", "어제 {}이라고 나왔어요", "({})", '"{}"의 의미를 설명해 주세요.', "제가 받은 건 {}이고 문의드립니다.", "What does {} mean?", "I got {} yesterday, is that right?", "메모\n- {}\n- 우유 사기", "`{}`", "{}까지만 알려줘", "고객님, {} 안내드립니다.", "explain: {}", "{}\n위 내용 번역해줘",
]  # fmt: skip


def harmless(r: Random) -> list[Told]:
    return [
        Told(Case(r.choice(_HARMLESS_SENTENCES).format(make(r))), kind)
        for kind, make in _KINDS.items()
        for _ in range(_HARMLESS)
    ]
