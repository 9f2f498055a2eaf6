"""What Korean names begin with, and the words around them that speak for or against a person: tables alone. Pure."""

from __future__ import annotations

LONG_SURNAMES = frozenset("남궁 황보 제갈 사공 선우 서문 독고 동방".split())  # noqa: SIM905  # a table
"""Surnames of two syllables."""

SURNAMES = frozenset(
    "나김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노하곽성차주우구민진지엄채원천방공현함변염여추도"
    "소석선설마길연위표명기반라왕금옥육인맹제모탁국어은편용예경봉사부가복태목형계피두감음빈동온호범좌팽승간상시갈단"
    "견당"
)
"""Surnames of one syllable."""

NAMED = "이름|성명|성함|예금주|고객명|환자명|회원명|직원명|학생명|입금자명|예약자명|보호자명"
"""Labels that mean a name and nothing else."""

LABELS = (
    rf"{NAMED}|대표이사|입금자|입금인|송금인|"
    "고객명|예금주|수취인|수령인|수신인|받는 ?분|받는 ?사람|보내는 ?분|보내는 ?사람|담당자|담당의|주치의|"
    "환자명|환자|보호자|신청인|신청자|계약자|피보험자|수익자|대표자|예약자|주문자|구매자|작성자|발신인|발신자|수신자|"
    "회원명|고객|직원|직원명|참석자|학생|학생명|학부모|세대주|배우자|임차인|임대인|원고|피고|피해자|증인|상담원|상담자|"
    "가입자|의뢰인|name|customer|patient|recipient|sender|passenger|guest|holder|contact|employee"
)
"""What a person's name stands behind."""

THINGS = (
    "회사|기업|상호|상품|제품|파일|폴더|모델|은행|프로젝트|서비스|호스트|도메인|브랜드|학교|병원|품목|메뉴|지점|부서|팀|"
    "장소|동물|도시|나라|변수|함수|file|host|product|model|company|brand|bank|project|service|domain|class|function|"
    "field|column|table|tool|event|user|display|path"
)
"""Whose name is no person's: before a label they take its force away."""

HONORIFICS = "귀하|님|씨|군|양"

TITLES = (
    "선생|고객|환자|회원|대리|과장|차장|부장|팀장|실장|본부장|사원|주임|계장|국장|이사|상무|전무|대표|사장|부사장|회장|"
    "부회장|교수|박사|기사|변호사|의사|간호사|약사|원장|소장|센터장|의원|장관|총리|대통령|감독|선수|코치|배우|가수|작가|"
    "기자|판사|검사|목사|신부|스님|연구원|매니저|조교|강사|학생|어린이|할머니|할아버지|어르신|여사|수석|책임|선임|프로|"
    "대원|경사|경위|병장|상병|일병|이병|대위|소령|중령|대령"
)
"""What stands behind a person's name."""

PARTICLES = (
    "이?라고|이?라는|이?라서|이?란|입니다|입니까|이?고|이?며|이?었[가-힣]*|이에요|예요|이?죠|인데|인지|"
    "께서(?:는|도)?|에게(?:서|는|도)?|한테(?:서|는|도)?|께(?:는)?|으?로부터|으?로|이?랑|하고|까지|부터|처럼|보다|마저|조차|"
    "만|도|의|은|는|이|가|을|를|과|와|아|야|이는|이가|이의|이를|이와|이도|이에게|이한테"
)

TO_PERSONS = ("에게", "한테", "께", "이에게", "이한테")
"""Particles that follow persons."""

SAID_OF_SELF = ("라고", "이라고", "입니다", "이에요", "예요")

BUSINESSES = (
    "은행|전자|대학교|대학|대학원|병원|의원|그룹|증권|화재|생명|건설|물산|마트|카드|보험|백화점|호텔|고등학교|중학교|"
    "초등학교|유치원|시장|공항|역|시|도|구|군|동|읍|면|리|로|길|공원|아파트|빌딩|타워|센터|지점|지사|본사|공장|제약|"
    "식품|화학|중공업|자동차|항공|해운|통신|텔레콤|신문|일보|방송|출판|재단|협회|재판소|법원|경찰서|구청|시청"
)
"""What stands behind the name of a place or a company."""

PLACE_ENDINGS = "시구군읍면"
"""What a place's name ends with; of those 도, 동, 리 and 역 many names do too."""

PLACES_AND_COMPANIES = (
    "은행",
    "대학",
    "여대",
    "병원",
    "전자",
    "그룹",
    "증권",
    "생명",
    "카드",
    "센터",
    "시장",
    "공항",
    "구청",
    "시청",
    "마트",
)

UNIT_ENDINGS = "팀부과실국처점반비료율금액들"
"""What a department's name ends with, and other words that the tagger cuts as it cuts names."""

NO_NAMES = frozenset(
    (  # noqa: SIM905  # a table
        "서울 강남 강동 강서 강북 강릉 강원 강원도 강화도 경기 경기도 경남 경북 경주 고양 고창 공주 광주 구로 구리 구미 "
        "금천 기장 김포 김해 나주 남원 남양주 노원 도봉 동해 마포 명동 목포 문경 방콕 부산 부천 부평 사천 상주 서초 "
        "서대문 석촌 선릉 성남 성북 성동 성수동 송도 송파 시흥 신촌 신림 안동 안산 안성 안양 양산 양주 양천 양평 여수 "
        "여의도 여주 연천 연희동 영월 예산 용산 용인 원주 은평 은평구 음성 이천 이태원 인천 임실 전남 전북 전주 정읍 "
        "정선 제주 제주도 제천 조선 주안 진주 진해 천안 태안 태백 하남 하동 한강 한국 한남동 홍대 홍성 홍천 홍콩 황해 "
        "현대 구글 구찌 기아 남양 농협 도요타 두산 마이크로 맥도날드 부영 삼성 서브웨이 소니 신세계 신한 안랩 어도비 "
        "오뚜기 우리 유니클로 유튜브 유한양행 이마트 이디야 이베이 인스타 인텔 전자랜드 조선일보 하나 하이닉스 하이마트 "
        "하이트 한겨레 한솔 한샘 한화 현대차 기업 국민 제일 이스타 이케아 노키아 태광 금호 동양 동아 동원 대한 고려 신라 "
        "조선왕조 미기재 미입력 성명란 기재란 이메일 연락처 전화번호 주소지 주민번호 정보 고객 주문 변경 신청 지원 이용 "
        "이름 성명 주소 담당 남성 여성 남자 여자 남편 이벤트 기타 공백 이하 이상 홍보팀 인사팀 지원팀 구매팀 인턴 안내 "
        "문의 예약 접수 없음 익명 비공개 미정 이순신 세종대왕 공자 맹자 예수 부처 석가모니 하나님 하느님 이슬람 유대인 "
        "정부 국회 이탈리아 이스라엘 이집트 인도 이란 이라크 남아공 노르웨이 조지아 시리아 오스트리아 홍길동전 춘향전 "
        "소크라테스 유럽 남미 중국 일본 미국"
    ).split()
)
"""What looks like a name, and is none."""

LATIN_THINGS = frozenset(
    (  # noqa: SIM905  # a table
        "inc ltd corp co llc gmbh company bank university college hospital support service services center centre team "
        "department group hotel airlines store shop unknown required optional none null not available relations success "
        "care experience satisfaction first last name the a an your value string type street road city north south east "
        "west new default model test"
    ).split()
)
"""Words of Latin letters that are in no person's name."""
