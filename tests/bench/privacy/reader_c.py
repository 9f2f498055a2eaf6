"""Texts of a blind reader, the third: personal data as people write it, and numbers that are not personal.

Written by reader C, who knew the public formats and the two types below, and had seen neither the detector, its pages and
tests, nor the other corpora. The texts were committed before the detector was asked about them, and are not to be fitted to
it. About a fifth of the values is written unusually (full-width digits, other separators, no-break spaces); a value always
has a format that speaks for itself, or words around it that say what it is.

In the patterns `¦` and the line's end part two patterns, a leading `~` says that no label names the value, `$v` is the value,
`$word` another filling, `#` a digit, `♯` a hash sign, `⏎` a new line, `⇥` a tab and `⍽` a no-break space.
"""

# ruff: noqa: RUF001  full-width characters and dashes are what the cases are about

import ipaddress
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import islice
from random import Random
from typing import NamedTuple

import phonenumbers
from stdnum import luhn
from stdnum.kr import rrn

from bench.privacy.corpus import Case
from thinmesh_gateway.privacy.entities import Entity

_PERSONAL_EACH = 204
_HARMLESS_EACH = 17
_FULL_WIDTH = str.maketrans("0123456789-", "０１２３４５６７８９－")
_SLOT = re.compile(r"\$([a-z]+)|\$\{([a-z]+)\}|#")
_SIGNS = str.maketrans({"♯": "#", "⏎": "\n", "⇥": "\t", "⍽": "\u00a0"})


class Told(NamedTuple):
    """A case, the pattern that it was made from, and whether words in it name the value."""

    case: Case
    pattern: str
    labelled: bool = True


def _digits(random: Random, count: int) -> str:
    return "".join(random.choice("0123456789") for _ in range(count))


def _shaped(random: Random, shape: str) -> str:
    """The shape with a digit for each hash sign."""
    return re.sub("#", lambda _: random.choice("0123456789"), shape)


def _day(random: Random, first: date, last: date) -> date:
    return first + timedelta(days=random.randrange((last - first).days))


def _joined(random: Random, parts: list[str], *, labelled: bool) -> str:
    """The parts as people join them: mostly by hyphens; without any only where a label says what the number is."""
    if random.random() < 0.78:
        return "-".join(parts)
    joints = ["–", " - ", "\u2011", "full"] + (["", "", "", "", " ", " ", ".", "\u00a0"] if labelled else [])
    joint = random.choice(joints)
    return "-".join(parts).translate(_FULL_WIDTH) if joint == "full" else joint.join(parts)


def _registered(random: Random, *, labelled: bool, foreign: bool) -> str:
    """A birth date and seven more digits; those given since October 2020 have a random tail."""
    drawn = random.random() < 0.12
    born = _day(random, date(2020, 10, 5), date(2025, 6, 1)) if drawn else _day(random, date(1938, 1, 1), date(2020, 10, 1))
    century = (1 if born.year < 2000 else 3) + (4 if foreign else 0)
    front, sex = f"{born:%y%m%d}", str(century + random.randrange(2))
    if drawn:
        return _joined(random, [front, sex + _digits(random, 6)], labelled=labelled)
    place = f"{random.randrange(0, 96, 2):02}" if foreign else f"{random.randrange(96):02}"
    tail = sex + place + _digits(random, 2) + (random.choice("6789") if foreign else random.choice("12"))
    check = rrn.calc_check_digit(front + tail + "0")
    if foreign:
        check = str((int(check) + 2) % 10)
    return _joined(random, [front, tail + check], labelled=labelled)


def _resident(random: Random, labelled: bool) -> str:
    return _registered(random, labelled=labelled, foreign=False)


def _foreigner(random: Random, labelled: bool) -> str:
    return _registered(random, labelled=labelled, foreign=True)


def _business(random: Random, labelled: bool) -> str:
    area, kind = str(random.randrange(101, 900)), f"{random.choice([*range(1, 80), 81, 82, 85, 86, 87, 88, 90]):02}"
    body = area + kind + _digits(random, 4)
    weighed = sum(int(digit) * weight for digit, weight in zip(body, (1, 3, 7, 1, 3, 7, 1, 3, 5), strict=True))
    check = str((10 - (weighed + int(body[8]) * 5 // 10) % 10) % 10)
    return _joined(random, [area, kind, body[5:] + check], labelled=labelled)


def _passport(random: Random, labelled: bool) -> str:
    letter = random.choice("MMMMMMMMSRDO")
    new = f"{letter}{_digits(random, 3)}{random.choice('ABCDEFGHJKLMNPRSTVWXYZ')}{_digits(random, 4)}"
    number = new if random.random() < 0.5 else letter + _digits(random, 8)
    if labelled and random.random() < 0.12:
        return random.choice([number.lower(), f"{number[0]} {number[1:]}", number.translate(_FULL_WIDTH)])
    return number


def _licence(random: Random, labelled: bool) -> str:
    regions = ("서울", "부산", "경기", "강원", "충북", "충남", "전북", "전남", "경북", "경남", "제주", "대구", "인천", "광주", "대전", "울산")  # fmt: skip
    place = random.randrange(len(regions))
    rest = [f"{random.choice([*range(75, 100), *range(25)]):02}", _digits(random, 6), _digits(random, 2)]
    if random.random() < 0.2:
        named = [str(place + 11), *rest] if random.random() < 0.4 else rest
        return regions[place] + random.choice([" ", " ", "", "-"]) + "-".join(named)
    return _joined(random, [str(place + 11), *rest], labelled=labelled)


def _phone(random: Random, labelled: bool) -> str:
    """A subscriber's number that the numbering plan knows, in a national or an international writing."""
    areas = ["010"] * 14 + ["02"] * 3 + ["031", "032", "042", "051", "053", "062", "064", "070", "070", "0507"]
    while True:
        area = random.choice(areas)
        middle = random.choice("23456789") + _digits(random, 2 if area[1] in "23456" and random.random() < 0.6 else 3)
        parts = [area, middle, _digits(random, 4)]
        if phonenumbers.is_valid_number(phonenumbers.parse("".join(parts), "KR")):
            break
    if random.random() < 0.66:
        return "-".join(parts)
    abroad = [area[1:], *parts[1:]]
    usual = [".".join(parts), " ".join(parts), "".join(parts), "+82-" + "-".join(abroad), "+82 " + " ".join(abroad)]
    usual += ["+82" + "".join(abroad), "+82 " + "-".join(abroad)]
    usual += [f"{area}) {middle}-{parts[2]}", f"({area}) {middle}-{parts[2]}"]
    odd = ["-".join(parts).translate(_FULL_WIDTH), "\u00a0".join(parts), "–".join(parts), " - ".join(parts)]
    odd += ["+82 (0)" + "-".join(abroad), f"{area}-{middle}{parts[2]}", f"+82) {'-'.join(abroad)}"]
    return random.choice(usual if random.random() < 0.7 else odd)


# The banks' usual writings.
_BANKS = (
    ("국민은행", "######-0#-######"), ("KB국민", "######-0#-######"), ("신한은행", "110-###-######"), ("신한", "110-###-######"),
    ("우리은행", "1002-###-######"), ("하나은행", "###-910###-###07"), ("농협", "302-####-####-#1"), ("NH농협은행", "301-####-####-#1"),
    ("기업은행", "###-######-01-0##"), ("IBK기업", "###-######-02-0##"), ("카카오뱅크", "3333-##-#######"), ("토스뱅크", "1000-####-####"),
    ("케이뱅크", "100-###-######"), ("새마을금고", "9002-####-####-#"), ("우체국", "######-02-######"), ("SC제일은행", "###-20-######"),
    ("대구은행", "50#-10-######-#"), ("부산은행", "112-####-####-0#"), ("수협", "2010-####-####"), ("신협", "131-###-######"),
)  # fmt: skip


def _account(random: Random) -> dict[str, str]:
    """A bank, and a number in its usual writing; no format tells it, so the texts always do."""
    bank, shape = random.choice(_BANKS)
    return {"bank": bank, "v": _joined(random, _shaped(random, shape).split("-"), labelled=True)}


def _card(random: Random, labelled: bool) -> str:
    prefix = random.choice(["4", "4", "4", "53", "55", "9", "94", "3569", "37"])
    sizes = (4, 6, 5) if prefix == "37" else (4, 4, 4, 4)
    body = prefix + _digits(random, sum(sizes) - len(prefix) - 1)
    number = iter(body + luhn.calc_check_digit(body))
    parts = ["".join(islice(number, size)) for size in sizes]
    return " ".join(parts) if random.random() < 0.2 else _joined(random, parts, labelled=labelled)


_USERS = (
    "minsu",
    "jihye",
    "gildong.hong",
    "sy_lee",
    "kim.jh",
    "parkjs",
    "j.doe",
    "sarah.oconnor",
    "choi-ej",
    "daniel_k",
    "yoon",
)
_DOMAINS = (
    "naver.com", "naver.com", "naver.com", "gmail.com", "gmail.com", "gmail.com", "hanmail.net", "daum.net", "kakao.com",
    "nate.com", "outlook.kr", "icloud.com", "hanbit-soft.co.kr", "sea-trade.com", "dev.example-corp.io", "snu.ac.kr",
    "mail.seoul.go.kr", "mir.or.kr",
)  # fmt: skip


def _email(random: Random, labelled: bool) -> str:
    tail = random.choice(["", "", _digits(random, 2), _digits(random, 4), f".{_digits(random, 1)}", "+shop", "_kr"])
    user, domain = random.choice(_USERS) + tail, random.choice(_DOMAINS)
    kind = random.random()
    if labelled and kind < 0.03:
        return f"{user}{random.choice(['(at)', '[at]', ' @ '])}{domain}"
    if kind < 0.08:
        return random.choice(
            [f"{user}＠{domain}", f"{user}@{domain}".upper(), f"{user.capitalize()}@{domain}", f"{user}@한빛.kr"]
        )
    return f"{user}@{domain}"


def _ip(random: Random, labelled: bool) -> str:
    """A public address; a third is of version 6."""
    if random.random() < 0.66:
        first = random.choice([1, 14, 27, 39, 58, 61, 106, 112, 118, 121, 175, 183, 203, 210, 211, 218, 220, 222, 223])
        number = ".".join([str(first), *(str(random.randrange(4, 254)) for _ in range(3))])
        return number.translate(_FULL_WIDTH) if labelled and random.random() < 0.02 else number
    prefix = random.choice([0x200102D8, 0x24064000, 0x2A0014F0, 0x26064700, 0x24000800]) << 96
    host = random.getrandbits(random.choice([8, 16, 64, 96]))
    address = ipaddress.IPv6Address(prefix | host)
    return random.choice([address.compressed, address.compressed, address.exploded, address.compressed.upper()])


_NAMES = ("김민수", "이지혜", "박서준", "최은영", "정하늘", "한지민", "윤가람", "장미나", "서동현", "임수빈", "강태오")
_ENGLISH = ("Daniel Kim", "Sarah O'Connor", "Nguyen Thi Mai", "John Smith", "Li Wei", "Maria Garcia", "Rahul Patel")


def _filling(random: Random, slot: str) -> str:
    """What stands in a text for a slot other than the value."""
    day = _day(random, date(2019, 1, 1), date(2025, 9, 1))
    makers: dict[str, Callable[[], str]] = {
        "name": lambda: random.choice(_NAMES),
        "en": lambda: random.choice(_ENGLISH),
        "date": lambda: random.choice(
            [f"{day:%Y-%m-%d}", f"{day:%Y.%m.%d}", f"{day.year}년 {day.month}월 {day.day}일", f"{day:%Y/%m/%d}"]
        ),
        "iso": lambda: f"{day:%Y-%m-%d}T{random.randrange(24):02}:{random.randrange(60):02}:{random.randrange(60):02}Z",
        "ymd": lambda: f"{day:%Y%m%d}",
        "year": lambda: str(day.year),
        "time": lambda: f"{random.randrange(24):02}:{random.randrange(60):02}",
        "won": lambda: f"{random.randrange(1, 9_000) * 100:,}",
        "count": lambda: f"{random.randrange(1_000, 90_000_000):,}",
        "n": lambda: str(random.randrange(2, 99)),
        "exp": lambda: f"{random.randrange(1, 13):02}/{random.randrange(25, 32)}",
        "hex": lambda: f"{random.getrandbits(32):08x}",
        "sha": lambda: f"{random.getrandbits(160):040x}",
        "shb": lambda: f"{random.getrandbits(256):064x}",
        "uuid": lambda: re.sub(r"^(.{8})(.{4})(.{4})(.{4})", r"\1-\2-\3-\4-", f"{random.getrandbits(128):032x}"),
        "mac": lambda: ":".join(f"{random.getrandbits(8):02X}" for _ in range(6)),
        "ver": lambda: f"{random.randrange(1, 20)}.{random.randrange(40)}.{random.randrange(20)}",
        "corp": lambda: _corporation(random),
        "ean": lambda: _barcode(random, "880"),
        "isbn": lambda: _barcode(random, "97911"),
    }
    return makers[slot]()


def _corporation(random: Random) -> str:
    body = random.choice(["110111", "130111", "180111", "160111", "110114"]) + _digits(random, 6)
    check = (10 - sum(int(digit) * (1 + at % 2) for at, digit in enumerate(body)) % 10) % 10
    return f"{body[:6]}-{body[6:]}{check}"


def _barcode(random: Random, prefix: str) -> str:
    body = prefix + _digits(random, 12 - len(prefix))
    return body + str((10 - sum(int(digit) * (1 + at % 2 * 2) for at, digit in enumerate(body)) % 10) % 10)


def _filled(random: Random, pattern: str, given: dict[str, str]) -> str:
    def fill(slot: re.Match[str]) -> str:
        word = slot[1] or slot[2]
        if word is None:
            return random.choice("0123456789")
        return given[word] if word in given else _filling(random, word)

    return _SLOT.sub(fill, pattern).translate(_SIGNS)


def _patterns(block: str) -> Iterator[str]:
    return (pattern.strip() for line in block.strip().splitlines() for pattern in line.split("¦"))


_WRITERS: dict[Entity, Callable[[Random, bool], str]] = {
    Entity.RESIDENT: _resident,
    Entity.FOREIGNER: _foreigner,
    Entity.BUSINESS: _business,
    Entity.PASSPORT: _passport,
    Entity.LICENCE: _licence,
    Entity.PHONE: _phone,
    Entity.CARD: _card,
    Entity.EMAIL: _email,
    Entity.IP: _ip,
}

_TEXTS = {
    Entity.RESIDENT: """
상담 요약: $name 고객 본인확인 완료, 주민등록번호 $v, 요금제 변경 요청함. ¦ 주민번호는 $v입니다. 확인 부탁드려요 ¦ 성명: $name⏎주민등록번호: $v⏎입사일: $date
{"name": "$name", "juminNo": "$v", "amount": $n} ¦ {"resident_registration_number":"$v","channel":"app"} ¦ 성명⇥주민등록번호⇥부서⏎$name⇥$v⇥인사팀 ¦ 이름,주민번호,급여⏎$name,$v,"$won"
[접수] $name님 / 주민번호 $v / 내과 / $time 예약 ¦ 보호자분 주민 번호 불러주셨어요, $v 이고요 초진입니다 ¦ My resident registration number is $v, is that enough to open the account?
RRN: $v ¦ 주민등록번호($v)로 실명 조회 결과 일치 ¦ 주민등록번호 : $v (본인) ¦ 연말정산 부양가족 주민등록번호 $v 추가해 주세요. 공제액 $won원 ¦ 실명확인번호(주민번호)=$v
UPDATE employee SET jumin = '$v' WHERE emp_id = $n; ¦ INFO $iso kyc.verify rrn=$v result=OK ¦ 고유식별정보(주민등록번호) $v 수집에 동의합니다. ¦ <residentNo>$v</residentNo> ¦ 피보험자 주민등록번호⏎$v⏎진료과목⏎정형외과
4대보험 취득신고 - 성명 $name, 주민등록번호 $v, 월보수 $won원 ¦ 제 주번은 $v인데 인증이 계속 실패해요. 주민번호 맞는데요ㅠㅠ ¦ 주민등록번호⍽$v⍽확인 ¦ 【주민등록번호】$v ¦ 주민등록번호를 $v로 정정해 주시기 바랍니다.
~ $name ($v) 귀하의 $year년 건강검진 결과를 안내드립니다. ¦ ~ 환자 $name, $v, $date 내원 ¦ ~ 대출 신청인 $name $v 서울시 강남구 ¦ ~ 위 본인 $name($v)은 아래 사항을 위임합니다. ¦ ~ $v로 조회해 주세요
~ 가족 등록: 배우자 $name $v ¦ ~ Patient $name / $v / BP 120/80 ¦ 배우자 주민번호 - $v, 자녀 없음""",
    Entity.FOREIGNER: """
외국인등록번호: $v ¦ 외국인등록번호는 $v입니다. ¦ 외국인 등록번호 $v로 개통 요청, 체류기간 $date까지 ¦ 고객 $en, 외등번호 $v, 비자 E-7 ¦ My alien registration number is $v and I moved last week.
ARC number: $v ¦ ARC No. $v (expires $date) ¦ Hi, this is $en. My ARC is $v, please update my visa status. ¦ {"name":"$en","alienRegNo":"$v","visa":"F-4"} ¦ {"arc_number": "$v"} ¦ foreigner registration number = $v
Foreigner registration no: $v⏎Nationality: Vietnam ¦ 성명⇥외국인등록번호⇥체류자격⏎$en⇥$v⇥D-2 ¦ name,alien_registration_number,dept⏎$en,$v,R&D ¦ 국내거소신고번호 $v 확인됨 ¦ 외국인등록증 번호 $v, 유학생 보험 가입 문의
[원무과] 외국인 환자 $en, 외국인등록번호 $v, 통역 필요 ¦ Residence card number $v, issued by Seoul immigration office ¦ The number on my alien registration card is $v. Can I open an account online? ¦ WARN $iso foreigner_no=$v status=MISMATCH
근로자 $en(외국인등록번호 $v) 고용허가 연장 신청 ¦ 외국인등록번호⏎$v ¦ 외국인번호 $v 로 인증이 안 돼요 ¦ 외국인등록번호($v) 실명조회 실패, 오류코드 E$n ¦ Please fill in: ARC # $v / phone: same as before ¦ 외국인등록번호「$v」
INSERT INTO guest(nm, alien_no) VALUES ('$en', '$v'); ¦ <alienRegistrationNumber>$v</alienRegistrationNumber> ¦ 등록외국인 번호: $v, 국적: 중국
~ $en ($v) 체류기간 연장 접수 ¦ ~ 임차인 $en, $v, 보증금 $won만원 ¦ ~ Tenant: $en, $v, Itaewon-ro $n ¦ ~ 외국인 근로자 $en $v 산재 접수 $date ¦ ~ 결혼이민자 $en($v)의 배우자입니다""",
    Entity.BUSINESS: """
사업자등록번호: $v ¦ 사업자등록번호 $v로 세금계산서 발행 부탁드립니다. ¦ 사업자번호는 $v이고 상호는 한빛상사입니다. ¦ 공급받는자 등록번호 $v, 합계 $won원 ¦ 상호: 다온푸드 | 대표: $name | 사업자등록번호: $v ¦ 사업자 번호 $v 휴폐업 조회 결과: 계속사업자
{"bizNo":"$v","company":"한빛소프트"} ¦ {"business_registration_number": "$v", "vat": true} ¦ biz_reg_no: "$v"  ♯ 공급자 ¦ Business registration number: $v ¦ Our BRN is $v, please issue the tax invoice to it. ¦ Business Reg. No. $v / CEO $en
거래처명⇥사업자등록번호⇥미수금⏎대한유통⇥$v⇥$won ¦ 업체,사업자번호,등급⏎(주)세진,$v,A ¦ 사업자등록번호($v) 확인 후 입점 승인 ¦ 현금영수증 지출증빙용 사업자번호 $v ¦ 지출증빙 사업자번호로 해주세요 $v요
[가맹점 문의] 상호 초록분식, 사업자등록번호 $v, 단말기 교체 요청 ¦ INFO $iso hometax lookup brn=$v took ${n}ms ¦ 사업자등록번호⍽:⍽$v ¦ 통신판매업신고 제$year-서울강남-0####호 | 사업자등록번호 $v ¦ (주)누리테크 사업자등록번호 $v 통신판매업신고번호 $year-서울마포-####
SELECT * FROM vendor WHERE biz_no = '$v' ¦ <사업자등록번호>$v</사업자등록번호> ¦ 공급자 사업자번호⏎$v⏎공급가액⏎$won ¦ 저희 사업자 등록 번호가 $v 로 바뀌었습니다 ¦ Company registration (사업자등록번호) $v, VAT included ¦ 병원 사업자등록번호 $v 로 진료비 영수증 재발급
~ (주)하늘물산 $v 세금계산서 $won원 발행 완료 ¦ ~ 공급자: 청솔건설 ($v) ¦ ~ 거래처 등록 요청 - 미래전자 / $v / 서울 구로구 ¦ ~ 가맹점 커피나무($v) 정산일 $date ¦ ~ 세금계산서는 $v 한울기획으로 끊어 주세요""",
    Entity.PASSPORT: """
여권번호: $v ¦ 여권번호는 $v입니다. 환전 신청할게요 ¦ 여권 번호 $v, 만료일 $date ¦ My passport number is $v. ¦ Passport No. $v ¦ Passport no: $v, exp. $date ¦ 예약자 $name, 여권번호 $v, 인천-다낭 편도 ¦ 영문명 HONG GILDONG / 여권No. $v / 성별 M
{"passportNo": "$v", "nationality": "KOR"} ¦ {"passport_number":"$v","seat":"$n"} ¦ 성명⇥여권번호⇥만료일⏎$name⇥$v⇥$date ¦ name,passport,visa⏎$name,$v,B-1 ¦ 여권($v) 분실 신고 접수 ¦ 분실한 여권의 번호가 $v이라고 하십니다 ¦ 면세점 구매: 여권번호 $v, 편명 KE$n
항공권 발권용 여권정보⏎번호: $v⏎발급국: KOR ¦ Please add my passport ($v) to booking ABC$n ¦ Passport $v expires in $year, can I still fly? ¦ 여권번호 $v로 본인확인 요청, 해외 체류 중 ¦ passport_no=$v country=KR ¦ INFO $iso apis.submit passport=$v flight=OZ1## ok
여권번호⏎$v ¦ 구여권 번호 $v, 재발급 신청 $date ¦ 여권번호⍽$v⍽사본 첨부 ¦ <PassportNumber>$v</PassportNumber> ¦ 해외출장 신청서 - $name 과장, 여권번호: $v, 출장지: 하노이 ¦ 여권 사본 보냅니다. 번호는 $v 이에요 ¦ I lost my Korean passport, number $v, near Myeongdong.
UPDATE traveler SET passport = '$v' WHERE id = $n; ¦ 신분증 종류: 여권, 번호: $v ¦ 전자여권 $v 발급 완료 문자 받았습니다 ¦ ~ 탑승객 KIM/MINSU MR $v KOR ICN-NRT $date ¦ ~ APIS: LEE JIHYE, KOR, $v, exp $date""",
    Entity.LICENCE: """
운전면허번호: $v ¦ 운전면허번호는 $v입니다 ¦ 면허번호 $v, 1종 보통, 적성검사 $date ¦ 운전면허 번호 $v로 렌터카 예약했어요. ¦ 운전면허증 번호 $v 진위확인 완료 ¦ My Korean driver's license number is $v. ¦ Driving licence no. $v ¦ Driver license: $v, class 2
{"driverLicenseNo": "$v", "type": "2종보통"} ¦ {"license_number":"$v","rental_days":$n} ¦ 성명⇥면허번호⇥차종⏎$name⇥$v⇥1톤 ¦ name,driver_license,hub⏎$name,$v,김포 ¦ 렌트 계약 - 운전자 $name, 면허번호: $v, 대여일 $date ¦ 자동차운전면허증 ($v) 갱신 안내
카셰어링 가입 시 면허번호 $v 인증 실패라고 떠요 ¦ 신분증: 운전면허증 / 번호: $v / 발급일: $date ¦ 면허증번호 $v 재발급 문의, 수수료 $won원 ¦ INFO $iso license.verify no=$v type=driver ok ¦ 운전면허번호⏎$v ¦ 비대면 계좌개설: 운전면허번호 $v, 암호일련번호 별도 입력
기사님 운전면허 $v 확인했습니다 ¦ 사고 접수: 상대 운전자 면허번호 $v, 대인 없음 ¦ 면허번호($v)와 이름이 일치하지 않습니다 ¦ <licenseNo type="driver">$v</licenseNo> ¦ UPDATE driver SET driver_license_no='$v' WHERE id=$n ¦ 운전면허번호⍽$v
I exchanged my licence; the new Korean driving licence is $v ¦ 국제운전면허 신청, 국내 면허번호 $v ¦ 제 운전 면허가 $v 인데 벌점 조회 되나요? ¦ ~ 렌터카 운전자 $name $v 2종보통 ¦ ~ 임차인 확인: $name / $v / 적성검사 만료 $date ¦ ~ 배송기사 $name, $v, 1종 대형""",
    Entity.PHONE: """
연락처: $v ¦ 전화번호는 $v입니다. ¦ 휴대폰 $v로 인증번호 보내주세요 ¦ $name 고객, 콜백 번호 $v, $time 이후 통화 희망 ¦ 핸드폰번호 $v 변경 요청 ¦ Tel. $v ¦ TEL : $v ¦ Mobile: $v ¦ H.P $v ¦ My phone number is $v, call me after $time. ¦ Please text me at $v
{"phone":"$v","name":"$name"} ¦ {"mobileNo": "$v", "qty": $n} ¦ 이름⇥휴대전화⇥주소⏎$name⇥$v⇥성남시 분당구 ¦ name,tel,memo⏎$name,$v,부재중 ¦ [예약] $name님 $date $time 치과, 연락처 $v ¦ 보호자 연락처 $v, 입원 $n일차 ¦ 수취인 $name / 연락처 $v / 문 앞에 놓아주세요
INFO $iso sms.send to=$v status=DELIVERED ¦ 담당자 $name (직통 $v) ¦ 비상연락망: 모 $v ¦ 회사 전화 $v, 내선 $n ¦ phone_number: "$v" ¦ Fax $v ¦ <phone>$v</phone> ¦ 카톡 안되면 문자 주세요 번호 $v 예요 ¦ 전화번호⍽$v⍽로 회신
~ $v로 전화 주세요 ¦ ~ $name $v ¦ ~ 안녕하세요 $name입니다. 회신은 $v 부탁드립니다. ¦ ~ 기사님이 안 오셔서요, $v 이쪽으로 전화 한번 주세요 ¦ ~ 홍보팀 $name 대리 | $v ¦ ~ You can reach me on $v any day. ¦ ~ $date $time 수신 $v 통화 $n분 ¦ ~ 고객님($v)께 배송 완료 문자 발송""",
    Entity.ACCOUNT: """
$bank $v $name ¦ 환불 계좌: $bank $v (예금주 $name) ¦ 계좌번호는 $bank $v입니다. ¦ 입금계좌 $bank $v, 입금액 $won원 ¦ $v $bank $name 으로 보내주세요 ¦ $bank 계좌번호 $v로 이체 부탁드립니다 ¦ 급여계좌: $bank $v ¦ 예금주: $name / 은행: $bank / 계좌: $v
{"bank":"$bank","accountNo":"$v","holder":"$name"} ¦ {"bank_account": "$v", "bank_name": "$bank"} ¦ 은행⇥계좌번호⇥예금주⏎$bank⇥$v⇥$name ¦ 성명,은행,계좌번호,금액⏎$name,$bank,$v,"$won" ¦ 송금 요청: $bank / $v / $name / $won원 ¦ My bank account number is $v ($bank).
Please refund to account no. $v, $bank, holder $name ¦ Bank account: $bank $v ¦ account_number=$v bank=$bank ¦ 자동이체 출금계좌 $bank $v 매월 2#일 ¦ 가상계좌 $bank $v 로 $date까지 입금 ¦ 고객 $name, 오송금 신고, 수취 계좌 $bank $v, 금액 $won원 ¦ 계좌번호⏎$v⏎은행⏎$bank
통장 사본 첨부합니다. $bank $v ¦ 보험금 수령 계좌 $v($bank) 등록 완료 ¦ 제 통장번호 $v 인데 $bank이에요 ¦ INFO $iso transfer from account=$v amount=$won ¦ 경조사비는 $bank $v ($name) ¦ 환급받으실 계좌($bank $v)를 확인해 주세요 ¦ $bank⍽$v⍽$name
월세 입금할 곳: $bank $v 예금주 $name ¦ 모임통장 $bank $v, 회비 $won원 ¦ Send the deposit to $bank, acct $v. Thanks! ¦ <accountNumber bank="$bank">$v</accountNumber> ¦ 출금계좌번호: $v, 잔액 $won원 ¦ 계좌이체 정보 - $bank : $v""",
    Entity.CARD: """
카드번호: $v ¦ 카드번호는 $v입니다. ¦ 신용카드 $v로 결제했는데 승인이 두 번 됐어요 ¦ 분실 카드 $v, 정지 요청 $date $time ¦ 체크카드 번호 $v, 결제액 $won원 ¦ My card number is $v, please cancel the charge. ¦ Card No. $v ¦ Credit card: $v, exp $exp ¦ 법인카드 $v 한도 증액 요청
{"cardNumber":"$v","installment":$n} ¦ {"card_no": "$v", "amount": "$won"} ¦ 성명⇥카드번호⇥이용금액⏎$name⇥$v⇥$won ¦ date,card,amount⏎$ymd,$v,"$won" ¦ INFO $iso payment.authorize pan=$v result=approved ¦ 고객 $name 카드($v) 결제일 변경 요청 ¦ 자동납부 카드번호 $v, 매월 2#일
<CardNumber>$v</CardNumber> ¦ 카드번호⏎$v⏎유효기간⏎$exp ¦ 결제카드 : $v (일시불) ¦ 카드 번호 $v 로 환불 처리 바랍니다 ¦ The declined card was $v. ¦ 해외 결제 차단 문의, 카드번호 $v, 가맹점 AMZN ¦ ♯ test_payment.yml⏎card: "$v" ¦ 병원비 카드결제 $v 승인 $won원 취소요청
카드번호⍽$v⍽확인 ¦ 복지카드번호 $v 포인트 조회 ¦ UPDATE billing SET card_no='$v' WHERE seq=$n ¦ 체크카드 $v 인데 해외원화결제 풀어주세요 ¦ ~ $v 이걸로 $won원 결제해 주세요 ¦ ~ $name $v $exp 일시불 ¦ ~ Please charge $v, expiry $exp. ¦ ~ 결제: $v, $won원, $date ¦ ~ Hi, $v was declined twice at checkout""",
    Entity.EMAIL: """
이메일: $v ¦ 이메일은 $v입니다 ¦ 메일 주소 $v로 견적서 보내주세요 ¦ E-mail : $v ¦ email=$v ¦ {"email":"$v","id":$n} ¦ 성명⇥이메일⇥직급⏎$name⇥$v⇥대리 ¦ name,email⏎$name,$v ¦ 회신 메일주소: $v, 담당자 $name ¦ My e-mail address is $v. ¦ 청구서 수신 이메일 $v 변경 완료
E-Mail $v / 내선 $n ¦ <email>$v</email> ¦ INFO $iso login email=$v ok ¦ INSERT INTO users (email) VALUES ('$v'); ¦ 이력서는 이메일($v)로 제출 ¦ 세금계산서 메일 $v 로 재발송 요청 ¦ owner_email: $v ¦ 이메일⍽$v⍽확인
~ $v로 보내주세요. ¦ ~ $v에게 자료 전달했습니다 ¦ ~ From: $name <$v> ¦ ~ To: $v⏎Subject: 주문 확인 ¦ ~ $name($v)님이 초대했습니다. ¦ ~ Author: $en <$v> ¦ ~ please cc $v, thanks ¦ ~ 문의: $v ¦ ~ mailto:$v ¦ ~ $iso ERROR mailbox full for $v ¦ ~ git config user.email "$v" ¦ ~ 아이디 $v 비밀번호를 잊어버렸어요 ¦ ~ 참조:$v, 회의 $time""",
    Entity.IP: """
접속 IP: $v ¦ IP 주소는 $v입니다 ¦ 고객 IP $v에서 $n회 로그인 실패 ¦ 아이피 $v 차단 요청 ¦ IP address: $v ¦ {"ip":"$v","ua":"Mozilla/5.0"} ¦ {"client_ip": "$v", "port": 443} ¦ remote_addr=$v status=200 ¦ X-Forwarded-For: $v ¦ 시각⇥IP⇥결과⏎$date $time⇥$v⇥성공 ¦ ts,src_ip,bytes⏎$iso,$v,####
$iso WARN login failed user=$n ip=$v ¦ 로그인 알림: $date $time, IP $v, 서울 ¦ My IP is $v and the VPN keeps dropping. ¦ client: $v, server: _, request: "GET / HTTP/1.1" ¦ 부정결제 의심 IP($v) 등록 ¦ srcip=$v dstport=22 action=deny ¦ <clientIp>$v</clientIp> ¦ SELECT count(*) FROM access_log WHERE ip = '$v'
IP⍽$v⍽확인 ¦ allowed_ips: ["$v"] ¦ ~ $v - - [12/Mar/$year:10:15:32 +0900] "GET /index.html HTTP/1.1" 200 #### ¦ ~ sshd[####]: Failed password for root from $v port 5#### ssh2 ¦ ~ ping $v ¦ ~ $v에서 접속한 세션을 끊어 주세요 ¦ ~ Connection refused: $v, retrying in ${n}s ¦ ~ traceroute to $v, 30 hops max
~ $iso accepted connection from $v ¦ ~ 공격 출발지 $v 확인, 방화벽 등록 요망 ¦ ~ ssh deploy host $v 로 접속했는데 느려요 ¦ ~ iptables -A INPUT -s $v -j DROP""",
}  # fmt: skip

_HARMLESS = """
주문번호 $ymd-####### 배송 언제 되나요? ¦ 주문 번호: $ymd########, 상품 $n개 ¦ Order No. ###-#######-####### shipped on $date ¦ 송장번호 ####-####-#### CJ대한통운 ¦ 운송장 번호는 ############입니다. ¦ Tracking number: 1Z999AA1########## ¦ EMS 우편물번호 EE#########KR 조회
등기우편 번호 1####-####-#### 도착 ¦ Invoice INV-$year-##### due $date ¦ 인보이스 번호 ######## 재발행 요청 ¦ 세금계산서 승인번호 $ymd-########-######## ¦ 카드 승인번호 ######## 취소 완료, $won원 ¦ 거래번호 T$ymd###### 정상 처리 ¦ 전표번호 ####-##### 확인 ¦ 현금영수증 승인번호 G######## 발급
ISBN $isbn 재고 있나요? ¦ ISBN 979-11-####-###-# (03810) ¦ 바코드 $ean 상품 입고 $n박스 ¦ EAN: $ean ¦ {"barcode":"$ean","qty":$n} ¦ 상품코드 ##########, 정가 $won원 ¦ ISSN 1225-#### ¦ SKU ###-##-##### out of stock ¦ 품번 ######-####### 단종 ¦ 부품번호 M####### 재고 $n개
고객센터 1588-#### 로 문의하세요 ¦ 상담은 1577-####입니다(평일 09:00~18:00) ¦ 긴급 상황은 112, 화재는 119에 신고하세요 ¦ 대표번호 1899-#### / 팩스 없음 ¦ 다산콜 120, 질병관리청 1339 ¦ 1544-####번으로 전화했는데 $n분 기다렸어요 ¦ 보이스피싱 신고 1332 또는 118
버전 $ver 업데이트 후 오류 ¦ upgrade to v$ver before $date ¦ Chrome/1##.0.6###.1## Safari/537.36 ¦ 펌웨어 버전 2.10.4.1 로 업데이트했습니다 ¦ version = "$ver" ¦ numpy==1.2#.# pandas>=2.#.# ¦ 제3.2.1.4절 참조 ¦ 소프트웨어 버전: 5.1.0.$n ¦ npm install vite@5.#.# ¦ Assembly version 4.0.0.0 not found
회의는 $date $time 입니다 ¦ $date ~ $date 여름 휴가 ¦ 점심시간 11:30-13:00 ¦ $iso 배치 시작 ¦ 유효기간 $year.12.31까지 ¦ 입금 기한: $date $time ¦ Meeting moved from $time to $time on $date ¦ timestamp=17########### ¦ epoch 17######## ¦ 공휴일은 $ymd 입니다
총 결제 금액 $won원, 할인 -$won원 ¦ 환율 1,3##.## 원/달러 ¦ 매출 $count원, 전년 대비 $n.#% 증가 ¦ The total is KRW $count including VAT ¦ 연봉 4,###만원 수준 ¦ 코스피 2,6##.## 마감 ¦ 예산 12########0원 승인 ¦ 적립금 $won점이 소멸 예정입니다 ¦ Price: $4#.99 each, $n pcs
위도 37.5####, 경도 126.9#### ¦ {"lat": 37.######, "lng": 127.######} ¦ GPS 35.1###, 129.0### 부근 ¦ 우편번호 0#### 서울시 종로구 ¦ (우 135-0##) 서울 강남구 ¦ 세종대로 $n길 #0#호 ¦ 3층 30#호 회의실 ¦ zip code 1####, Suwon ¦ 지번 ##-# 토지대장
요청 ID $uuid ¦ trace_id=$uuid span=$hex$hex ¦ {"requestId": "$uuid"} ¦ commit $sha ¦ sha256:$shb ¦ git checkout $hex ¦ ETag: "$hex-$hex" ¦ docker pull nginx@sha256:$shb ¦ MAC 주소 $mac ¦ ether $mac txqueuelen 1000 ¦ md5 $hex$hex$hex$hex ¦ {"mac":"$mac","rssi":-$n}
법인등록번호 $corp ¦ 법인등록번호: $corp, 본점 서울 ¦ 법인등록번호는 $corp입니다. ¦ (법인등록번호 $corp) 주식회사 한빛 ¦ {"corpRegNo":"$corp"} ¦ Corporate registration number: $corp ¦ 상호⇥법인등록번호⏎(주)세진⇥$corp ¦ 등기부등본상 법인번호 $corp 확인
사건번호 $year가단##### ¦ 서울중앙지방법원 $year고합### ¦ 접수번호 $year-###### 민원 처리 완료 ¦ 민원 접수번호 1AA-2#0#-0###### ¦ 특허 제10-2######호 ¦ 출원번호 10-$year-0###### ¦ 문서번호 총무-$year-0### ¦ 공고 제$year-####호 ¦ 접수번호 ###-##-##### 로 조회 ¦ Case ♯######## is resolved
관리번호 ##-##-######-## 자산 폐기 ¦ S/N M######## 노트북 반납 ¦ 시리얼번호 R5CT####### ¦ 제조번호(LOT) ##########, 유통기한 $date ¦ Serial No: 5CD####XYZ ¦ 자산번호 IT-$year-#### ¦ 대기번호 $n번 고객님 ¦ 예약번호 ######## 변경 ¦ Booking reference ABC### confirmed ¦ 쿠폰번호 ####-####-####-#### 사용 불가
인구 $count명, 면적 $n.#㎢ ¦ 응답자 $count명 중 $n%가 찬성 ¦ 평균 $n.##, 표준편차 #.## ¦ p=0.0##, n=$count ¦ CPU $n%, MEM $n.#GB ¦ latency p50=${n}ms p99=1##ms ¦ 조회수 $count회 ¦ rows=$count elapsed=#.###s ¦ accuracy 0.9###, loss 0.0### ¦ $year년 수출 $count달러
for i in range(1000000): total += i ¦ timeout=30000, retries=$n ¦ const MAX = 0xFFFFFFFF; // 4294967295 ¦ listen 8080; worker_connections 1024; ¦ x = [1, 2, 3, 5, 8, 13, 21, 34] ¦ SELECT * FROM orders WHERE id = ######## LIMIT $n ¦ assert add(12, 30) == 42 ¦ color: ♯1a2b3c; margin: 0 auto ¦ ERROR 0x8007#### occurred at line ###
std::vector<int> v(1024); ¦ a::before { content: "" } ¦ xs[::2] + xs[1::2] ¦ impl fmt::Display for Ab ¦ 서브넷 마스크 255.255.255.0 ¦ OID 1.3.6.1.4.1.#### ¦ git clone git@github.com:acme/web-app.git ¦ <img srcset="logo@2x.png 2x"> ¦ ORA-0#### 오류 ¦ HTTP/1.1 404 Not Found ($n ms) ¦ kubectl scale --replicas=$n
3.14159265358979 는 원주율 ¦ 12345679 × 9 = 111111111 ¦ (a+b)^2 = a^2+2ab+b^2, a=$n ¦ 2^64 = 18446744073709551616 ¦ 1234 + 5678 = 6912 ¦ √2 ≈ 1.41421356 ¦ $n! 을 계산해줘 ¦ 비율 16:9, 해상도 3840x2160 ¦ 6.022e23 mol ¦ 1부터 100까지 더하면 5050
report_$ymd_v2.xlsx 첨부 ¦ IMG_$ymd_######.jpg ¦ backup-$ymd-####.tar.gz ¦ /var/log/app/$year/server.$n.log ¦ 한국 3-1 승, 전반 2-0 ¦ KIA #-5 LG, 9회말 ¦ 마라톤 2:0#:## 기록 ¦ 로또 당첨번호 3, 11, 15, 29, 35, 44 ¦ 선발투수 시즌 평균자책점 2.## ¦ 세트 스코어 25-21 22-25 25-19
SM-G991N 화면 수리비 $won원 ¦ RTX 4090 24GB 재고 ¦ 그랜저 2.5 가솔린 $year년식 ¦ LG 27GP850 모니터 ¦ M4x12 나사 ¦ gpt-4o-$year-08-06 모델 ¦ A4 용지 80g 2,500매 ¦ Boeing 737-800 편명 KE1### ¦ KTX 1## 열차 $n호차 ¦ 종목코드 005930 삼성전자
주민등록번호는 왜 수집하나요? ¦ 여권 재발급 절차 알려줘 ¦ 카드번호 16자리를 입력하세요 ¦ 전화번호는 숫자만 11자리로 적어주세요 ¦ 계좌번호를 모르겠어요, 영업시간은 09:00~16:00인가요? ¦ 운전면허 갱신 수수료 $won원 ¦ 사업자등록번호 10자리 검증 로직 짜줘 ¦ How do I renew my passport in $year?
IP 주소가 뭐예요? IPv4는 32비트, IPv6는 128비트 ¦ 이메일 형식이 맞지 않습니다(오류 4##) ¦ 외국인등록증 발급은 $n일 정도 걸립니다 ¦ 카드 연회비 $won원, 할부 $n개월 ¦ 계좌 이체 한도 $count원 ¦ 주민센터 운영시간 $time ¦ 전화 $n통, 문자 $n건 처리 ¦ Card decline rate was $n.#% in $year
혈압 1##/8#, 맥박 $n, 체온 36.# ¦ 처방: 타이레놀 500mg 1일 3회 $n일분 ¦ HbA1c #.#%, LDL 1## mg/dL ¦ 상병코드 J20.#, 수가 AA1## ¦ KS X 1001, RFC 5321, ISO 27001:2022 ¦ 국어 $n점, 수학 $n점 ¦ 요한복음 3:16 ¦ 근로기준법 제$n조 제2항 ¦ 키 17#cm, 발 270mm ¦ @channel $time 배포합니다
"""


def personal(random: Random) -> list[Told]:
    """The same number of cases of each entity, its patterns in turn."""
    told = []
    for entity, block in _TEXTS.items():
        patterns = list(_patterns(block))
        for at in range(_PERSONAL_EACH):
            pattern = patterns[at % len(patterns)]
            labelled = not pattern.startswith("~")
            given = _account(random) if entity is Entity.ACCOUNT else {"v": _WRITERS[entity](random, labelled)}
            text = _filled(random, pattern.removeprefix("~").strip(), given)
            told.append(Told(Case(text, entity, given["v"]), pattern, labelled))
    return told


def harmless(random: Random) -> list[str]:
    """As many texts of each pattern as its fillings tell apart."""
    drawn = (_filled(random, pattern, {}) for pattern in _patterns(_HARMLESS) for _ in range(_HARMLESS_EACH))
    return list(dict.fromkeys(drawn))
