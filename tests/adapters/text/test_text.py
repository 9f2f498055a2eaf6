"""Stops, thoughts and characters are found wherever text and tokens are cut; templates say what they should."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from thinmesh.inference.v1 import chat_pb2

from fakes.tokenizers import BOS, model_files, tokenizer_json, zipped
from thinmesh_adapters.text import files as files_module
from thinmesh_adapters.text.answer import TextAnswer
from thinmesh_adapters.text.files import beside, unpacked
from thinmesh_adapters.text.reasoning import Reasoning
from thinmesh_adapters.text.stops import Stops
from thinmesh_adapters.text.template import ChatTemplate
from thinmesh_adapters.text.tokenizer import Tokenizer
from thinmesh_adapters.text.tools import STYLES
from thinmesh_core.errors import MeshError, Reason

NOW = datetime(2026, 11, 24, tzinfo=UTC)
QWEN = """{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% for c in m.tool_calls or [] %}
<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}
{% endfor %}{% if tools %}{{ tools | tojson }}{% endif %}{% if add_generation_prompt %}<|assistant|>{% endif %}"""


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(tokenizer_json())


@given(st.text(alphabet="abé가나🌊 \n", max_size=40))
def test_tokens_one_by_one_spell_the_text(tokenizer: Tokenizer, text: str) -> None:
    detokenizer = tokenizer.detokenizer()
    pieces = [detokenizer.feed([one]) for one in tokenizer.encode(text, special=False)]
    assert "".join(pieces) + detokenizer.end() == text
    assert not any("\ufffd" in piece for piece in pieces)


def test_a_character_that_never_ends_is_let_go(tokenizer: Tokenizer) -> None:
    first = tokenizer.encode("🌊", special=False)[0]
    detokenizer = tokenizer.detokenizer()
    assert detokenizer.feed([first]) == ""
    assert detokenizer.end() == "\ufffd"
    assert "\ufffd" in detokenizer.feed([first] * 12) + detokenizer.end()


BYTES = {"<unk>": 0, "x": 1, "▁x": 2} | {f"<0x{one:02X}>": at for at, one in enumerate([0x41, 0xFF, *"가".encode()], start=3)}


@pytest.fixture(scope="module")
def fallback() -> Tokenizer:
    """One that spells what it does not know in bytes, as those of sentencepiece do."""
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=BYTES, merges=[], byte_fallback=True))
    decoders = tokenizers.decoders
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return Tokenizer(made.to_str().encode())


@pytest.mark.parametrize("held", [["<0xFF>"], ["<0xFF>", "<0x41>"], ["<0xFF>"] * 7])
def test_bytes_that_are_no_character_cost_only_themselves(fallback: Tokenizer, held: list[str]) -> None:
    detokenizer = fallback.detokenizer()
    said = detokenizer.feed(BYTES[one] for one in ["<0x41>", *held, "x", "▁x", "<0xEA>", "<0xB0>", "<0x80>", "x"])
    assert said.startswith("A\ufffd")
    assert said.endswith("x x가x")


@given(st.lists(st.sampled_from(sorted(BYTES.values())), max_size=20))
def test_any_tokens_are_text(fallback: Tokenizer, ids: list[int]) -> None:
    detokenizer = fallback.detokenizer()
    said = "".join(detokenizer.feed([one]) for one in ids) + detokenizer.end()
    assert said.count("x") == sum(ids.count(BYTES[one]) for one in ("x", "▁x"))


@given(st.text(alphabet="abé가🌊 \n\x00", max_size=12))
def test_the_bytes_of_tokens_spell_the_text(tokenizer: Tokenizer, text: str) -> None:
    assert b"".join(tokenizer.token_bytes(one) for one in tokenizer.encode(text, special=False)) == text.encode()


def test_special_tokens_and_strange_ids_have_no_bytes(tokenizer: Tokenizer) -> None:
    (start,) = tokenizer.encode(BOS, special=False)
    assert tokenizer.token_bytes(start) == tokenizer.token_bytes(1 << 20) == b""


def test_marks_of_calls_are_shown_though_the_model_hides_them(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode(f"{BOS}[TOOL_CALLS]f", special=False)
    assert len(ids) == 3
    assert tokenizer.decode(ids) == "[TOOL_CALLS]f"
    assert "".join(map(tokenizer.detokenizer().feed, [ids])) == "[TOOL_CALLS]f"


def test_tokens_of_sentencepiece_have_their_bytes() -> None:
    vocabulary = {"<unk>": 0, "<0xEA>": 1, "▁sea": 2}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[], byte_fallback=True))
    small = Tokenizer(made.to_str().encode())
    assert [small.token_bytes(one) for one in (1, 2)] == [b"\xea", b" sea"]


def test_what_is_no_tokenizer_is_said_so() -> None:
    with pytest.raises(ValueError, match=r"tokenizer\.json is none"):
        Tokenizer(b"{}")


@given(
    st.text(alphabet="abc", max_size=30),
    st.lists(st.text(alphabet="abc", min_size=1, max_size=3), max_size=3),
    st.integers(1, 4),
)
def test_stops_are_met_wherever_they_are_cut(text: str, given_stops: list[str], size: int) -> None:
    stops = Stops(given_stops)
    said = "".join(stops.feed(text[at : at + size]) for at in range(0, len(text), size)) + stops.end()
    ends = [(text.find(stop) + len(stop), text.find(stop)) for stop in given_stops if stop in text]
    if not ends:
        assert (said, stops.hit) == (text, None)
    else:
        assert stops.hit is not None
        assert text.startswith(said + stops.hit)
        assert not any(stop in said for stop in given_stops)


@given(st.lists(st.sampled_from(["<think>", "</think>", "<", "a", " ", "\n", "think>"]), max_size=14), st.booleans())
def test_thoughts_are_told_apart_wherever_they_are_cut(pieces: list[str], inside: bool) -> None:
    def split(parts: list[str]) -> tuple[str, str]:
        reasoning = Reasoning(inside=inside)
        told = [reasoning.feed(part) for part in parts] + [reasoning.end()]
        return "".join(one.reasoning for one in told), "".join(one.text for one in told)

    text = "".join(pieces)
    assert split(list(text)) == split([text])


def test_thoughts_leave_their_tags_and_spaces_behind() -> None:
    reasoning = Reasoning()
    assert reasoning.feed("<think>\nso\n</think>\n\nYes <b>") == ("so", "Yes <b>")


def test_an_answer_is_stopped_thought_and_called() -> None:
    answer = TextAnswer(2, ["END"], reasoning=Reasoning(), tools=STYLES["hermes"].reader(lambda: "id"))
    text = '<think>hm</think>Look: <tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>END never'
    deltas = [delta for one in text if (delta := answer.feed(one))]
    assert answer.end() is None
    assert "".join(delta.reasoning for delta in deltas) == "hm"
    assert "".join(delta.text for delta in deltas) == "Look: "
    calls = [call for delta in deltas for call in delta.tool_calls]
    assert ("".join(call.arguments_json for call in calls), calls[0].name, calls[0].id) == ('{"a": 1}', "f", "id")
    assert (answer.stopped, answer.called, {delta.index for delta in deltas}) == (True, True, {2})


def conversation() -> chat_pb2.ChatInput:
    called = chat_pb2.ToolCall(id="1", name="f", arguments_json='{"b": 1, "a": 2}')
    chat = chat_pb2.ChatInput()
    chat.messages.add(role=chat_pb2.ROLE_USER).content.add(text="hé <b>")
    chat.messages.add(role=chat_pb2.ROLE_ASSISTANT, tool_calls=[called])
    chat.tools.add(name="f", parameters_json='{"type": "object"}')
    return chat


def test_a_conversation_is_rendered_as_transformers_would() -> None:
    template = ChatTemplate(QWEN, {})
    assert template.takes_tools
    told = '{"type": "function", "function": {"name": "f", "description": "", "parameters": {"type": "object"}}}'
    assert template.render(conversation(), now=NOW) == (
        '<|user|>hé <b><|assistant|><tool_call>{"name": "f", "arguments": {"b": 1, "a": 2}}</tool_call>'
        f"[{told}]<|assistant|>"
    )
    without = conversation()
    without.tool_choice.mode = chat_pb2.TOOL_MODE_NONE
    assert told not in template.render(without, now=NOW)


@pytest.mark.parametrize(
    "source",
    ["{{ raise_exception('roles must alternate') }}", "{{ messages[9].role }}", "{{ ''.__class__.__mro__ }}", "{{ 1 // 0 }}"],
)
def test_what_a_template_cant_say_is_the_callers_to_mend(source: str) -> None:
    with pytest.raises(MeshError) as raised:
        ChatTemplate(source, {}).render(conversation(), now=NOW)
    assert raised.value.reason is Reason.INVALID_REQUEST
    assert "alternate" not in raised.value.message


@pytest.mark.parametrize(
    ("source", "arguments"),
    [
        (QWEN, '{"a": "\\ud800"}'),
        ("{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.function.arguments | dictsort }}{% endfor %}{% endfor %}", "1"),
    ],
    ids=["half a character", "no object"],
)  # fmt: skip
def test_so_are_odd_arguments_of_a_past_call(source: str, arguments: str) -> None:
    chat = conversation()
    chat.messages[1].tool_calls[0].arguments_json = arguments
    with pytest.raises(MeshError) as raised:
        ChatTemplate(source, {}).render(chat, now=NOW)
    assert (raised.value.reason, raised.value.param) == (Reason.INVALID_REQUEST, "messages")


def test_a_models_files_hold_its_template() -> None:
    config = {"chat_template": "{{ bos_token }}{{ strftime_now('%Y') }}", "bos_token": {"content": "<s>"}, "eos_token": "</s>"}
    files = {"tokenizer_config.json": json.dumps(config).encode()}
    template = ChatTemplate.of(files)
    assert template is not None
    assert template.render(conversation(), now=NOW) == "<s>2026"
    newer = ChatTemplate.of(files | {"chat_template.jinja": b"{{ eos_token }}"})
    assert newer is not None
    assert newer.render(conversation(), now=NOW) == "</s>"
    assert ChatTemplate.of({}) is None
    with pytest.raises(ValueError, match="no template"):
        ChatTemplate("{% if %}", {})


def test_a_models_files_are_read_by_their_names_alone(tmp_path: Path) -> None:
    files = model_files()
    assert unpacked(zipped(files | {"../tokenizer.json": b"no", "/etc/tokenizer.json": b"no", "model.py": b"no"})) == files
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    assert beside(tmp_path / "tokenizer.json") == files


@pytest.mark.parametrize("archive", [b"", b"nonsense", zipped(model_files())[:200]])
def test_what_is_no_zip_is_said_so(archive: bytes) -> None:
    with pytest.raises(ValueError, match="no zip"):
        unpacked(archive)


@pytest.mark.parametrize(("kind", "at"), [(zipfile.ZIP_DEFLATED, 0), (zipfile.ZIP_BZIP2, 0), (zipfile.ZIP_LZMA, 4)])
def test_neither_is_one_whose_contents_are_damaged(kind: int, at: int) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", kind) as archive:
        archive.writestr("tokenizer.json", bytes(range(256)))
    damaged = bytearray(packed.getvalue())
    begins = damaged.index(b"tokenizer.json") + len(b"tokenizer.json") + at
    damaged[begins : begins + 16] = b"\xff" * 16
    with pytest.raises(ValueError, match="no zip"):
        unpacked(bytes(damaged))


@pytest.mark.parametrize(
    "config",
    [
        b"[]",
        b"[" * 200_000,
        b'{"chat_template": [1]}',
        b'{"chat_template": [{}]}',
        b'{"chat_template": 5}',
        b'{"chat_template": "x", "bos_token": {}}',
        b'{"chat_template": "x", "bos_token": 5}',
        b'{"chat_template": "{{' + b"(" * 50_000 + b'"}',
        b'{"chat_template": "' + b"{% for a in b %}" * 30 + b"{% endfor %}" * 30 + b'"}',
    ],
    ids=["a list", "nesting", "odd names", "no names", "a number", "an empty token", "a number of a token", "depth", "loops"],
)
def test_an_odd_description_of_a_model_is_said_so(config: bytes) -> None:
    with pytest.raises(ValueError, match=r"is none|no template"):
        ChatTemplate.of({"tokenizer_config.json": config})


def test_a_zip_that_swells_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_module, "MAX_FILE_BYTES", 1000)
    assert unpacked(zipped({"tokenizer.json": b" " * 1000}))
    with pytest.raises(ValueError, match="larger than 1000"):
        unpacked(zipped({"tokenizer.json": b" " * 1001}))
