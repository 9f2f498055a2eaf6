"""What was used, summed up by what is told apart, at the prices of now."""

from __future__ import annotations

from thinmesh_deploy.usage import summed
from thinmesh_gateway.audit.store import Used
from thinmesh_router.config import ModelConfig, Price

MODELS = {
    "big": ModelConfig(backends=("b",), aliases=("gpt-4o",), price=Price(input_per_million=2.0, output_per_million=10.0)),
    "free": ModelConfig(backends=("b",)),
}
FOUND = [
    Used("a", "big", 20_000, 2, 1_000_000, 100_000),
    Used("a", "gpt-4o", 20_001, 1, 500_000, 0),
    Used("b", "free", 20_001, 4, 7, 7),
    Used("b", "gone", 20_001, 1, 5, 5),
]


def test_an_alias_is_its_models_and_has_its_price() -> None:
    rows = list(summed(FOUND, ["tenant", "model"], MODELS))
    assert rows == [
        {"tenant": "a", "model": "big", "calls": 3, "input_tokens": 1_500_000, "output_tokens": 100_000, "cost": 4.0},
        {"tenant": "b", "model": "free", "calls": 4, "input_tokens": 7, "output_tokens": 7, "cost": 0},
        {"tenant": "b", "model": "gone", "calls": 1, "input_tokens": 5, "output_tokens": 5, "cost": 0},
    ]


def test_only_what_is_asked_for_is_told_apart() -> None:
    rows = list(summed(FOUND, ["day"], MODELS))
    assert [(row["day"], row["calls"], row["cost"]) for row in rows] == [("2024-10-04", 2, 3.0), ("2024-10-05", 6, 1.0)]
