"""Check digits and dates: what tells a number that somebody was given from any other of its shape. Pure."""

from __future__ import annotations

import re

_RESIDENT = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_BUSINESS = (1, 3, 7, 1, 3, 7, 1, 3, 5)
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_NO_DIGIT = re.compile("[^0-9]")


def only(text: str) -> str:
    """The ASCII digits of a text."""
    return _NO_DIGIT.sub("", text)


def luhn(number: str) -> bool:
    """Whether the last digit is Luhn's (ISO/IEC 7812-1)."""
    backwards = [int(digit) for digit in reversed(number)]
    return (sum(backwards[::2]) + sum(_DOUBLED[digit] for digit in backwards[1::2])) % 10 == 0


def resident(number: str, *, foreigner: bool) -> bool:
    """Whether the 13th digit is the check digit of a resident's number, or of a registered foreigner's.

    Numbers given out since October 2020 have none: their last six digits are random.
    """
    total = sum(int(digit) * weight for digit, weight in zip(number, _RESIDENT, strict=False))
    return ((13 if foreigner else 11) - total % 11) % 10 == int(number[12])


def business(number: str) -> bool:
    """Whether the tenth digit is the check digit of a business registration number."""
    total = sum(int(digit) * weight for digit, weight in zip(number, _BUSINESS, strict=False))
    return (10 - (total + int(number[8]) * 5 // 10) % 10) % 10 == int(number[9])


def month_and_day(text: str) -> bool:
    """Whether MMDD is a day of some year."""
    month, day = int(text[:2]), int(text[2:])
    return 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]


def moment(number: str) -> bool:
    """Whether 14 digits are YYYYMMDDhhmmss, or 12 YYYYMMDDhhmm, of these two centuries: no number that anybody was given."""
    return (
        len(number) in {12, 14}
        and number[:2] in {"19", "20"}
        and month_and_day(number[4:8])
        and number[8:10] < "24"
        and all(part < "60" for part in (number[10:12], number[12:14]))
    )
