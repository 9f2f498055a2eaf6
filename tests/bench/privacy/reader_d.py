# ruff: noqa: RUF001
"""Texts of a second, blind reader (A), who never saw the detector nor its tests.

Written from public formats alone and committed before the detector was asked about a single text. Rules: a careful human
reader can tell from the text itself that the value is personal (its format or its label says so) or that nothing is;
about four writings in five are the usual ones. Check digits are right, but for the numbers given since October 2020.

The patterns stand in reader_d_personal.txt (under "== " and the entity; after them the words that are put into them) and
reader_d_harmless.txt, one a line. "~" begins one whose value no label names. «...» is filled in: «v» is the value in any
writing, «u» in its usual one, «s» as programs write it, «c» in digits alone, others as the entity's writer says; the words
around it are ``_slot``'s.
"""

import hashlib
import re
from collections.abc import Callable
from ipaddress import IPv6Address
from pathlib import Path
from random import Random
from typing import NamedTuple
from uuid import UUID

import phonenumbers
from stdnum import ean, luhn
from stdnum.kr import rrn

from bench.privacy.corpus import Case
from thinmesh_gateway.privacy.entities import Entity

PERSONAL_EACH = 200
HARMLESS = 2500


class Told(NamedTuple):
    """A case, the pattern that it was made of, and whether the text names what the value is."""

    case: Case
    pattern: str
    labelled: bool = True


def personal(random: Random) -> list[Told]:
    """Return 200 texts with one personal value each, of every entity, from its patterns in turn."""
    tables = {entity: _lines(entity) for entity in VALUES}
    return [_told(random, entity, table[n % len(table)]) for entity, table in tables.items() for n in range(PERSONAL_EACH)]


def harmless(random: Random) -> list[str]:
    """Return 2500 different texts with no personal value, from the harmless patterns in turn."""
    table = Path(__file__).with_name("reader_d_harmless.txt").read_text(encoding="utf-8").splitlines()
    texts: dict[str, None] = {}
    turn = 0
    while len(texts) < HARMLESS:
        texts[_lead(random) + _filled(random, table[turn % len(table)], random.choice(list(BANKS)))] = None
        turn += 1
    return list(texts)


def _lines(section: str) -> list[str]:
    text = Path(__file__).with_name("reader_d_personal.txt").read_text(encoding="utf-8")
    return text.partition(f"== {section}\n")[2].partition("\n== ")[0].splitlines()


def _lists(section: str) -> dict[str, list[str]]:
    return {name: words.split("|") for name, _, words in (line.partition("|") for line in _lines(section))}


def _told(random: Random, entity: Entity, pattern: str) -> Told:
    labelled = not pattern.startswith("~")
    bank = random.choice(list(BANKS))
    before, how, after = re.split(r"«([a-z0-9])»", pattern.removeprefix("~"), maxsplit=1)
    before, after = _lead(random) + _filled(random, before, bank), _filled(random, after, bank)
    value = VALUES[entity](random, how, bank if entity is Entity.ACCOUNT else "" if labelled else "checked")
    if after.startswith("로") and value[-1] in "036０３６mM":
        after = f"으{after}"
    text = before + value + (after.replace("§mrz", _mrz(random, value)) if "§mrz" in after else after)
    assert text.count(value) == 1, text
    return Told(Case(text, entity, value), pattern, labelled)


def _lead(random: Random) -> str:
    return random.choice(LEADS) if random.random() < 0.12 else ""


def _filled(random: Random, pattern: str, bank: str) -> str:
    text = re.sub(r"«([^»]+)»", lambda slot: _slot(random, slot[1], bank), pattern)
    return text.replace(r"\n", "\n").replace(r"\t", "\t")


def _slot(random: Random, slot: str, bank: str) -> str:
    """Fill in a word of a list, a made value, a number of a range ("01..12"), or a picture of digits ("^##")."""
    if slot == "bank":
        return bank
    if slot in WORDS:
        return random.choice(WORDS[slot])
    if slot in MADE:
        return MADE[slot](random)
    if ends := re.fullmatch(r"(\d+)\.\.(\d+)", slot):
        number = str(random.randint(int(ends[1]), int(ends[2])))
        return number.zfill(len(ends[1])) if ends[1].startswith("0") and len(ends[1]) > 1 else number
    assert "#" in slot or "^" in slot, slot
    return _picture(random, slot)


def _picture(random: Random, picture: str) -> str:
    return "".join({"#": random.choice("0123456789"), "^": random.choice("123456789")}.get(sign, sign) for sign in picture)


def _day(random: Random, years: tuple[int, int]) -> str:
    return f"{random.randint(*years)}{random.randint(1, 12):02}{random.randint(1, 28):02}"


def _date(random: Random) -> str:
    day = _day(random, (2019, 2025))
    year, month, date = day[:4], day[4:6], day[6:]
    return random.choice(
        (f"{year}-{month}-{date}", f"{year}.{month}.{date}", f"{year}년 {int(month)}월 {int(date)}일", f"{year}/{month}/{date}")
    )


def _iso(random: Random) -> str:
    day = _day(random, (2019, 2025))
    return f"{day[:4]}-{day[4:6]}-{day[6:]}"


def _ean(random: Random, picture: str) -> str:
    digits = _picture(random, picture)
    return digits + ean.calc_check_digit(digits)


def _corporation(random: Random) -> str:
    digits = random.choice(("110111", "134511", "180111", "200111", "160111", "131111")) + _picture(random, "######")
    check = (10 - sum(int(digit) * (1, 2)[n % 2] for n, digit in enumerate(digits)) % 10) % 10
    return f"{digits[:6]}-{digits[6:]}{check}"


def _wide(text: str) -> str:
    return "".join(chr(ord(sign) + 0xFEE0) if sign.isascii() and sign.isalnum() else sign for sign in text)


def _joined(random: Random, how: str, groups: list[str], usual: str = "-") -> str:
    if how == "c":
        return "".join(groups)
    roll = random.random()
    if how == "u" or roll < 0.72:
        return usual.join(groups)
    if how == "s" or roll < 0.8:
        return "".join(groups)
    mark = random.choice((" ", " ", " - ", "–", "\u2011", "\u00a0", "-", "\uff0d", " -"))
    return _wide(mark.join(groups)) if mark in {"-", "\uff0d"} else mark.join(groups)


def _born(random: Random, checked: str, kinds: str, extra: int) -> list[str]:
    """Return the two groups of a number that begins with a birthday; unless it must be checked, some are of the new kind."""
    new = not checked and random.random() < 0.15
    day = _day(random, (2021, 2024) if new else (1948, 2012))
    sex = kinds[2 * (day >= "2000") + random.randint(0, 1)]
    digits = day[2:] + sex + _picture(random, "#####" if new else f"{random.randint(0, 95):02}###")
    check = random.randint(0, 9) if new else (int(rrn.calc_check_digit(digits)) + extra) % 10
    return [digits[:6], f"{digits[6:]}{check}"]


def _business(random: Random, how: str, hint: str) -> str:
    kind = random.choice(("81", "86", "87", "88", "82", "85", *(f"{n:02}" for n in range(1, 80, 9))))
    digits = f"{random.randint(101, 899)}{kind}{_picture(random, '####')}"
    total = (
        sum(int(digit) * weight for digit, weight in zip(digits, (1, 3, 7, 1, 3, 7, 1, 3, 5), strict=True))
        + int(digits[8]) * 5 // 10
    )
    return _joined(random, how, [digits[:3], digits[3:5], f"{digits[5:]}{-total % 10}"])


def _passport(random: Random, how: str, hint: str) -> str:
    kind = random.choice("MMMMMMMSRDG")
    number = kind + _picture(random, random.choice(("########", "###A####")))
    number = number.replace("A", random.choice("ABCDEFGHJKLMNPQRSTUVWXYZ"), 1)
    roll = random.random()
    if how == "v" and roll < 0.2:
        return random.choice(
            (
                number.lower(),
                f"{number[0]} {number[1:]}",
                f"{number[:4]} {number[4:]}",
                _wide(number),
                f"{number[0]}-{number[1:]}",
            )
        )
    return number


def _mrz(random: Random, number: str) -> str:
    """Return the rest of a passport's machine-readable line, after its number."""

    def check(field: str) -> int:
        return (
            sum(int(sign, 36) * (7, 3, 1)[n % 3] for n, sign in enumerate(field.upper().replace("<", "0")) if sign.isalnum())
            % 10
        )

    born, until = _day(random, (1950, 2010))[2:], _day(random, (2026, 2034))[2:]
    fields = f"{number}{check(number)}{born}{check(born)}{until}{check(until)}{'<' * 14}0"
    return f"{check(number)}KOR{born}{check(born)}{random.choice('MF')}{until}{check(until)}{'<' * 14}0{check(fields)}"


def _licence(random: Random, how: str, hint: str) -> str:
    region, place = random.choice(WORDS["region"]).split()
    groups = [region, f"{(random.randint(75, 124)) % 100:02}", _picture(random, "######"), _picture(random, "##")]
    if how in {"u", "v"} and random.random() < 0.2:
        return place + random.choice((" ", "", "-")) + "-".join(groups[1:])
    return _joined(random, how, groups)


def _phone(random: Random, how: str, hint: str) -> str:
    mobile, landline = ["010"] * 38 + ["011", "016", "019"], ["02"] * 4 + ["031", "032", "051", "053", "042", "062", "064"]
    other = ["070"] * 8 + ["0507", "0507", "0502", "0505"]
    areas = {"m": mobile, "s": mobile, "t": landline, "v": [*mobile, *landline, *landline, *other]}.get(how, ["010"])
    while True:
        area = random.choice(areas)
        short = area in {"011", "016", "019"} or (area not in {"010", "070", "0507"} and random.random() < 0.6)
        groups = [area, _picture(random, "^##" if short else "^###"), _picture(random, "####")]
        if groups[1][0] != "1" and phonenumbers.is_valid_number(phonenumbers.parse("".join(groups), "KR")):
            return _phone_written(random, how, groups, area in landline)


def _phone_written(random: Random, how: str, groups: list[str], landline: bool) -> str:
    roll = random.random()
    if how in {"u", "c"} or roll < 0.66:
        return _joined(random, "c" if how == "c" or (how != "u" and random.random() < 0.15) else "u", groups)
    abroad = [groups[0][1:], *groups[1:]]
    if how == "s":
        return "+82" + "".join(abroad)
    if roll < 0.8:
        return random.choice(
            ("+82-" + "-".join(abroad), "+82 " + " ".join(abroad), "+82" + "".join(abroad), "+82 " + "-".join(abroad))
        )
    if roll < 0.86:
        return random.choice(("+82 (0)", "(+82)", "82-", "0082-", "+82 0")) + "-".join(abroad)
    if landline:
        return f"{groups[0]}{random.choice((')', ') '))}{groups[1]}-{groups[2]}"
    marks = (".", ".", " ", " ", " - ", "–", "\u2011", "\u00a0")
    wide = (
        _wide("-".join(groups)),
        _wide("\uff0d".join(groups)),
        f"{groups[0]}){groups[1]}-{groups[2]}",
        f"{groups[0]}-{groups[1]}{groups[2]}",
    )
    return random.choice((*(mark.join(groups) for mark in marks), *wide))


def _account(random: Random, how: str, hint: str) -> str:
    return _joined(random, how, _picture(random, random.choice(BANKS[hint])).split("-"))


def _card(random: Random, how: str, hint: str) -> str:
    kinds = [
        *["4###-####-####-###"] * 4,
        *["5^##-####-####-###"] * 3,
        "354#-####-####-###",
        "62##-####-####-###",
        "37##-######-####",
    ]
    while True:
        picture = random.choice(kinds if hint else [*kinds, "94##-####-####-###", "94##-####-####-###", "36##-######-###"])
        groups = _picture(random, picture).split("-")
        groups[-1] += luhn.calc_check_digit("".join(groups))
        if picture[0] != "5" or groups[0][1] in "12345":
            return _joined(random, how, groups, random.choice("-- "))


def _email(random: Random, how: str, hint: str) -> str:
    name, family, domain = (random.choice(WORDS[part]) for part in ("given", "family", "domain"))
    number = random.randint(1, 99)
    local = random.choice(
        (f"{name}.{family}", f"{family}{name}{number}", f"{name}_{family}", f"{name}{number}", f"{name[0]}{family}")
    )
    if how == "q":
        return f"{local}%40{domain}"
    if how == "v" and random.random() < 0.2:
        marks = (
            f"{local}+news@{domain}",
            f"{local.upper()}@{domain.upper()}",
            f"{local}＠{domain}",
            f"{local.title()}@{domain}",
            f"{local}-{random.randint(1, 9)}@sub.{domain}",
        )
        return random.choice(
            marks
            if hint
            else (*marks, f"{local}[at]{domain}", f"{local}(at){domain}", f"{local} @ {domain}", f"{local} at {domain}")
        )
    return f"{local}@{domain}"


def _ip(random: Random, how: str, hint: str) -> str:
    if how == "6" or (how == "v" and random.random() < 0.25):
        prefix = random.choice((0x2001_02D8, 0x2406_5900, 0x2001_0E60, 0x2001_0290, 0x2404_0180)) << 96
        address = IPv6Address(
            prefix
            | random.choice(
                (random.getrandbits(96), random.getrandbits(32), random.getrandbits(16) << 64 | random.getrandbits(32))
            )
        )
        return random.choice((address.compressed, address.compressed, address.exploded, address.compressed.upper()))
    octets = [
        str(random.choice((1, 14, 27, 39, 49, 58, 61, 106, 112, 118, 121, 125, 175, 203, 210, 211, 218, 223))),
        *(str(random.randint(1, 254)) for _ in range(3)),
    ]
    if how == "v" and not hint and random.random() < 0.1:
        return random.choice(("[.]".join(octets), _wide(".".join(octets)), f"::ffff:{'.'.join(octets)}"))
    return ".".join(octets)


VALUES: dict[Entity, Callable[[Random, str, str], str]] = {
    Entity.RESIDENT: lambda random, how, hint: _joined(random, how, _born(random, hint, "1234", 0)),
    Entity.FOREIGNER: lambda random, how, hint: _joined(random, how, _born(random, hint, "5678", 2)),
    Entity.BUSINESS: _business,
    Entity.PASSPORT: _passport,
    Entity.LICENCE: _licence,
    Entity.PHONE: _phone,
    Entity.ACCOUNT: _account,
    Entity.CARD: _card,
    Entity.EMAIL: _email,
    Entity.IP: _ip,
}

BANKS = _lists("banks")
WORDS = _lists("words")
LEADS = [line.replace(r"\n", "\n") for line in _lines("leads")]
MADE: dict[str, Callable[[Random], str]] = {
    "date": _date,
    "until": lambda random: f"{random.randint(2026, 2034)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}",
    "iso": _iso,
    "day": lambda random: _day(random, (2019, 2025)),
    "time": lambda random: f"{random.randint(0, 23):02}:{random.randint(0, 59):02}:{random.randint(0, 59):02}",
    "won": lambda random: f"{random.randint(10, 99999) * 100:,}",
    "uuid": lambda random: str(UUID(int=random.getrandbits(128), version=4)),
    "sha": lambda random: hashlib.sha256(random.randbytes(8)).hexdigest(),
    "md5": lambda random: hashlib.sha256(random.randbytes(8)).hexdigest()[:32],
    "hex7": lambda random: f"{random.getrandbits(28):07x}",
    "mac": lambda random: ":".join(f"{octet:02x}" for octet in random.randbytes(6)),
    "macdash": lambda random: "-".join(f"{octet:02X}" for octet in random.randbytes(6)),
    "ean": lambda random: _ean(random, "880#########"),
    "isbn": lambda random: re.sub(r"(...)(..)(....)(...)(.)", r"\1-\2-\3-\4-\5", _ean(random, "97889#######")),
    "isbn13": lambda random: _ean(random, "979119######"),
    "corp": _corporation,
    "lotto": lambda random: ", ".join(map(str, sorted(random.sample(range(1, 46), 6)))),
}
