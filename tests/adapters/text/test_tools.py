"""Tool calls are read back out of text as it is written, wherever it is cut, and what is no call stays text."""

from __future__ import annotations

import json
from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thinmesh.inference.v1 import chat_pb2

from thinmesh_adapters.text.calls import CallPiece
from thinmesh_adapters.text.forced import insists, structural_tag
from thinmesh_adapters.text.tools import STYLES, Piece, ToolParser, detect

Calls = list[tuple[str | None, str | None, str]]

CASES: list[tuple[str, str, str, Calls]] = [
    (
        "hermes",
        (
            'Hi <tool_call>\n{"name": "f", "arguments": {"a": [1, "}"], "b": {"c": "</tool_call>"}}}\n</tool_call>\n'
            '<tool_call>{"name":"g","arguments":{}}</tool_call>'
        ),
        "Hi \n",
        [("id0", "f", '{"a": [1, "}"], "b": {"c": "</tool_call>"}}'), ("id1", "g", "{}")],
    ),
    ("hermes", "a < b <tool_call> no", "a < b <tool_call> no", []),
    ("hermes", '<tool_call>{"x": 1}</tool_call>', '<tool_call>{"x": 1}</tool_call>', []),
    ("hermes", '<tool_call>{"arguments": {"z": 1}, "name": "late"}</tool_call>', "", [("id0", "late", '{"z": 1}')]),
    ("hermes", '<tool_call>{"name": "f", "arguments": "{\\"a\\": 1}"}</tool_call>', "", [("id0", "f", '{"a": 1}')]),
    ("hermes", '<tool_call>{"name": "f"}</tool_call>', "", [("id0", "f", "{}")]),
    (
        "hermes",
        '<tool_call>{"name": "\\ud800", "arguments": {}}</tool_call>',
        '<tool_call>{"name": "\\ud800", "arguments": {}}</tool_call>',
        [],
    ),
    ("hermes", '<tool_call>{"name": "f", "arguments": "\\ud800"}</tool_call>', "", [("id0", "f", '"\\ud800"')]),
    ("hermes", '<tool_call>{"name": "cut', '<tool_call>{"name": "cut', []),
    ("hermes", "plain <tool", "plain <tool", []),
    (
        "llama3",
        '{"name": "f", "parameters": {"a": "\\"{"}}; {"name": "g", "parameters": {}}',
        "",
        [("id0", "f", '{"a": "\\"{"}'), ("id1", "g", "{}")],
    ),
    ("llama3", '<|python_tag|>{"name": "f", "parameters": {"a": 1}}', "", [("id0", "f", '{"a": 1}')]),
    ("llama3", '{"a": 1} is JSON', '{"a": 1} is JSON', []),
    ("llama3", 'see {"name": "f", "parameters": {}}', 'see {"name": "f", "parameters": {}}', []),
    ("llama3", "  ", "  ", []),
    (
        "mistral",
        '[TOOL_CALLS] [{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": {"b": "]"}}]',
        "",
        [("id0", "f", '{"a": 1}'), ("id1", "g", '{"b": "]"}')],
    ),
    (
        "mistral",
        'ok[TOOL_CALLS]get_x{"a": 1}[TOOL_CALLS]h[ARGS]{}',
        "ok",
        [("id0", "get_x", '{"a": 1}'), ("id1", "h", "{}")],
    ),
    ("mistral", "[TOOL", "[TOOL", []),
]


def parser(style: str) -> ToolParser:
    numbers = count()
    return STYLES[style].reader(lambda: f"id{next(numbers)}")


def read(tools: ToolParser, pieces: list[str]) -> tuple[str, Calls]:
    said: list[Piece] = [one for piece in pieces for one in tools.feed(piece)] + tools.end()
    calls: dict[int, list[str | None]] = {}
    for one in said:
        if isinstance(one, CallPiece):
            call = calls.setdefault(one.index, [one.id, one.name, ""])
            call[2] = f"{call[2]}{one.arguments}"
    text = "".join(one for one in said if isinstance(one, str))
    return text, [(call[0], call[1], call[2] or "") for call in calls.values()]


def cut(text: str, at: list[int]) -> list[str]:
    edges = [0, *sorted(one % (len(text) + 1) for one in at), len(text)]
    return [text[begin:end] for begin, end in pairwise(edges)]


@pytest.mark.parametrize(("style", "text", "said", "calls"), CASES)
def test_a_whole_answer_is_read(style: str, text: str, said: str, calls: Calls) -> None:
    assert read(parser(style), [text]) == (said, calls)


@given(st.sampled_from(CASES), st.lists(st.integers(min_value=0), max_size=12))
def test_where_an_answer_is_cut_changes_nothing(case: tuple[str, str, str, Calls], at: list[int]) -> None:
    style, text, said, calls = case
    assert read(parser(style), cut(text, at)) == (said, calls)
    assert read(parser(style), list(text)) == (said, calls)


ODDS = st.lists(
    st.sampled_from(
        ["<tool_call>", "</tool_call>", "[TOOL_CALLS]", "[ARGS]", "{", "}", '"', "\\", "name", ":", ",", "f", " ", "[", "]"]
    )
)


@given(st.sampled_from(sorted(STYLES)), ODDS, st.lists(st.integers(min_value=0), max_size=8))
def test_nonsense_is_read_the_same_wherever_it_is_cut(style: str, pieces: list[str], at: list[int]) -> None:
    text = "".join(pieces)
    assert read(parser(style), cut(text, at)) == read(parser(style), [text])


@given(st.sampled_from(sorted(STYLES)), st.text(alphabet="abc é가\n.,;"))
def test_text_without_marks_passes_unchanged(style: str, text: str) -> None:
    assert read(parser(style), [text]) == (text, [])


def test_a_name_that_is_nested_without_end_is_text() -> None:
    text = f'<tool_call>{{"name": {"[" * 100_000}{"]" * 100_000}, "arguments": {{}}}}</tool_call>'
    assert read(parser("hermes"), [text]) == (text, [])


def test_arguments_come_as_they_are_written() -> None:
    tools = parser("hermes")
    tools.feed('<tool_call>{"name": "f", "arguments": {"a"')
    assert tools.feed(": 12") == [CallPiece(0, None, None, ": 12")]


def chosen(**choice: Any) -> chat_pb2.ChatInput:
    chat = chat_pb2.ChatInput(tool_choice=chat_pb2.ToolChoice(**choice))
    chat.tools.add(name="f", parameters_json='{"type": "object", "required": ["a"]}')
    chat.tools.add(name='g"')
    return chat


@pytest.mark.parametrize("style", sorted(STYLES))
def test_a_forced_call_is_written_as_it_is_read(style: str) -> None:
    chat = chosen(mode=chat_pb2.TOOL_MODE_REQUIRED)
    chat.parallel_tool_calls = True
    form = json.loads(structural_tag(chat, STYLES[style]))["format"]
    assert [tag["content"]["json_schema"].get("required") for tag in form["tags"]] == [["a"], None]
    assert (form["at_least_one"], form["stop_after_first"]) == (True, False)
    written = form["separator"].join(f'{tag["begin"]}{{"a": "}}"}}{tag["end"]}' for tag in form["tags"])
    numbers = count()
    text, calls = read(STYLES[style].forced_reader(lambda: f"id{next(numbers)}"), list(written))
    assert (text.strip(), calls) == ("", [("id0", "f", '{"a": "}"}'), ("id1", 'g"', '{"a": "}"}')])


def test_a_named_call_is_the_only_one() -> None:
    form = json.loads(structural_tag(chosen(function="f"), STYLES["hermes"]))["format"]
    assert (len(form["tags"]), form["stop_after_first"]) == (1, True)
    one_by_one = chosen(mode=chat_pb2.TOOL_MODE_REQUIRED)
    assert json.loads(structural_tag(one_by_one, STYLES["hermes"]))["format"]["stop_after_first"]


@pytest.mark.parametrize(
    ("choice", "forced"),
    [
        ({}, False), ({"mode": chat_pb2.TOOL_MODE_AUTO}, False), ({"mode": chat_pb2.TOOL_MODE_NONE}, False),
        ({"mode": chat_pb2.TOOL_MODE_REQUIRED}, True), ({"function": "f"}, True),
    ],
)  # fmt: skip
def test_some_choices_leave_the_model_none(choice: Any, forced: bool) -> None:
    assert insists(chosen(**choice)) is forced


@pytest.mark.parametrize(
    ("template", "style"),
    [("... <tool_call> ...", "hermes"), ("[TOOL_CALLS]", "mistral"), ('{"name": x, "parameters": y}', "llama3"), ("x", None)],
)
def test_a_template_tells_its_style(template: str, style: str | None) -> None:
    assert detect(template) == style
