"""What is looked for. An entity's value is its word in thinmesh.yaml and its name is its word in placeholders."""

from __future__ import annotations

from enum import StrEnum


class Entity(StrEnum):
    """A kind of personal data that the mesh knows by itself."""

    RESIDENT = "resident"  # 주민등록번호
    FOREIGNER = "foreigner"  # 외국인등록번호
    BUSINESS = "business"  # 사업자등록번호
    PASSPORT = "passport"
    LICENCE = "licence"  # 운전면허번호
    PHONE = "phone"
    ACCOUNT = "account"
    CARD = "card"
    EMAIL = "email"
    IP = "ip"
    NAME = "name"  # of persons


BY_MEANING = frozenset({Entity.NAME})
"""What no form tells. It costs a process and is looked for in requests alone, so no `default` switches it on."""
