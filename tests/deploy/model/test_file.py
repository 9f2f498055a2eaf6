"""thinmesh.yaml is changed by whole lines: comments, order and forms of all else stay."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
import yaml

from thinmesh_core.config import ConfigError
from thinmesh_deploy.config import DEFAULT
from thinmesh_deploy.model.file import added, removed

MODEL, BACKEND = (
    {"backends": ["new"], "aliases": ["neu"]},
    {"adapter": "openai", "options": {"base_url": "http://h/v1", "capabilities": ["chat"]}},
)
BLOCKS = """\
# the mesh of the team
tenants: {dev: {}}  # one

backends:
    old:                     # four spaces in
        adapter: echo        # for tests

    # a second one
    other: {adapter: echo}
    # behind the last

models:
    old:
        backends:
          - old  # said why
    both: {backends: [other, {backend: old, weight: 2}]}
    # the end
"""
BRACES = """\
# a head
tenants: {dev: {}}
backends: {old: {adapter: "echo"}}  # in braces
# between
models: {old: {backends: [old], aliases: ['a']}}
jobs: {}  # last
"""


def changes(before: str, after: str) -> list[str]:
    return [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]


def test_new_entries_stand_behind_the_last_of_their_sections_as_these_are_indented() -> None:
    assert changes(BLOCKS, added(BLOCKS, "new", MODEL, BACKEND)) == [
        "+     new:",
        "+       adapter: openai",
        "+       options:",
        "+         base_url: http://h/v1",
        "+         capabilities: [chat]",
        "+     new:",
        "+       backends: [new]",
        "+       aliases: [neu]",
    ]


@pytest.mark.parametrize(
    "before", [BLOCKS, BRACES, Path(DEFAULT).read_text(), BLOCKS.rstrip(), "tenants: {dev: {}}\n", "models:\nbackends: {}\n"]
)
def test_what_was_added_is_there_and_all_else_is_the_same(before: str) -> None:
    after = added(before, "new", MODEL, BACKEND)
    wanted = yaml.safe_load(before)
    for section, entry in (("backends", BACKEND), ("models", MODEL)):
        wanted[section] = (wanted.get(section) or {}) | {"new": entry}
    assert yaml.safe_load(after) == wanted
    assert [line for line in before.splitlines() if "#" in line and "{" not in line] == [
        line for line in after.splitlines() if "#" in line and "{" not in line
    ]


@pytest.mark.parametrize("before", [BLOCKS, BRACES, Path(DEFAULT).read_text()])
def test_what_is_added_and_removed_again_leaves_the_file_as_it_was(before: str) -> None:
    after = removed(added(before, "new", MODEL, BACKEND), "new")
    assert after == before or (
        before == BRACES and after.split() == before.split()
    )  # a comment behind braces stays where it was


def test_a_removed_model_takes_with_it_the_backends_that_no_other_has() -> None:
    after = removed(BLOCKS, "both")
    assert changes(BLOCKS, after) == [
        "-     other: {adapter: echo}",
        "-     both: {backends: [other, {backend: old, weight: 2}]}",
    ]
    assert yaml.safe_load(removed(BLOCKS, "old")) == yaml.safe_load(BLOCKS) | {
        "models": {"both": {"backends": ["other", {"backend": "old", "weight": 2}]}}
    }


def test_names_that_are_taken_or_not_there_are_told() -> None:
    with pytest.raises(ConfigError, match=r"backends.old is there already"):
        added(BLOCKS, "old", MODEL, BACKEND)
    with pytest.raises(ConfigError, match="there is no model 'none'; there are: old, both"):
        removed(BLOCKS, "none")
    for text in ("", "- a", "a: [", "just words"):
        with pytest.raises(ConfigError):
            added(text, "new", MODEL, BACKEND)


TRAPS = {
    "a merged mapping": "base: &b\n  z: {adapter: echo}\nbackends:\n  <<: *b\n  y: {adapter: echo}\nmodels:\n  m: {backends: [y]}\n",
    "one behind": "base: &b\n  z: {adapter: echo}\nbackends:\n  y: {adapter: echo}\n  <<: *b\nmodels:\n  m: {backends: [y]}\n",
    "a text like a comment": "models:\n  m: {backends: [y]}\nbackends:\n  y:\n    options:\n      text: |\n        one\n        # two\n",
    "a text with blank lines": "backends:\n  y:\n    options:\n      text: |+\n        one\n\n\nmodels:\n  m: {backends: [y]}\n",
    "an end": "backends:\n  y: {adapter: echo}\nmodels:\n  m: {backends: [y]}\n...\n",
    "nothing but braces": "{tenants: {dev: {}}}\n",
}


@pytest.mark.parametrize("before", TRAPS.values(), ids=TRAPS)
def test_what_lines_can_not_say_is_written_anew_and_means_the_same(before: str) -> None:
    wanted = yaml.safe_load(before)
    for section, entry in (("backends", BACKEND), ("models", MODEL)):
        wanted[section] = (wanted.get(section) or {}) | {"new": entry}
    assert yaml.safe_load(added(before, "new", MODEL, BACKEND)) == wanted


def test_an_entry_that_others_are_copies_of_goes_and_they_stay() -> None:
    before = "backends:\n  a: &x {adapter: echo}\n  b: *x\nmodels:\n  a: {backends: [a]}\n  b: {backends: [b]}\n"
    after = yaml.safe_load(removed(before, "a"))
    assert after == {"backends": {"b": {"adapter": "echo"}}, "models": {"b": {"backends": ["b"]}}}


@pytest.mark.parametrize(
    "before",
    [
        "base: &b\n  z: {adapter: echo}\nbackends: *b\nmodels:\n  m: {backends: [z]}\n",
        "models: [a]\nbackends: [b]\n",
        "models: a\n",
        "a: !!python/name:os.system\nbackends: {}\n",
    ],
)
def test_a_file_that_can_not_be_changed_is_told(before: str) -> None:
    with pytest.raises(ConfigError):
        added(before, "new", MODEL, BACKEND)
