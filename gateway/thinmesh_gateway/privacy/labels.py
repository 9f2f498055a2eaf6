"""What the words around a number say that it is. Pure.

Of several words the nearest counts: in `상품 계좌 110-123-456789` that is the account and not the goods.
"""

from __future__ import annotations

import re

REACH = 24
"""How many characters before a number its label may begin."""

NEAR = 12
"""The same where a check digit speaks against the label."""

AFTER = 20
"""How many characters after a number the words behind it may end."""

_BANKS = (
    "국민|신한|우리|하나|기업|산업|카카오|토스|케이|씨티|제일|_kb|_nh|_ibk|_kdb|_sc|_im|shinhan|woori|_hana|kakao|_toss|_citi"
)
_REGIONS = "서울|부산|경기|강원|충북|충남|전북|전남|경북|경남|제주|대구|인천|광주|대전|울산|세종"

# Words by what they make of a number; `other` is somebody's order, goods or paper. "_" stands for no letter or digit before.
_WORDS = {
    "resident": "주민|외국인등록|외국인 등록|외국인번호|거소|생년월일|resident|_rrn|_frn|_arc|alien|national id",
    "business": "사업자|business|_brn",
    "company": "법인|corporate",
    "licence": "면허|license|licence",
    "passport": "여권|passport",
    "phone": "전화|연락처|문의|고객센터|고객 센터|상담|휴대폰|핸드폰|팩스|_tel|phone|mobile|_fax|_call",
    "account": (
        "은행|뱅크|카뱅|계좌|통장|입금|출금|송금|이체|환불|환급|예금|예치|농협|수협|신협|새마을|우체국|저축|증권|"
        "account|_acct|_a/c|bank|transfer|deposit|remit|_iban|_wire|payout"
    ),
    "card": "카드|_card|_visa|master|_amex",
    "version": (
        "버전|버젼|릴리스|펌웨어|빌드|패치|업데이트|커널|드라이버|소프트웨어|"
        "version|_ver|release|firmware|build|patch|update|kernel|driver|software|chrome|firefox|safari|_oid"
    ),
    "ip": "아이피|_ip|주소|address|서버|server|host|접속|_ping|게이트웨이|gateway|_dns",
    "other": (
        "입금액|출금액|송금액|이체액|환불액|입금일|출금일|송금일|이체일|환불일|금액|합계|잔액|한도|"
        "주문|송장|택배|배송|접수|예약|상품|제품|품번|품목|부품|모델|시리얼|일련|바코드|승인|거래번호|거래 번호|영수증|문서|"
        "티켓|추적|참조|관리번호|관리 번호|도서|쿠폰|타임스탬프|사건|특허|공고|로트|재고|고객번호|고객 번호|"
        "회원|사번|학번|확인번호|확인 번호|대기|순번|신청|요청|처리|조회|계약|청구|고지|납부|인증번호|인증 번호|코드|"
        "_isbn|order|invoice|tracking|serial|model|_part|_sku|ticket|_ref|transaction|receipt|barcode|_ean|_upc|_gtin|_imei|"
        "_code|_s/n|_id|coupon|voucher|timestamp|_lot|_batch|commit|_hash|patent|_total|amount"
    ),
}
# Words that are labels only right before a number: they mean much else.
_CLOSE = {"account": _BANKS, "region": _REGIONS, "version": "제|_v"}

_KINDS = {word.lstrip("_"): kind for kinds in (_WORDS, _CLOSE) for kind, words in kinds.items() for word in words.split("|")}


def _any_word() -> re.Pattern[str]:
    """Longer words first, and every one beginning with its own letter: so Python passes other places by at once."""
    patterns: list[str] = []
    for words, ahead in ((_WORDS, ""), (_CLOSE, r"(?=[ .:()\[\]-]{0,3}\Z)")):
        for word in "|".join(words.values()).split("|"):
            first, rest = word.lstrip("_")[0], word.lstrip("_")[1:]
            start = f"{first}(?<![a-z0-9]{first})" if word.startswith("_") else first
            patterns.append(start + rest + ahead)
    return re.compile("|".join(sorted(patterns, key=len, reverse=True)))


_LABEL = _any_word()
_BANK_AFTER = re.compile(
    r"[^\n0-9]{0,12}?(?:은행|뱅크|계좌|통장|입금|송금|이체|예금|농협|수협|신협|새마을|우체국|bank|account)"
    rf"|[ (\[]{{1,2}}(?:{_BANKS.replace('_', '')})",
    re.ASCII | re.IGNORECASE,
)
_COUNTED = re.compile(r"\s?(?:원|달러|엔|위안|유로|건|명|개|회|번째|바이트|krw|won|usd|bytes?|ms\b|%)", re.IGNORECASE)
_CURRENCIES = frozenset("₩￦$€£¥")


def before(text: str, at: int, reach: int = REACH) -> str | None:
    """The kind of the nearest label before a place; None where there is none."""
    kind = None
    for match in _LABEL.finditer(text[max(0, at - reach) : at].lower()):
        kind = _KINDS[match[0]]
    return kind


def bank_after(text: str, at: int, stop: int) -> bool:
    """Whether the words behind a number are a bank's."""
    return _BANK_AFTER.match(text, at, min(at + AFTER, stop)) is not None


def amount(text: str, start: int, end: int, stop: int) -> bool:
    """Whether a currency before a number or a unit behind it makes it an amount."""
    return text[max(start - 1, 0) : start] in _CURRENCIES or _COUNTED.match(text, end, stop) is not None
