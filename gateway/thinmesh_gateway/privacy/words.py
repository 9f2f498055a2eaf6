"""The words that say what a number is: tables, without any logic. Pure.

"_" before a word stands for no letter or digit there, "~" inside it for a space, "_", "-", "." or nothing: so `biz~no` is also
`bizNo`, `biz_no` and `biz no`. Everything is compared in lower case.
"""

from __future__ import annotations

LABELS = {
    "resident": (
        "주민|주민~등록|주민~번호|주민~등록~번호|주민~등록증|생년월일|외국인~등록|외국인~번호|외국인~등록~번호|등록~외국인|거소|체류~카드|체류~번호|"
        "resident|_rrn|_frn|_arc|_jumin|_ssn|alien|foreigner|national~id|registration~card|residence~card"
    ),
    "company": "법인~등록|법인~번호|법인~등록~번호|corporate~registration|company~registration|corp~reg|corp~no|_crn",
    "business": (
        "사업자|사업자~번호|사업자~등록|사업자~등록~번호|등록~번호|공급자|공급받는자|납세|세금~계산서|"
        "business|_biz|_tax|_bizno|_brn|_brno|tax~id|tax~no|tax~reg|_tin|_vat|reg~no"
    ),
    "licence": "면허|운전~면허|면허증|면허~번호|license|licence|driver|driving|_dl|_dln|_dlno",
    "passport": "여권|여권~번호|패스포트|passport|_ppt|_pp~no",
    "phone": "전화|연락처|문의|고객~센터|상담|휴대폰|핸드폰|폰번호|팩스|_tel|phone|mobile|_fax|_call|_cell",
    "account": (
        "은행|뱅크|뱅킹|계좌|통장|입금|출금|송금|이체|환불|환급|예금|적금|예치|저축|증권|농협|축협|수협|신협|새마을|우체국|우정|카뱅|케뱅|토뱅|"
        "account|_acct|_acc~no|_a/c|bank|transfer|deposit|remit|_iban|_wire|payout|refund"
    ),
    "card": "카드|법카|신카|체카|_card|creditcard|debitcard|_visa|master|_amex|_jcb|_cc|_pan",
    "version": (
        "버전|버젼|릴리스|릴리즈|펌웨어|빌드|패치|업데이트|커널|드라이버|소프트웨어|"
        "version|_ver|release|firmware|build|patch|update|kernel|software|chrome|firefox|safari|_oid"
    ),
    "email": "메일|e~mail|mail~addr|contact",
    "ip": "아이피|_ip|주소|address|서버|server|host|접속|_ping|게이트웨이|gateway|_dns|remote",
}
"""Words by what they make of a number that follows."""

BANKS = (
    "국민|신한|우리|하나|외환|기업|산업|제일|씨티|한미|조흥|주택|카카오|토스|케이|아이엠|부산|경남|대구|광주|전북|제주|수출입|"
    "_kb|_nh|_ibk|_kdb|_sc|_im|_keb|_bnk|_dgb|_jb|_mg|_hsbc|shinhan|woori|_hana|kakao|_toss|k~bank|_kbank|kookmin|nonghyup|suhyup|_citi|"
    "키움|미래에셋|삼성|한국투자|한투|대신|메리츠|유안타|유진|교보|하이투자|현대차|신영|"
    "_sbi|웰컴|페퍼|애큐온|상상인|다올|한화|디비|_db|카카오페이|네이버페이|토스페이|페이코|산림|우정사업|도이치"
)
"""Names of banks and of others who hold accounts. They mean much else, so they are labels only beside a number."""

REGIONS = "서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충북|충남|전북|전남|경북|경남|제주"
"""What stood first in a driving licence before it was a number."""

FIRST_OF_REGIONS = "".join(sorted({region[0] for region in REGIONS.split("|")}))

GOODS = "주문|발주|택배|배송|상품|제품|도서|order|purchase|shipment|transaction|amount"
"""What is bought: with a word for number or a colon behind it a label like THINGS, else only a reason to doubt bare digits."""

THINGS = (
    "운송장|송장|등기|품번|품목|부품|모델|시리얼|일련|바코드|영수증|티켓|쿠폰|바우처|상품권|기프트|제품키|라이선스키|"
    "타임스탬프|사건|특허|출원|공고|로트|재고|사번|학번|순번|전표|게시글|우편|"
    "입금액|출금액|송금액|이체액|환불액|입금일|출금일|송금일|이체일|환불일|금액|수수료|합계|잔액|한도|"
    "_isbn|_issn|_po|invoice|tracking|waybill|serial|_model|_part|_sku|ticket|receipt|barcode|_ean|_upc|"
    "_gtin|_imei|_s/n|_sn|coupon|voucher|gift~card|promo|timestamp|_lot|_batch|commit|_hash|patent|_total|_trace|_case|_seed"
)
"""What has numbers of its own, which are nobody's."""

IDS = "_id|아이디|_code|코드|_key|_ref|reference"
"""What numbers are called that are nobody's, unless a label stands before: a `passport id` is a passport's."""

DEEDS = (
    "접수|예약|승인|거래|문서|추적|참조|관리|고객|회원|멤버십|확인|대기|신청|요청|처리|조회|계약|증서|청구|고지|납부|인증|발급|결제|등재|민원|"
    "booking|reservation|confirmation|approval|request|customer|member|membership|policy|claim|contract|application|user|product|item|message|document"
)
"""What is done, or by whom: with a word for number behind it it has numbers of its own, else it says nothing of them."""

NUMBER = "번호|넘버|코드|아이디|번|no|nr|num|number|id|code|key|#"
"""Words for number."""
