"""Personal values of every kind, made from their formats; phonenumbers and python-stdnum say that they are right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from random import Random

import phonenumbers
from stdnum import luhn
from stdnum.kr import brn, rrn

from thinmesh_gateway.privacy.entities import Entity

RANDOM_TAILS_SINCE = date(2020, 10, 5)

BANKS = {
    "국민은행": "6-2-6", "신한은행": "3-3-6", "우리은행": "4-3-6", "하나은행": "3-6-5", "농협": "3-4-4-2", "기업은행": "3-6-2-3",
    "카카오뱅크": "4-2-7", "토스뱅크": "4-4-4", "케이뱅크": "3-3-6", "새마을금고": "4-4-4-1", "우체국": "6-2-6", "부산은행": "3-4-4-2",
}  # fmt: skip


_BETWEEN = ("-",) * 6 + (" ", " ", "", "", " - ", ".", "/", "_", "\u00b7", "\u2013", "\u3161")
"""How the parts of a number are set apart, the same between all of them."""


def digits(chance: Random, count: int) -> str:
    """So many, the first not 0."""
    return "".join([chance.choice("123456789"), *chance.choices("0123456789", k=count - 1)])


def _written(chance: Random, *parts: str) -> str:
    return chance.choice(_BETWEEN).join(parts)


def _person(chance: Random, *, foreigner: bool) -> str:
    day = date(1940, 1, 1) + timedelta(days=chance.randrange(31_000))
    century = (7 if foreigner else 3) if day.year >= 2000 else (5 if foreigner else 1)
    head = f"{day:%y%m%d}{century + chance.randrange(2)}{chance.randrange(96):02}{chance.randrange(1000):03}"
    if day >= RANDOM_TAILS_SINCE or (foreigner and chance.random() < 0.5):
        tail = str(chance.randrange(10))
    elif foreigner:
        weights = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
        tail = str((13 - sum(int(digit) * weight for digit, weight in zip(head, weights, strict=True)) % 11) % 10)
    else:
        tail = rrn.calc_check_digit(head)
        assert rrn.is_valid(head + tail), head
    number = head + tail
    return chance.choice(("-",) * 6 + (" - ", "", " ", "\u2013", "\u3161")).join((number[:6], number[6:]))


def _business(chance: Random) -> str:
    head = f"{chance.randrange(101, 1000)}{chance.randrange(1, 100):02}{chance.randrange(1, 10_000):04}"
    total = sum(int(digit) * weight for digit, weight in zip(head, (1, 3, 7, 1, 3, 7, 1, 3, 5), strict=True))
    number = head + str(-(total + int(head[8]) * 5 // 10) % 10)
    assert brn.is_valid(number), number  # its form alone
    return chance.choice(tuple(filter(None, _BETWEEN))).join((number[:3], number[3:5], number[5:]))


def _passport(chance: Random) -> str:
    new = f"{digits(chance, 3)}{chance.choice('ABCDEFGHJKLMNPRSTUVWXYZ')}{digits(chance, 4)}"
    letter, number = chance.choice("MSROD"), chance.choice((new, digits(chance, 8)))
    return chance.choice((letter + number, letter + number, f"M {number}", f"m{number}".lower()))


_REGIONS = ("서울", "부산", "경기", "강원", "충북", "전남", "대구", "인천", "울산", "제주")


def _licence(chance: Random) -> str:
    region = chance.choice((*range(11, 27), 28))
    rest = (f"{chance.randrange(100):02}", f"{chance.randrange(10**6):06}", f"{chance.randrange(100):02}")
    between = chance.choice(tuple(filter(None, _BETWEEN)))
    return (
        between.join((str(region), *rest))
        if chance.random() < 0.7
        else f"{chance.choice(_REGIONS)}{chance.choice(' -')}{'-'.join(rest)}"
    )


def _phone(chance: Random) -> str:
    while True:
        area = chance.choice(("010",) * 6 + ("011", "016", "019", "02", "031", "032", "051", "064", "070", "0505"))
        exchange = str(chance.randrange(2000, 10_000) if area in {"010", "070"} else chance.randrange(200, 1000))
        number = (area, exchange, f"{chance.randrange(10_000):04}")
        if phonenumbers.is_possible_number(phonenumbers.parse("".join(number), "KR")):
            break
    return chance.choice(
        (
            _written(chance, *number),
            ".".join(number),
            f"+82 {area[1:]}-{number[1]}-{number[2]}",
            f"+82-{area[1:]}-{number[1]}-{number[2]}",
            f"82-{area[1:]}-{number[1]}-{number[2]}",
            f"0082 {area[1:]} {number[1]} {number[2]}",
            f"{area}){number[1]}-{number[2]}",
            f"({area}) {number[1]}-{number[2]}",
            phonenumbers.format_number(phonenumbers.parse("".join(number), "KR"), phonenumbers.PhoneNumberFormat.E164),
        )
    )


def _account(chance: Random) -> str:
    parts = [digits(chance, int(count)) for count in chance.choice([*BANKS.values()]).split("-")]
    return chance.choice(("-", "-", "-", " ", "", " - ", ".", "/")).join(parts)


def _card(chance: Random) -> str:
    prefix, length = chance.choice(
        (("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("37", 15), ("3569", 16), ("62", 16), ("9410", 16))
    )
    number = prefix + "".join(chance.choices("0123456789", k=length - len(prefix) - 1))
    number += luhn.calc_check_digit(number)
    groups = (4, 6, 5) if length == 15 else (4, 4, 4, 4)
    starts = [sum(groups[:index]) for index in range(len(groups))]
    return _written(chance, *(number[start : start + size] for start, size in zip(starts, groups, strict=True)))


def _email(chance: Random) -> str:
    name = chance.choice(("hong", "gil.dong", "kim_cs", "lee-yj", "park+shop", "u")) + str(chance.randrange(10_000))
    host = chance.choice(("naver.com", "daum.net", "mail.go.kr", "snu.ac.kr", "example.co.kr", "a-b.io", "gmail.com"))
    return f"{name}{chance.choice(('@',) * 8 + (' @ ', '(at)', ' [at] ', '골뱅이'))}{host}"


def _ip(chance: Random) -> str:
    if chance.random() < 0.3:
        return f"2001:db8:{chance.randrange(1, 65536):x}::{chance.randrange(1, 65536):x}"
    return ".".join(str(chance.randrange(11, 255)) for _ in range(4))


MADE: dict[Entity, Callable[[Random], str]] = {
    Entity.RESIDENT: lambda chance: _person(chance, foreigner=False),
    Entity.FOREIGNER: lambda chance: _person(chance, foreigner=True),
    Entity.BUSINESS: _business,
    Entity.PASSPORT: _passport,
    Entity.LICENCE: _licence,
    Entity.PHONE: _phone,
    Entity.ACCOUNT: _account,
    Entity.CARD: _card,
    Entity.EMAIL: _email,
    Entity.IP: _ip,
}
