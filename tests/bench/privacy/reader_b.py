# ruff: noqa: RUF001
"""Texts of a second, blind reader, to ask a detector that the reader has never seen.

Written by the engineer `reader-b`, who knew only the types Case and Entity and the public formats of the
numbers: the detector, its pages, its tests, its other corpora and their changes stayed closed (a few
commit subjects were seen), and the texts were committed before it was asked about any of them. The rules:
a careful person can tell every value from the text alone; four in five writings are the usual ones; a
harmless text names what its numbers are, or shows it. Numbers carry right check digits where the public
rule has one, except residents born after October 2020.

A line of a table holds patterns between `¦`; `⏎` and `⇥` are a line's end and a tab; `~` begins a
pattern that does not say what the value is. `{kind:form}` is the value, other braces are filled at random.
"""

import ipaddress
import re
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from random import Random
from typing import NamedTuple
from uuid import UUID

import phonenumbers
from stdnum import ean, luhn
from stdnum.kr import rrn

from bench.privacy.corpus import Case
from thinmesh_gateway.privacy.entities import Entity

PER_ENTITY = 204
HARMLESS = 2520


class Told(NamedTuple):
    """A case, the pattern it was made from, and whether the text says what the value is."""

    case: Case
    pattern: str
    labelled: bool = True


# Its name, its English name, the beginning of its account numbers, and the lengths of their groups.
_BANKS = """
국민은행,KB Kookmin Bank,,6 2 6 ¦ 신한은행,Shinhan Bank,110,3 3 6 ¦ 우리은행,Woori Bank,1002,4 3 6 ¦ 하나은행,Hana Bank,,3 6 5
농협,NH Bank,301,3 4 4 2 ¦ 기업은행,IBK,,3 6 2 3 ¦ 카카오뱅크,KakaoBank,3333,4 2 7 ¦ 토스뱅크,Toss Bank,1000,4 4 4
케이뱅크,K bank,100,3 3 6 ¦ 새마을금고,MG Community Credit,9002,4 4 4 1 ¦ 우체국,Korea Post,,6 2 6 ¦ SC제일은행,SC First Bank,,3 2 6
대구은행,DGB Daegu Bank,504,3 2 6 1
"""
_REGIONS = "서울 부산 경기 강원 충북 충남 전북 전남 경북 경남 제주 대구 인천 광주 대전"
_AREAS = ("02", "02", "02", "031", "032", "033", "041", "042", "051", "053", "055", "062", "063", "064")
_NAMES = "김민서 이도윤 박서연 최지호 정하은 강준우 조수아 윤시우 장예린 임건우 한지민 오현수 서유나 남궁민 황보라"
_ENGLISH = "Maria Santos,John Miller,Nguyen Van An,Li Wei,Anna Petrova,David Chen,Aisha Khan,Tom Becker"
_MAILBOXES = "minseo.kim dylee85 park_sy choi-jh jung.haeun kangjw0412 sooa.cho y.siwoo Yerin.Jang glim hr.team1 j.miller annap"
_MAILHOSTS = """
naver.com naver.com naver.com gmail.com gmail.com gmail.com daum.net hanmail.net kakao.com outlook.com nate.com protonmail.com
hanbit-soft.co.kr mail.seouluniv.ac.kr city.go.kr dongnae-hospital.or.kr startup.io logis.kr
"""
_DIGITS = "0123456789"


def _digits(random: Random, count: int) -> str:
    return "".join(random.choices(_DIGITS, k=count))


def _day(random: Random, first: date, last: date) -> date:
    return first + timedelta(days=random.randrange((last - first).days))


def _weighed(body: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True))


def _resident(random: Random) -> list[str]:
    born = _day(random, date(1942, 1, 1), date(2015, 1, 1))
    body = f"{born:%y%m%d}{random.choice('12' if born.year < 2000 else '34')}{random.randrange(96):02}{_digits(random, 3)}"
    return [body[:6], body[6:] + str(rrn.calc_check_digit(body))]


def _newborn(random: Random) -> list[str]:
    return [f"{_day(random, date(2020, 10, 10), date(2025, 6, 1)):%y%m%d}", random.choice("34") + _digits(random, 6)]


def _foreigner(random: Random) -> list[str]:
    born = _day(random, date(1955, 1, 1), date(2012, 1, 1))
    body = f"{born:%y%m%d}{random.choice('56' if born.year < 2000 else '78')}{random.randrange(96):02}{_digits(random, 3)}"
    return [body[:6], body[6:] + str((13 - _weighed(body, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10)]


def _business(random: Random) -> list[str]:
    body = f"{random.randrange(101, 999)}{random.choice((random.randrange(1, 80), 81, 82, 86, 87, 88)):02}{_digits(random, 4)}"
    total = _weighed(body, (1, 3, 7, 1, 3, 7, 1, 3, 5)) + int(body[8]) * 5 // 10
    return [body[:3], body[3:5], body[5:] + str(-total % 10)]


def _corporation(random: Random) -> list[str]:
    body = f"{random.choice(('1101', '1311', '1801', '1345'))}11{_digits(random, 6)}"
    return [body[:6], body[6:] + str(-_weighed(body, (1, 2) * 6) % 10)]


def _passport(random: Random) -> list[str]:
    letter = random.choice("MMMMMMSR")
    if random.random() < 0.5:
        return [letter + _digits(random, 8)]
    return [f"M{_digits(random, 3)}{random.choice('ABCDEFGHJKLMNPQRSTUVWXYZ')}{_digits(random, 4)}"]


def _licence(random: Random) -> list[str]:
    return [str(random.choice((*range(11, 27), 28))), *_regional(random)[1:]]


def _regional(random: Random) -> list[str]:
    return [random.choice(_REGIONS.split()), f"{random.randrange(85, 125) % 100:02}", _digits(random, 6), _digits(random, 2)]


def _phone(first: Sequence[str], middle: Sequence[int]) -> Callable[[Random], list[str]]:
    def made(random: Random) -> list[str]:
        while True:
            groups = [random.choice(first), str(random.randrange(2, 10)), _digits(random, 4)]
            groups[1] += _digits(random, random.choice(middle) - 1)
            if phonenumbers.is_valid_number(phonenumbers.parse("".join(groups), "KR")):
                return groups

    return made


def _card(random: Random) -> list[str]:
    first = random.choice(("4", "4", "4", "51", "53", "54", "55", "2223", "3562", "6250", "9409", "9490"))
    body = first + _digits(random, 15 - len(first))
    body += luhn.calc_check_digit(body)
    return [body[at : at + 4] for at in range(0, 16, 4)]


def _amex(random: Random) -> list[str]:
    body = random.choice(("34", "37")) + _digits(random, 12)
    body += luhn.calc_check_digit(body)
    return [body[:4], body[4:10], body[10:]]


def _email(random: Random) -> list[str]:
    box = random.choice(_MAILBOXES.split()) + random.choice(("", str(random.randrange(100))))
    return [f"{box}{random.choice(('', '', '', '', '', '+shop', '+work'))}@{random.choice(_MAILHOSTS.split())}"]


def _ipv(random: Random) -> list[str]:
    public = (
        f"{random.choice((*range(11, 127), *range(128, 169), *range(173, 192), *range(193, 223)))}.{random.randrange(1, 255)}"
    )
    first = random.choice(("10", "192.168", "172.20", public, public, public))
    return [".".join((first, *(str(random.randrange(1, 255)) for _ in range(3 - first.count(".")))))]


def _ipsix(random: Random) -> list[str]:
    low = random.choice((random.getrandbits(8) + 1, random.getrandbits(32), random.getrandbits(64)))
    prefix = random.choice((0x2001_0E60, 0x2406_DA12, 0x2A00_1450, 0xFD00_77AB))
    address = ipaddress.IPv6Address(prefix << 96 | random.getrandbits(32) << 64 | low)
    return [address.exploded if random.random() < 0.2 else address.compressed]


def _linked(random: Random) -> list[str]:
    low, middle, high = (random.getrandbits(8) for _ in range(3))
    return [f"fe80::{0x200 + low:x}:{middle:x}ff:fe{high:02x}:{random.getrandbits(16):x}"]


def _account(random: Random, first: str, groups: str) -> list[str]:
    sizes = [int(size) for size in groups.split()]
    number = first or str(random.randrange(100, 999))
    number += _digits(random, sum(sizes) - len(number))
    return [number[sum(sizes[:at]) : sum(sizes[: at + 1])] for at in range(len(sizes))]


_PAPERS = {"rrn": _resident, "newborn": _newborn, "arc": _foreigner, "biz": _business, "passport": _passport}
_LICENCES = {"lic": _licence, "regional": _regional}
_PAID = {"card": _card, "amex": _amex}
_ONLINE = {"email": _email, "ipv": _ipv, "ipsix": _ipsix, "linked": _linked}
_PHONES = {
    "mobile": _phone(("010",), (4,)),
    "old": _phone(("011", "016", "017", "019"), (3,)),
    "land": _phone(_AREAS, (3, 3, 3, 4)),
    "voip": _phone(("070",), (4,)),
}
_KINDS: dict[str, Callable[[Random], list[str]]] = _PAPERS | _LICENCES | _PAID | _ONLINE | _PHONES
_SPACES = {"space": " ", "spaced": " - ", "nbsp": "\u00a0", "dash": "\u2013", "tight": "\u2011"}
_BETWEEN = _SPACES | {"bare": "", "dot": ".", "slash": "/"}
# The groups by their places, and last the first group without its first sign.
_HOME = {"gap": "{0[0]} {1}", "region": "{0} {1}-{2}-{3}", "first": "{0} {1}-{2}"}
_CALLS = {"paren": "({0}) {1}-{2}", "half": "{0}){1}-{2}", "intlz": "+82 (0){3}-{1}-{2}"}
_ABROAD = {"intl": "+82-{3}-{1}-{2}", "intls": "+82 {3} {1} {2}", "intlm": "+82 {3}-{1}-{2}", "intlb": "+82{3}{1}{2}"}
_SHAPES = _HOME | _CALLS | _ABROAD
_SIGNS: dict[str, dict[int, int | str]] = {
    "wide": {code: code + 0xFEE0 for code in range(0x21, 0x7F)},
    "digits": {code: code + 0xFEE0 for code in range(0x30, 0x3A)},
    "lower": {code: code + 0x20 for code in range(0x41, 0x5B)},
    "upper": {code: code - 0x20 for code in range(0x61, 0x7B)},
    "spoken": dict(zip(map(ord, "0123456789-"), "공일이삼사오육칠팔구 ", strict=True)),
    "at": {0x40: "(at)"},
    "snail": {0x40: "골뱅이"},
    "around": {0x40: " @ "},
    "broad": {0x40: "＠"},
}


def _written(groups: list[str], form: str) -> str:
    if form in _SHAPES:
        return _SHAPES[form].format(*groups, groups[0][1:])
    return _BETWEEN.get(form, "-").join(groups).translate(_SIGNS.get(form, {}))


_PERSONAL = {
    Entity.RESIDENT: """
주민등록번호: {rrn} ¦ 주민번호 {rrn} 입니다 ¦ 주민등록번호는 {rrn}입니다. 확인 부탁드립니다. ¦ RRN: {rrn} (Korean national) ¦ [상담요약] 고객 {name}님 본인확인 위해 주민번호 {rrn} 확인함. 해지 문의, 요금제 안내 후 종료. ¦ ~{name} {rrn} ¦ 성명: {name}⏎주민등록번호: {rrn}⏎부서: 총무팀⏎입사일: {date}
{"name":"{name}","rrn":"{rrn}","dept":"HR"} ¦ {"residentRegistrationNumber": "{rrn:bare}", "consent": true} ¦ 성명⇥주민번호⇥직급⏎{name}⇥{rrn}⇥대리 ¦ ~접수 - {name} / {rrn} / 내과 초진 ¦ 이름,주민등록번호,입사일⏎{name},{rrn},{date}
주민 {rrn}, 지난주 금요일에 내원하셨던 분이에요 ¦ 네 주민번호 불러 드릴게요 {rrn:space} 이요 ¦ My resident registration number is {rrn}. Can I open an account with this? ¦ 피보험자 주민등록번호 {rrn:wide} ¦ 주민등록번호 : {rrn:nbsp} ¦ 주민번호 {rrn:dash} 로 조회해 주세요
주민번호({rrn:spaced})가 등본이랑 다르다고 나와요 ¦ GET /join?jumin={rrn:bare}&agree=Y ¦ {date} {time} INFO [join] jumin_no={rrn:bare} result=OK ¦ 신생아 {name} 출생신고 완료, 주민등록번호 {newborn} ¦ 둘째 주민번호는 {newborn}예요 ¦ ~연말정산 부양가족: {name}({rrn}) 모친, 인적공제 신청
예금주 실명번호(주민등록번호) {rrn:bare} 조회 결과 정상 ¦ 대출 신청인 주민등록번호를 {rrn}로 잘못 입력했어요. 어떻게 고치나요? ¦ INSERT INTO member (name, jumin) VALUES ('{name}', '{rrn}'); ¦ <person><name>{name}</name><resNo>{rrn}</resNo></person>
환자 {name} (주민 {rrn}) 응급실 내원, 보호자 동행 ¦ 가입자 주민등록번호 {newborn} / 어린이보험 ¦ 근로자 인적사항⏎- 성명 {name}⏎- 주민등록번호 {rrn}⏎- 주소 서울시 마포구 ¦ 주민등록번호 {rrn:digits}, 세대주 {name}
""",
    Entity.FOREIGNER: """
외국인등록번호: {arc} ¦ 외국인등록번호는 {arc}입니다. ¦ ARC number: {arc} ¦ My alien registration number is {arc}, my visa is D-2. ¦ Alien Registration No. {arc}⏎Name: {english}⏎Status of stay: E-7 ¦ 외국인 등록 번호 {arc:bare} 로 본인인증이 안 돼요
~{english} {arc} 체류기간 연장 신청 ¦ [상담] 외국인 고객, 외국인번호 {arc} 확인 후 유심 개통 처리 ¦ {"name":"{english}","arcNo":"{arc}"} ¦ {"foreignerRegNo": "{arc:bare}", "visa": "F-4"} ¦ 성명⇥외국인등록번호⇥국적⏎{english}⇥{arc}⇥베트남
name,alien_reg_no,visa⏎{english},{arc},E-9 ¦ ~접수 {english} / {arc} / 외과 재진 ¦ Residence card number {arc} expires next month, how do I renew it? ¦ I tried to sign up with my ARC ({arc}) but the site says invalid.
외국인등록증 번호가 {arc}인데 은행 앱에서 안 먹혀요 ¦ 국내거소신고번호 {arc} (재외동포 F-4) ¦ 등록외국인 {english}님({arc}) 건강보험 자격 취득 ¦ 외국인등록번호 {arc:space} 이렇게 불러 주셨어요 ¦ 외국인등록번호　{arc:wide} ¦ 외국인등록번호: {arc:nbsp} ¦ Foreigner registration number: {arc:dash}
{date} {time} DEBUG kyc.check alienRegNo={arc:bare} status=PENDING ¦ 근로자({english}) 외국인등록번호 {arc}, 고용허가서 첨부 ¦ 외국인등록번호 {arc:spaced} 재확인 요망 ¦ UPDATE staff SET arc_no = '{arc}' WHERE staff_name = '{english}';
~Here it is: {arc}. Please register my prepaid phone under it. ¦ 환자 {english}, 외국인등록번호 {arc}, 통역 필요 ¦ Hello, ARC# {arc:bare}. I need my tax certificate. ¦ <alienRegistrationNumber>{arc}</alienRegistrationNumber>
""",
    Entity.BUSINESS: """
사업자등록번호: {biz} ¦ 사업자번호 {biz}입니다 ¦ 사업자등록번호 {biz} / 대표 {name} / 업태 도소매 ¦ 사업자 번호는 {biz:bare}이고 상호는 한빛상사예요 ¦ 세금계산서 발행 부탁드립니다. 사업자등록번호 {biz}, 상호 (주)푸른물류 ¦ {"companyName":"푸른물류","bizNo":"{biz:bare}"}
{"business_registration_number": "{biz}"} ¦ 상호⇥사업자등록번호⇥대표자⏎대성철물⇥{biz}⇥{name} ¦ 거래처명,사업자번호,담당⏎미래유통,{biz},{name} ¦ Business registration number: {biz} ¦ Our Korean business registration no. is {biz}; please put it on the invoice.
Biz. Reg. No. {biz} ¦ BRN {biz:bare} ¦ 공급자 등록번호 {biz} 상호 우리식자재 성명 {name} 사업장주소 대전시 서구 ¦ 공급받는자⏎등록번호: {biz}⏎상호: 솔빛디자인 ¦ 사업자등록증상 번호 {biz} 맞으시죠? ¦ [상담요약] 가맹점주, 사업자번호 {biz} 확인. 카드 단말기 교체 요청 ¦ ~상호: 행복분식 | {biz} | 대표 {name}
현금영수증 지출증빙 사업자번호 {biz:bare}로 해주세요 ¦ 사업자등록번호 {biz:space} ¦ 사업자등록번호 : {biz:wide} ¦ 사업자번호 {biz:dot} ¦ 사업자번호: {biz:nbsp} ¦ 사업자등록번호 {biz:dash}(과세) ¦ POST /api/v1/nts/status {"b_no":["{biz:bare}"]}
{date} {time} WARN tax.invoice bizRegNo={biz} not found ¦ ~(주)다온테크 {biz} 서울시 성동구 성수이로 ¦ 푸터 문구: 상호 달빛책방 | 사업자등록번호 {biz} | 통신판매업신고 제2021-서울은평-0123호 ¦ 개인사업자 {name} 씨 사업자등록번호는 {biz}이에요 ¦ 폐업한 사업자({biz})로 계산서가 발행됐습니다
홈택스에서 사업자번호 {biz:bare} 조회하면 간이과세자로 나와요 ¦ 사업자 등록 번호 {biz:spaced}
""",
    Entity.PASSPORT: """
여권번호: {passport} ¦ 여권번호는 {passport}입니다 ¦ 여권 번호 {passport}, 영문 성명 확인 부탁드려요 ¦ Passport No. {passport} ¦ passport number: {passport} ¦ My passport number is {passport} and it expires in 2031. ¦ 탑승객 {name} 여권 {passport} 만료일 {date}
{"passportNo":"{passport}","nationality":"KOR"} ¦ {"passport_number": "{passport}", "issued": "{date}"} ¦ 이름⇥여권번호⇥만료일⏎{name}⇥{passport}⇥{date} ¦ name,passport,nationality⏎{english},{passport},KOR
여권을 재발급 받아서 번호가 {passport}로 바뀌었어요 ¦ [상담요약] 해외송금 문의, 여권번호 {passport} 확인 후 한도 안내 ¦ 구여권 {passport} 분실 신고 접수 ¦ 항공권 예약하려고요. 여권은 {passport}이고 생년월일은 따로 보낼게요 ¦ Please check in passenger {english}, passport {passport}.
Travel document: passport, {passport}, Republic of Korea ¦ 여권번호 {passport:lower} 이라고 입력하면 오류가 납니다 ¦ 여권번호 {passport:gap} ¦ 여권번호: {passport:wide} ¦ 여권No. {passport} / 비자 종류 B-2
{date} {time} INFO apis.send pax=1 passportNo={passport} dest=NRT ¦ 실명확인증표: 여권({passport}) ¦ 면세점 구매 시 여권번호 {passport} 등록하면 됩니다 ¦ 신규 여권 발급 완료⏎번호 {passport}⏎수령 장소 종로구청 ¦ PASSPORT {passport} KOR ¦ 여권 사본 첨부합니다({passport})
<PassportNumber>{passport}</PassportNumber> ¦ 환자 {name} 국제진료센터 접수, 여권번호 {passport} ¦ 여권상 번호가 {passport}가 맞는지 확인해 주세요 ¦ Ppt no: {passport}, hotel check-in tonight
""",
    Entity.LICENCE: """
운전면허번호: {lic} ¦ 운전면허번호는 {lic}입니다 ¦ 면허번호 {lic} 1종 보통 ¦ 운전면허증 번호 {lic}, 적성검사 기간 문의 ¦ 면허 번호 {regional:region} ¦ Driver's license number: {lic} ¦ My Korean driving licence is {lic}, can I rent a car? ¦ Licence No. {lic} (Class 2)
{"licenseNo":"{lic}","type":"2종보통"} ¦ {"driver_license": "{lic:bare}", "verified": false} ¦ 이름⇥면허번호⇥갱신일⏎{name}⇥{lic}⇥{date} ¦ driver,license_no⏎{name},{lic} ¦ ~기사 {name} {lic} 배차 완료 ¦ 운전면허번호 {lic:bare}로 진위 확인 요청
운전면허 {regional:region} 소지자, 무사고 7년 ¦ 운전면허번호 {regional} ¦ [상담요약] 렌트 예약, 면허번호 {lic} 확인, 보험 자차 포함 ¦ 본인 확인: 운전면허증({lic}) ¦ 실명확인증표 운전면허증 {lic} 발급일 {date} ¦ 면허증에 {lic}라고 적혀 있어요 ¦ 운전면허번호: {lic:space} ¦ 운전면허번호 {lic:wide}
{date} {time} INFO rental.verify licenseNumber={lic} ok=true ¦ 운전자 {name}, 면허번호: {regional:region}, 차종 1톤 화물 ¦ ~{regional:region} {name} 1종대형 적성검사 대상 ¦ 면허번호 {lic:dash} ¦ 운전면허번호: {lic:nbsp} ¦ 카셰어링 앱에 면허번호 {lic} 등록이 안 돼요
<licNo>{lic}</licNo> ¦ 자동차운전면허증⏎번호: {lic}⏎성명: {name}⏎조건: A ¦ 신분증 종류: 운전면허증⏎면허번호: {lic}⏎암호일련번호: 별도 입력 ¦ 분실한 면허는 {lic}이고 재발급 수수료가 궁금합니다 ¦ 면허번호 {lic:spaced} 확인요
""",
    Entity.PHONE: """
전화번호: {mobile} ¦ 연락처 {mobile}입니다 ¦ 휴대폰 {mobile:bare}으로 문자 주세요 ¦ ~{name} {mobile} ¦ ~{mobile}로 전화 주세요 ¦ ~제 번호는 {mobile:space} 이에요 ¦ 핸드폰 번호 {mobile:dot} ¦ H.P {mobile} ¦ Tel. {land} ¦ TEL: {land:half} ¦ 사무실 {land:paren}
집전화 {land:bare} ¦ 자택 {land} 부재 시 {name}에게 전달 ¦ [상담요약] 고객 회신 번호 {mobile}, 오후 3시 이후 통화 희망 ¦ 보호자 연락처: {mobile} (딸) ¦ {"name":"{name}","phone":"{mobile}"} ¦ {"mobile": "{mobile:bare}", "sms": true} ¦ 이름⇥연락처⇥주소⏎{name}⇥{mobile}⇥경기도 성남시
이름,휴대전화,동의⏎{name},{mobile:bare},Y ¦ 인터넷 전화 {voip} ¦ 팩스 {land} ¦ ~담당자 {name} ({voip}) ¦ Please call me back at {mobile}. ¦ My Korean number is {mobile:intlm}. ¦ Phone: {mobile:intl} ¦ ~WhatsApp {mobile:intls}
{"msisdn":"{mobile:intlb}"} ¦ Contact: {mobile:intlz} ¦ Office phone {land:intlm}, ask for {english} ¦ 예전 번호 {old}에서 변경했습니다 ¦ 전화번호 {mobile:wide} ¦ 연락처: {mobile:nbsp} ¦ 핸드폰 {mobile:dash} ¦ 연락처 {mobile:first}
{date} {time} INFO sms.send to={mobile:bare} template=AUTH ok ¦ 네 고객님 휴대폰 번호가 {mobile:spoken} 맞으실까요 ¦ ~tel:{mobile:intl} ¦ 연락처 {mobile:tight} 남겨 두셨습니다 ¦ 수령인 {name} / {mobile} / 문 앞에 놓아 주세요
예약자 {name}님, 뒷번호 말고 전체 번호는 {mobile:bare}이요 ¦ 전화: {mobile:slash} ¦ ADMIN_PHONE={mobile:intlb}
""",
    Entity.ACCOUNT: """
계좌번호: {bank} {acct} ¦ {bank} {acct} 예금주 {name} ¦ 환불 계좌는 {bank} {acct}입니다 ¦ 입금계좌 {acct} ({bank}) ¦ {bank} {acct:bare} {name}으로 보내 주세요 ¦ 급여 계좌: {bank} / {acct} / {name} ¦ 계좌번호는 {acct}이고 {bank}이에요 ¦ {acct} {bank}로 입금해 주세요
Bank account: {ebank} {acct} ¦ Account number {acct}, {ebank} ¦ Please refund to my {ebank} account {acct}. Thanks, {english} ¦ {"bank":"{bank}","accountNo":"{acct:bare}","holder":"{name}"} ¦ {"bank_account_number": "{acct}"}
은행⇥계좌번호⇥예금주⏎{bank}⇥{acct}⇥{name} ¦ 이름,은행명,계좌번호⏎{name},{bank},{acct:bare} ¦ [상담요약] 자동이체 계좌 변경 요청, {bank} {acct}로 변경 완료 ¦ 출금계좌번호 {acct:bare} 잔액 부족으로 이체 실패 ¦ 통장 번호가 {acct} 맞나요? {bank}이요 ¦ 송금할 계좌 {bank} {acct}, 금액 {won}원
보증금 반환계좌 {bank} {acct}({name}) ¦ 본인 명의 계좌 {acct}에서 {won}원이 빠져나갔어요 ¦ {date} {time} INFO transfer.request fromAccount={acct:bare} amount={won} ¦ 보험금 지급 계좌: {bank} {acct} ¦ {bank} 계좌 {acct:space} 이렇게 불러 주셨습니다
계좌번호 {acct:wide} {bank} ¦ 계좌: {acct:nbsp} ({bank}) ¦ 계좌번호 {acct:dash} 예금주 {name} ¦ 계좌번호 {acct:spaced} ¦ 축의금 보내실 곳⏎{bank} {acct}⏎예금주 {name} ¦ 회비는 총무 계좌({bank} {acct})로 부탁드립니다 ¦ 대출 상환 계좌번호 {acct} 해지 문의 ¦ A/C No.: {acct} ({ebank})
모임통장 {bank} {acct}에 {won}원 입금했어요 ¦ 무통장입금 계좌번호 {acct:bare} {bank} 예금주 {name} ¦ UPDATE payee SET bank='{bank}', account_no='{acct}';
""",
    Entity.CARD: """
카드번호: {card} ¦ 카드번호 {card:space} ¦ 카드 번호는 {card}입니다 ¦ 신용카드 {card:bare} 결제 취소해 주세요 ¦ ~{card} 이 카드로 결제할게요 ¦ 체크카드번호 {card} ¦ Card number: {card:space} ¦ My card {card} was charged twice. ¦ credit card no. {card:bare}, exp 09/28
~Please charge {card:space} for the deposit. ¦ Amex {amex:space} exp 11/27 ¦ {"cardNumber":"{card:bare}","expiry":"12/27"} ¦ {"card_no": "{card}", "installment": 3} ¦ 이름⇥카드번호⇥유효기간⏎{name}⇥{card}⇥08/29 ¦ 고객,카드번호⏎{name},{card:bare}
[상담요약] 분실 신고, 카드번호 {card} 사용 정지 처리 완료 ¦ 법인카드 {card} 한도 조회 ¦ 분실한 카드는 {card:space}이고 어제부터 안 보여요 ¦ 결제카드 {card} 일시불 {won}원 ¦ 카드번호 {card:wide} ¦ 카드번호: {card:nbsp} ¦ 카드 {card:dash} 유효기간 07/28 ¦ 카드번호 {card:dot}
네 카드 번호 {card:space} 유효기간 십이월 이요 ¦ 카드번호 {card:spaced} ¦ {date} {time} ERROR pay.approve pan={card:bare} code=51 ¦ 아멕스 카드번호 {amex} ¦ 자동납부 카드 {card}로 변경 부탁드려요 ¦ ~{card:space} {english} 05/29 ¦ 카드번호 {amex:bare} (AMEX)
교통카드 겸용 신용카드({card})가 인식이 안 됩니다 ¦ pan: "{card:bare}"  # sandbox에 실카드가 들어갔습니다 ¦ <CardNo>{card}</CardNo> ¦ ~유료 회원 갱신: {name}, {card}, 03/30 ¦ 숙박 보증용 카드번호 {card:space}, 체크인 {date} ¦ 카드번호 {card:digits} 로 승인 요청 ¦ debit card {card}
""",
    Entity.EMAIL: """
이메일: {email} ¦ 이메일 주소는 {email}입니다 ¦ ~{email}로 견적서 보내 주세요 ¦ 메일 {email} 확인 부탁드립니다 ¦ ~답장은 {email}으로 주시면 돼요 ¦ E-mail: {email} ¦ ~Please send the receipt to {email}. ¦ My email is {email}, thanks! ¦ ~From: {english} <{email}>
~To: {email}; Subject: 배송 지연 문의 ¦ ~[{name}](mailto:{email}) ¦ {"name":"{name}","email":"{email}"} ¦ {"contact": {"mail": "{email}", "lang": "ko"}} ¦ 이름⇥이메일⇥부서⏎{name}⇥{email}⇥개발팀 ¦ 이름,이메일⏎{name},{email} ¦ user.email={email}
[상담요약] 명세서 이메일 수신 변경: {email} ¦ ~{name} 과장({email})에게 전달했습니다 ¦ ~git commit --author="{english} <{email}>" ¦ ~{date} {time} WARN mail.bounce rcpt={email} code=550 ¦ 계정 {email}에 로그인이 안 됩니다 ¦ 아이디(이메일) {email} 비밀번호 초기화 요청
~https://shop.kr/unsubscribe?u={email}&c=spring ¦ 이메일 {email:upper} ¦ 메일주소 {email:around} ¦ 이메일은 {email:snail} 이에요 ¦ contact: {email:at} ¦ e메일 : {email:broad} ¦ ~cc.{name}<{email}>,관리자 ¦ SMTP_USER="{email}"
~'{email}'님이 초대를 수락했습니다 ¦ email：{email}，확인바람 ¦ 회신처⏎{name} 드림⏎{email} ¦ ~MAIL FROM:<{email}> SIZE=2048 ¦ 전자우편 {email}/홈페이지 없음 ¦ ~"{email}","2024 하계 인턴","서류합격"
""",
    Entity.IP: """
IP: {ipv} ¦ IP 주소는 {ipv}입니다 ¦ 접속 IP {ipv} ¦ ~{ipv} - - [12/Mar/2025:10:15:32 +0900] "GET /index.html HTTP/1.1" 200 5123 ¦ 클라이언트 아이피 {ipv}에서 로그인 시도 ¦ {"clientIp":"{ipv}","ua":"okhttp"} ¦ {"remote_addr": "{ipsix}", "status": 403}
X-Forwarded-For: {ipv} ¦ ~{date} {time} sshd[2211]: Failed password for root from {ipv} port 52144 ssh2 ¦ ~ssh ubuntu@{ipv} ¦ ~curl http://{ipv}:8080/health ¦ ~postgres://app@{ipv}:5432/orders ¦ host: {ipv} ¦ DB_HOST={ipv}
~ping {ipv} 응답이 없어요 ¦ ~nginx: allow {ipv}; deny all; ¦ IPv6 address: {ipsix} ¦ ~listen [{ipsix}]:443 ssl; ¦ ~inet6 {ipsix}/64 scope global ¦ ~inet {ipv}/24 brd scope eth0 ¦ 해외 IP({ipv}) 로그인 차단 안내 ¦ ~{ipsix}에서 과도한 요청이 들어옵니다
이름⇥PC IP⇥층⏎{name}⇥{ipv}⇥7층 ¦ user,login_ip,at⏎{name},{ipv},{date} ¦ [상담요약] 원격지원, 고객 PC IP {ipv} 확인 후 공유기 재부팅 ¦ ~http://[{ipsix}]/admin ¦ ~peer={ipv}:50234 closed ¦ My IP address is {ipv} and I can't open the portal.
Login from new device, IP {ipsix}, Seoul ¦ ~server {ipv} weight=3 max_fails=2; ¦ 고정 IP {ipv}로 신청했어요 ¦ 아이피 {ipv:wide} ¦ ip={ipv}&ts=ok ¦ ~denied src={ipv} proto=TCP dport=3389 ¦ ~AAAA {ipsix}
~inet6 {linked}%eth0 prefixlen 64 scopeid 0x2 ¦ 게시글 작성자 ip : {ipv} ¦ ~{ipv}\tprinter-3f\t# 3층 복합기 ¦ VPN 할당 주소 {ipv}가 충돌합니다
""",
}

_HARMLESS = """
주문번호 {d4}-{d4}-{d4} 배송 언제 오나요? ¦ 주문번호: {d13} ¦ 주문번호 {ymd}-{d7} 취소해 주세요 ¦ 주문 {ymd}{d8} 교환 접수 ¦ Order #{d3}-{d7}-{d7} has shipped. ¦ order_id={d16} ¦ 운송장번호 {d4}-{d4}-{d4} ¦ 송장번호 {d12} 조회가 안 됩니다 ¦ 택배 운송장 {d13} (우체국)
등기번호 {d5}-{d4}-{d4} ¦ Tracking number 1Z{h6}03{d8} ¦ EMS tracking no. EG{d9}KR ¦ 인보이스 번호 INV-{ymd}-{d4} ¦ Invoice No. {d3}-{d2}-{d5} dated {date} ¦ 세금계산서 승인번호 {ymd}-{d8}-{h8} ¦ 견적번호 Q{ymd}-{d3} ¦ {"orderId": {d13}, "qty": {n1-9}}
청구서 번호 {d10} ¦ ISBN {isbn} ¦ ISBN-13: {isbn}, 2쇄 ¦ 책 ISBN은 {isbn}입니다 ¦ 바코드 {ean} 상품이 등록되지 않았어요 ¦ EAN {ean} ¦ 상품 바코드(880): {ean}, 재고 {n1-90}개 ¦ ISSN {d4}-{d4} ¦ GTIN-13 {ean} ¦ 고객센터 1588-{d4}로 문의하세요 ¦ 대표번호 1577-{d4}
상담은 1544-{d4}, 평일 9시~18시 ¦ 콜센터(1661-{d4}) 연결이 지연됩니다 ¦ 긴급신고 112, 화재·구급 119 ¦ 관광통역안내 1330, 민원 110 ¦ 불이 나면 119로, 범죄는 112로 신고하세요. 학교폭력은 117입니다. ¦ 다산콜센터 120, 정부민원 110 ¦ For emergencies in Korea dial 119; for police dial 112.
카드 분실신고 1588-{d4}(24시간) ¦ 전국대표 1899-{d4} ¦ 버전 {n1-9}.{n0-20}.{n0-30} 업데이트 ¦ Chrome/{n90-130}.0.{n4000-6999}.{n20-200} Safari/537.36 ¦ Windows 버전 10.0.{n17000-26000}.{n300-4000} ¦ 펌웨어 v{n1-5}.{n0-9}.{n0-9}.{n1-99} 배포
assembly version {n1-9}.0.{n0-9}.0 ¦ pip install numpy=={n1-2}.{n10-26}.{n0-4} ¦ "react": "^{n16-19}.{n0-3}.{n0-9}" ¦ npm i typescript@{n4-5}.{n0-9}.{n0-5} ¦ @types/node@{n16-22}.{n0-20}.{n0-9} ¦ FROM python:3.{n9-13}-slim
kernel {n4-6}.{n1-19}.{n0-200}-{n10-99}-generic ¦ 회의는 {date} {time}에 시작합니다 ¦ 기간: {date} ~ {date} ¦ {ymd} 백업 완료 ¦ 2025. {n1-12}. {n1-28}. 공고 ¦ 25/0{n1-9}/{n10-28} 점검 예정 ¦ {date}T{time}.{d3}Z ¦ 접수시간 09:00-12:30, 13:30-18:00
마감일은 {date}이에요 ¦ 타임스탬프 {ts}{d3} ¦ "created_at": {ts} ¦ exp={ts}&iat={ts} ¦ ts_us={ts}{d6} event=flush ¦ {date} {time},{d3} INFO scheduler tick={d6} ¦ epoch(ms) {ts}{d3} 기준 ¦ [{time}] 3번 창구 대기 {n1-40}명
uptime {n1-300} days, {time} ¦ 가격 {won}원 ¦ 총 결제금액 {won}원 (배송비 3,000원 포함) ¦ 매출 {won}천원, 전년비 {n1-40}.{n0-9}% 증가 ¦ USD {n1-9},{d3}.{d2} = KRW {won} ¦ 환율 1,{d3}.{d2}원 ¦ ₩{won} ¦ 예산 {d10}원 집행 ¦ Total: ${d4}.{d2} ¦ 좌표 37.{d6}, 126.{d6}
lat=35.{d7}&lng=129.{d7} ¦ 위도 37.{d4} 경도 127.{d4} ¦ N37° {n10-59}' {n10-59}.{d2}" E126° {n10-59}' {n10-59}.{d2}" ¦ POINT(127.{d6} 37.{d6}) ¦ {"type":"Point","coordinates":[126.{d5},37.{d5}]} ¦ {uuid} ¦ request_id={uuid}
X-Request-Id: {uuid} took {n1-900}ms ¦ {"traceId":"{h32}","spanId":"{h16}"} ¦ commit {h40} ¦ sha256:{h64} ¦ md5 {h32}  release.tar.gz ¦ ETag: "{h32}" ¦ git checkout {h7} ¦ docker pull app@sha256:{h64} ¦ MAC {mac}
맥 주소가 {mac}인 공유기 ¦ link/ether {mac} ¦ BSSID {mac} 신호 -{n40-80}dBm ¦ wlan0 HWaddr {mac} MTU 1500 ¦ 법인등록번호 {corp} ¦ 법인등록번호: {corp} / 본점 서울 ¦ 법인 등록번호는 {corp}입니다 ¦ Corporate registration number {corp} ¦ 등기부등본상 법인등록번호 {corp} 확인
{"corpRegNo": "{corp}"} ¦ 법인명⇥법인등록번호⏎(주)대륙⇥{corp} ¦ 사건번호 20{n10-25}가합{d5} ¦ 20{n10-25}형제{d5}호 ¦ 서울중앙지방법원 20{n10-25}나{d5} 판결 ¦ 특허 출원번호 10-20{n10-24}-{d7} ¦ 등록특허 10-{d7} ¦ 통신판매업신고 제20{n10-24}-서울강남-0{d4}호 ¦ 민원 접수번호 1AA-{ym}-{d7}
고시 제20{n10-24}-{n10-300}호 ¦ 제{n1-90}조 제{n1-5}항 제{n1-9}호에 따라 ¦ 공고번호 20{n10-24}-{d4} ¦ 나라장터 입찰공고 {ymd}{d3}-00 ¦ 상표 출원 40-20{n10-24}-{d7} ¦ 문서번호: 총무과-{d5} ({date}) ¦ 의안번호 22{d5} ¦ 응답자 {n1-9},{d3}명 중 {n10-90}.{n0-9}%가 찬성
인구 {won}명 (20{n10-24}년 기준) ¦ 평균 {n1-90}.{d2}, 표준편차 {n1-9}.{d3}, p<0.0{n1-5} ¦ 연도⇥건수⏎2022⇥{d6}⏎2023⇥{d6}⏎2024⇥{d6} ¦ n={d5}, OR 1.{d2} (95% CI 1.{d2}-2.{d2}) ¦ 우편번호 {zip} ¦ (우) {zip} 서울특별시 강남구 테헤란로 {n1-500} ¦ 구 우편번호 {d3}-{d3}
ZIP code {d5}-{d4}, USA ¦ 세종시 한누리대로 {n1-3000}, {zip} ¦ 경기도 수원시 영통구 {n1-300}번길 {n1-90}-{n1-30}, {n101-120}동 {n101-2500}호 ¦ 시리얼 번호 {u2}{d10} ¦ S/N: {u3}{d4}-{d6} ¦ 제조번호 {u1}{d8} 제품 AS 문의 ¦ Serial No. M{d8} (compressor)
부품번호 {d5}-{d5} 재고 있나요 ¦ 제품키 {k5}-{k5}-{k5}-{k5}-{k5} ¦ LOT {ymd}-{u1}{d2} 회수 대상 ¦ 배치번호 {u2}{d6} ¦ 쿠폰번호 {d4}-{d4}-{d4}-{d4} 사용 기간이 지났어요 ¦ 기프트코드 {k4}-{k4}-{k4} ¦ 승인번호 {d8} 매출 취소 ¦ 거래번호 {d16} 정상 처리 ¦ 현금영수증 승인번호 {d9}
인증번호 {d6}을 입력하세요 ¦ Your verification code is {d6}. ¦ 티켓 #{d5} 종료 ¦ for i in range({d4}): total += i * {n2-99} ¦ const TIMEOUT_MS = {d5}; ¦ SELECT count(*) FROM orders WHERE amount > {d7};
std::array<int, {n2-99}> a{{n1-9}, {n1-9}}; ¦ x = data[{n1-9}::{n2-5}] ¦ assert checksum == 0x{h8} ¦ #define BUF_SIZE {d4} ¦ /^01[016789]-?\\d{3,4}-?\\d{4}$/ 정규식이 안 먹혀요 ¦ phone.replace(/-/g, "") 결과 길이가 {n10-13}인지 검사
UUID v4 정규식: [0-9a-f]{8}-[0-9a-f]{4} ¦ color: #{h6}; margin: {n1-40}px {n1-40}px; ¦ chmod 0{n400-777} run.sh ¦ sleep {n1-60} && exit {n0-9} ¦ {n1-99} + {n1-99} × {n1-99} = {d4} ¦ 수식: {d4}-{d4}={n10-999}, 맞나요?
3.14159265358979{d4} ¦ 소인수분해 {d6} = 2 × {d6} ¦ 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144 수열의 다음 항은? ¦ √{d4} ≈ {n10-99}.{d4} ¦ f(x)={n2-9}x²-{n2-90}x+{d3} ¦ 1.{d5}e-{n10-19} ¦ IMG_{ymd}_{d6}.jpg ¦ KakaoTalk_{ymd}_{d9}.png
보고서_v{n1-9}.{n0-9}_{ymd}.docx 첨부 ¦ backup-{date}-{d6}.sql.gz ¦ /var/log/app/{ym}/out.{d4}.log ¦ scan{d7}.pdf 열람이 안 돼요 ¦ DSC0{d4}.NEF ¦ 회의록({ymd}) 최종_진짜최종{n2-9}.hwp ¦ 한국 {n0-5}-{n0-5} 일본, 전반 종료
세트 스코어 3-1 (25-{n10-23}, 25-{n10-23}, {n10-23}-25, 25-{n10-23}) ¦ 타율 0.{d3}, {n1-40}홈런 {n1-120}타점 ¦ 방어율 {n1-6}.{d2} 탈삼진 {n100-250} ¦ 100m 기록 {n10-12}.{d2}초 ¦ 6-4 3-6 7-5로 승리 ¦ 모델명 SM-S{d3}N ¦ LG {d2}UP{d3} 모니터
갤럭시 S{n20-25} 256GB {won}원 ¦ RTX {n3060-4090} Ti ¦ 프린터 MFC-L{d4}DW 토너 TN-{d4} ¦ i7-{n10700-14700}K ¦ 에어컨 필터 AF-{d4}-{d2} ¦ 베어링 규격 {d4}-2RS ¦ 볼트 M{n4-20}x{n10-90} {n10-900}개 ¦ 주민등록번호 뒷자리는 입력하지 마세요. ¦ 여권을 잃어버렸는데 재발급에 며칠 걸리나요?
사업자등록번호는 어디서 조회하나요? ¦ 운전면허 갱신 기간이 {n1-12}개월 남았어요 ¦ 외국인등록증은 입국 후 90일 안에 신청해야 합니다 ¦ 카드번호는 보통 16자리, 아멕스는 15자리예요 ¦ What is the difference between an ARC and a resident registration number? ¦ 주민번호는 앞 6자리와 뒤 7자리로 되어 있습니다
계좌번호 오류가 {n1-9}번 나면 이체가 잠깁니다 ¦ 이메일 주소를 바꾸고 싶어요 ¦ 전화번호는 010-XXXX-XXXX 형식으로 적어 주세요 ¦ 휴대폰 번호 010-****-**** 로 마스킹됩니다 ¦ Never send your card number or passport number by chat. ¦ 주민등록번호 YYMMDD-ABCDEFG에서 G는 검증번호예요
IP 주소가 자꾸 바뀌는데 고정할 수 있나요? ¦ 대기번호 {n1-300}번 고객님 {n1-9}번 창구로 오세요 ¦ 접수번호 {ymd}-{d5} ¦ 문의 번호 #{d8} 답변 완료 ¦ 장애 티켓 INC{d7} ¦ JIRA PROJ-{d4} 해결 ¦ RFC {d4} 2.{n1-9}.{n1-9}절 ¦ CVE-20{n18-25}-{d5} ¦ PR #{d4}를 머지했습니다 ¦ 상품코드 {d9}
종목코드 00{d4} 현재가 {won}원 ¦ KOSPI 2,{d3}.{d2} (+{n1-30}.{d2}) ¦ 로또 {n1000-1180}회 당첨번호 3, 11, 17, 22, 38, 45 ¦ 편명 KE{d3} 게이트 {n1-50} ¦ KTX {n100-280}열차 {n1-18}호차 {n1-15}A ¦ 버스 {d4}번, 정류장 ID {d2}-{d3} ¦ 금리 연 {n2-6}.{d2}%
혈압 {n100-150}/{n60-95}, 맥박 {n60-100}, 체온 36.{n1-9} ¦ WBC {n3-10}.{d2} Hb {n10-16}.{n0-9} PLT {n150-400} ¦ 처방: 아목시실린 500mg 1일 3회 {n3-7}일분 ¦ KCD 코드 J{d2}.{n0-9} ¦ 보험코드 64{d7} 급여 약제 ¦ 키 {n150-185}cm 몸무게 {n45-95}kg
DOI 10.{d4}/j.cell.20{n10-24}.{d2}.{d3} ¦ arXiv:2{n100-412}.{d5} ¦ OID 1.3.6.1.4.1.{d4}.{n1-9}.{n1-9} ¦ PMID: {d8} ¦ ISO/IEC 27001:2022, KS X {d4} ¦ 논문지 제{n10-60}권 {n1-12}호, pp. {n100-400}-{n401-800}
목차 {n1-9}.{n1-9}.{n1-9} 시험 방법 ¦ NCT0{d7} ¦ pod/api-{h10}-x2k4j Running {n0-9} {n1-90}m ¦ replicas: {n1-9} ports: [{d4}, {d4}] ¦ memory: {d4}Mi cpu: {d3}m ¦ GC pause {n1-90}.{d3}ms heap {d5}K->{d5}K ¦ HTTP 200 {d5} bytes in 0.{d3}s
pid={d5} exit code 137 ¦ errno -{n1-130} at 0x7f{h10} ¦ 품목,수량,단가⏎볼펜,{n1-90},{n1-9}00⏎노트,{n1-90},{n1-9},{d3} ¦ 학점 3.{d2}/4.5, TOEIC {n60-99}0 ¦ 부서코드⇥예산⏎A{d3}⇥{won}⏎B{d3}⇥{won} ¦ HS코드 {d4}.{d2}-{d4} ¦ 컨테이너 번호 {u3}U{d7}
계량기 지침 {d5} → {d5} kWh ¦ 전자납부번호 {d4}-{d4}-{d2}-{d1}-{d8}
"""
_TOKEN = re.compile(r"\{([a-z]+)(\d*)(?:-(\d+))?(?::([a-z]+))?\}")
_ALPHABETS = {"d": _DIGITS, "h": "0123456789abcdef", "u": "ABCDEFGHJKLMNPRSTUVWXYZ", "k": "23456789ABCDEFGHJKMNPQRTVWXY"}


def _checked(random: Random, first: str) -> str:
    body = first + _digits(random, 12 - len(first))
    return body + ean.calc_check_digit(body)


def _isbn(random: Random) -> str:
    number = _checked(random, "97911" if random.random() < 0.5 else "97889")
    return random.choice((number, f"{number[:3]}-{number[3:5]}-{number[5:9]}-{number[9:12]}-{number[12]}"))


_FILLERS: dict[str, Callable[[Random], str]] = {
    "name": lambda random: random.choice(_NAMES.split()),
    "english": lambda random: random.choice(_ENGLISH.split(",")),
    "date": lambda random: f"{_day(random, date(2022, 1, 1), date(2026, 12, 31)):%Y-%m-%d}",
    "ymd": lambda random: f"{_day(random, date(2022, 1, 1), date(2026, 12, 31)):%Y%m%d}",
    "ym": lambda random: f"{_day(random, date(2022, 1, 1), date(2026, 12, 31)):%y%m}",
    "time": lambda random: f"{random.randrange(24):02}:{random.randrange(60):02}:{random.randrange(60):02}",
    "ts": lambda random: str(random.randrange(1_650_000_000, 1_790_000_000)),
    "won": lambda random: f"{random.randrange(10, 900_000) * 100:,}",
    "zip": lambda random: f"{random.randrange(1000, 63650):05}",
    "uuid": lambda random: str(UUID(int=random.getrandbits(128), version=4)),
    "mac": lambda random: random.choice((":", ":", "-")).join(f"{random.randrange(256):02x}" for _ in range(6)),
    "corp": lambda random: "-".join(_corporation(random)),
    "isbn": _isbn,
    "ean": lambda random: _checked(random, "880"),
}


def _patterns(table: str) -> list[str]:
    return [pattern.strip() for line in table.strip().split("\n") for pattern in line.split(" ¦ ")]


def _filled(pattern: str, random: Random) -> tuple[str, str]:
    """The text of a pattern, and the personal value in it."""
    bank, english, *numbers = random.choice(_patterns(_BANKS)).split(",")
    kinds = _KINDS | {"acct": lambda random: _account(random, *numbers)}
    values = []

    def put(token: re.Match[str]) -> str:
        name, low, high, form = token.groups()
        if name in kinds:
            values.append(_written(kinds[name](random), form or "hyphen"))
            return values[-1]
        if name in {"bank", "ebank"}:
            return bank if name == "bank" else english
        if name == "n":
            return str(random.randint(int(low), int(high)))
        if name in _ALPHABETS:
            return "".join(random.choices(_ALPHABETS[name], k=int(low)))
        return _FILLERS[name](random)

    text = _TOKEN.sub(put, pattern.removeprefix("~")).replace("⏎", "\n").replace("⇥", "\t")
    return text, "".join(values)


def personal(random: Random) -> list[Told]:
    """Texts with one personal value each, as many of every entity."""
    told = []
    for entity, table in _PERSONAL.items():
        patterns = _patterns(table)
        for turn in range(PER_ENTITY):
            pattern = patterns[turn % len(patterns)]
            text, value = _filled(pattern, random)
            told.append(Told(Case(text, entity, value), pattern, labelled=not pattern.startswith("~")))
    return told


def harmless(random: Random) -> list[str]:
    """Texts that hold nothing personal."""
    patterns = _patterns(_HARMLESS)
    return [_filled(patterns[turn % len(patterns)], random)[0] for turn in range(HARMLESS)]
