"""Reading a configuration: what is wrong is told by the path to its key."""

from __future__ import annotations

import pytest
from msgspec import field

from thinmesh_core.config import ConfigError, Section, parse


class Inner(Section, frozen=True, kw_only=True):
    """An entry of an entry."""

    count: int = 0


class Entry(Section, frozen=True, kw_only=True):
    """An entry."""

    name: str = ""
    inner: dict[str, Inner] = field(default_factory=dict)


class Whole(Section, frozen=True, kw_only=True):
    """A file."""

    entries: dict[str, Entry] = field(default_factory=dict)
    seconds: float = 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("seconds: x", "got `str` - at `$.seconds`"),
        ("entries: {a: {}, b.c: {name: 5}, d: {}}", "got `int` - at `$.entries.b.c.name`"),
        ("entries: {a: {inner: {x: {}}}, b: {inner: {y: {}, z: {count: x}}}}", "got `str` - at `$.entries.b.inner.z.count`"),
        ("entries: {a: {}, b: 5}", "got `int` - at `$.entries.b`"),
        ("entries: {a: {}, b: {nope: 1}}", "unknown field `nope` - at `$.entries.b`"),
        ("entries: {5: {}}", "got `int` - at `key` in `$.entries`"),
        ("entries: [a]", "got `array` - at `$.entries`"),
        ("nope: 1", "unknown field `nope`"),
        ("seconds: [", "is no YAML"),
        ("entries: {a: {}, b: {}, a: {}}", "'a' is there twice"),
        (
            "entries: {}\nsince: 2026-02-30",
            'is no YAML: this can\'t be read as timestamp\n  in "<unicode string>", line 2, column 8',
        ),
        ("seconds: " + "9" * 5000, "this can't be read as int"),
        ("seconds: " + "1:" * 400 + "0.5", "this can't be read as float"),
        ("seconds: !!int x", "this can't be read as int"),
        ("seconds: !!bool x", "this can't be read as bool"),
        ("since: !!timestamp x", "this can't be read as timestamp"),
        ("seconds: " + "[" * 3000, "is nested too deeply"),
    ],
)
def test_what_is_wrong_is_told_by_the_path_to_its_key(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(text, Whole, source="thinmesh.yaml")
    assert told in str(raised.value)
    assert str(raised.value).startswith("thinmesh.yaml")
