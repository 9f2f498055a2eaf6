"""Guardrails are found by name, ours and those of installed packages; what can't be served is refused by its key."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from thinmesh_core.config import ConfigError, convert
from thinmesh_gateway.guardrails.config import GuardrailConfig
from thinmesh_gateway.guardrails.contract import Deny, Guardrail, Text
from thinmesh_gateway.guardrails.registry import create

SHOUTING = """
import threading
from collections.abc import Sequence

import msgspec

from thinmesh_gateway.guardrails.contract import ALLOW, Decision, Deny, Guardrail, Text


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    most: int = 10


class Shouting(Guardrail[Settings]):
    settings_type = Settings

    def before(self, texts: Sequence[Text]) -> Decision:
        loud = any(sum(map(str.isupper, one.text)) > self.settings.most for one in texts)
        return Deny("too_loud") if loud else ALLOW


class Picky(Shouting):
    def __init__(self, settings):
        raise RuntimeError("no dictionary is installed")


class Stuck(Shouting):
    def before(self, texts):
        threading.Event().wait()


nothing = 1
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages: `shouting-guardrail` is one."""
    (tmp_path / "shouting.py").write_text(SHOUTING)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "shouting", raising=False)
    install(tmp_path, "shouting-guardrail", "shouting = shouting:Shouting", "picky = shouting:Picky", "number = shouting:nothing", "gone = not_there:Shouting", "denied_words = shouting:Shouting")  # fmt: skip
    return tmp_path


def install(folder: Path, package: str, *points: str) -> None:
    about = folder / f"{package.replace('-', '_')}-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
    (about / "entry_points.txt").write_text("\n".join(["[thinmesh.guardrails]", *points]))


def made(name: str, when: str = "before", **settings: Any) -> Guardrail[Any]:
    config = convert({"name": name, "when": [when], "settings": settings}, GuardrailConfig, source="test")
    return create(config, "tenants.t.guardrails[0]")


def test_a_package_brings_one_by_an_entry_point(installed: Path) -> None:
    assert made("shouting", most=2).before([Text("user", "HEY")]) == Deny("too_loud")


def test_nobody_takes_the_name_of_ours(installed: Path) -> None:
    assert type(made("denied_words", patterns=["a"])).__module__.startswith("thinmesh_gateway.")


@pytest.mark.parametrize(
    ("name", "when", "settings", "said"),
    [
        ("missing", "before", {}, r"guardrails\[0\]\.name: there is no guardrail 'missing'; there are: denied_words, gone"),
        ("gone", "before", {}, r"guardrails\[0\]\.name: 'gone' of the package shouting-guardrail can't be imported"),
        ("number", "before", {}, r"guardrails\[0\]\.name: 'number' of the package shouting-guardrail is no Guardrail"),
        ("shouting", "after", {}, r"guardrails\[0\]\.when: the guardrail 'shouting' does nothing after the engine"),
        ("shouting", "before", {"least": 1}, r"guardrails\[0\]\.settings: .*least"),
        ("picky", "before", {}, r"guardrails\[0\]\.settings: no dictionary is installed"),
        ("denied_words", "before", {"patterns": ["(a"]}, r"guardrails\[0\]\.settings: patterns\[0\] is no pattern"),
    ],
)
def test_what_can_not_be_served_is_told_by_its_key(
    installed: Path, name: str, when: str, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=rf"^tenants\.t\.{said}"):
        made(name, when, **settings)


def test_one_name_in_two_packages_is_refused(installed: Path) -> None:
    install(installed, "other-guardrail", "shouting = shouting:Shouting")
    with pytest.raises(ConfigError, match="uninstall all but one of other-guardrail, shouting-guardrail"):
        made("shouting")
