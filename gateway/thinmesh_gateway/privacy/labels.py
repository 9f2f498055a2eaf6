"""What the words before a number say that it is. Pure.

Of several words the nearest counts: in `거래은행 110-123-456789` that is the bank and not the deal.
"""

from __future__ import annotations

import re

REACH = 24
"""How many characters before a number its label may begin."""

_BANKS = (
    "국민|신한|우리|하나|기업|산업|농협|수협|신협|카카오|토스|케이|새마을|우체국|씨티|제일|부산|대구|광주|전북|경남|제주|"
    "kb|nh|ibk|kdb|sc|im|shinhan|woori|hana|kakao|toss|citi"
)
_REGIONS = "서울|부산|경기|강원|충북|충남|전북|전남|경북|경남|제주|대구|인천|광주|대전|울산|세종"

# The kinds of label; a number with the label `other` is somebody's order, goods or paper and not personal.
_WORDS = {
    "resident": r"주민|외국인\s?등록|외국인\s?번호|거소|생년월일|resident|\brrn|\bfrn|\barc\b|alien|national\s?id",
    "business": r"사업자|business|\bbrn",
    "licence": r"면허|licen[cs]e|driver",
    "passport": r"여권|passport",
    "phone": r"전화|연락처|문의|고객\s?센터|상담|휴대폰|핸드폰|휴대전화|팩스|\btel|phone|mobile|\bfax|call",
    "account": (
        r"은행|뱅크|계좌|통장|입금|송금|이체|예금|예치|농협|수협|신협|새마을\s?금고|우체국|저축|환불|증권|"
        r"account|acct|\ba/c|bank|transfer|deposit|\bwire|payout|"
        rf"(?:{_BANKS})(?=[ :(\[\])]{{0,3}}\Z)"
    ),
    "card": r"카드|\bcard|visa|master|amex",
    "version": r"버전|버젼|version|\bver|\bv(?=[ .]?\Z)|release|릴리스|펌웨어|firmware|빌드|build|\boid|제(?=\s?\Z)",
    "ip": r"아이피|\bip|주소|address|서버|server|host|접속|ping|게이트웨이|gateway|\bdns",
    "region": rf"(?:{_REGIONS})(?=[ -]?\Z)",
    "other": (
        r"주문|송장|운송장|택배|배송|접수|예약|상품|제품|품번|품목|부품|모델|시리얼|일련|바코드|승인|거래\s?(?:번호|id)|영수증|문서|티켓|추적|"
        r"참조|관리\s?번호|법인|도서|쿠폰|상품권|타임스탬프|버전|사건|특허|공고|로트|재고|합계|금액|"
        r"isbn|order|invoice|tracking|serial|model|part|\bsku|ticket|\bref|version|transaction|receipt|barcode|\bean\b|\bupc|gtin|imei|"
        r"coupon|voucher|timestamp|\blot|batch|build|commit|hash|patent|total|amount"
    ),
}
_LABEL = re.compile("|".join(f"(?P<{kind}>{words})" for kind, words in _WORDS.items()), re.ASCII | re.IGNORECASE)
_AFTER = re.compile(
    r"[^\n0-9]{0,12}?(?:은행|뱅크|계좌|통장|입금|송금|이체|예금|농협|수협|신협|새마을|우체국|bank|account)",
    re.ASCII | re.IGNORECASE,
)
_COUNTED = re.compile(
    r"\s?(?:원|달러|엔|위안|유로|건|명|개|회|번째|바이트|krw|won|usd|bytes?|ms\b|%)", re.ASCII | re.IGNORECASE
)

AFTER = 20
"""How many characters after a number the words behind it may end."""


def before(text: str, at: int) -> str | None:
    """The kind of the nearest label before a place; None where there is none."""
    kind = None
    for match in _LABEL.finditer(text, max(0, at - REACH), at):
        kind = match.lastgroup
    return kind


def bank_after(text: str, at: int, stop: int) -> bool:
    """Whether the words behind a number are a bank's."""
    return _AFTER.match(text, at, min(at + AFTER, stop)) is not None


def counted_after(text: str, at: int, stop: int) -> bool:
    """Whether what follows makes a number an amount."""
    return _COUNTED.match(text, at, stop) is not None
