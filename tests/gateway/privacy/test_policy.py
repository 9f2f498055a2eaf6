"""What a tenant's policy does to requests and answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from thinmesh.inference.v1 import chat_pb2, sampling_pb2, usage_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb
from tritonclient.grpc import service_pb2 as tensor_pb

from thinmesh_core.config import ConfigError, convert
from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.privacy.config import PrivacyConfig
from thinmesh_gateway.privacy.policy import Privacy, Session
from thinmesh_gateway.privacy.work import SLICE, at_once

PHONE, MAIL = "010-1234-5678", "hong@naver.com"


def privacy(**fields: Any) -> Privacy:
    return Privacy(convert(fields, PrivacyConfig, source="test"))


def opened(**fields: Any) -> Session:
    return privacy(**fields).open()


def asked(text: str) -> pb.GenerateRequest:
    return pb.GenerateRequest(model="m", text=text)


def everything(value: str) -> pb.GenerateRequest:
    """A request with the value in every text that it can hold."""
    quoted = json.dumps({value: [f"tel {value}"]})
    call = chat_pb2.ToolCall(id="c", name="f", arguments_json=quoted)
    messages = [
        chat_pb2.Message(role=role, name=value, content=[chat_pb2.ContentPart(text=f"전화 {value}로")], tool_calls=[call], tool_call_id="c")
        for role in (chat_pb2.ROLE_SYSTEM, chat_pb2.ROLE_DEVELOPER, chat_pb2.ROLE_USER, chat_pb2.ROLE_ASSISTANT, chat_pb2.ROLE_TOOL)
    ]  # fmt: skip
    return pb.GenerateRequest(
        model="m",
        chat=chat_pb2.ChatInput(messages=messages, tools=[chat_pb2.Tool(name="f", description=value, parameters_json=quoted)]),
        stopping=sampling_pb2.Stopping(stop=[value]),
        response_format=sampling_pb2.ResponseFormat(
            json_schema=sampling_pb2.JsonSchema(name="s", schema_json=quoted, description=value)
        ),
        engine_options_json=quoted,
    )


def strings(message: Message) -> Iterator[str]:
    for field, value in message.ListFields():
        for one in value if field.is_repeated else [value]:
            if isinstance(one, Message):
                yield from strings(one)
            elif isinstance(one, str):
                yield one


REQUESTS = [
    everything(PHONE),
    asked(PHONE),
    pb.GenerateRequest(model="m", text="a", response_format=sampling_pb2.ResponseFormat(regex=PHONE)),
    pb.GenerateRequest(model="m", text="a", response_format=sampling_pb2.ResponseFormat(grammar=PHONE)),
    pb.GenerateRequest(model="m", text="a", response_format=sampling_pb2.ResponseFormat(choice=sampling_pb2.Choices(texts=["no", PHONE]))),
    pb.EmbedRequest(model="m", inputs=[pb.EmbedInput(text="a"), pb.EmbedInput(text=PHONE)]),
    pb.RerankRequest(model="m", query=PHONE, documents=["a", f"{PHONE}로"]),
    pb.CountTokensRequest(model="m", text=PHONE),
    pb.CountTokensRequest(model="m", chat=everything(PHONE).chat),
]  # fmt: skip


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
@pytest.mark.parametrize("policy", ["mask", "reversible"])
def test_no_text_of_a_request_keeps_a_value_and_the_request_itself_stays(request_: Any, policy: str) -> None:
    before = request_.SerializeToString()
    session = opened(entities={"phone": policy})
    masked = at_once(session.request(request_))
    assert request_.SerializeToString() == before
    assert not [text for text in strings(masked) if PHONE in text]
    assert session.asked["phone"] == before.count(PHONE.encode())
    assert masked.SerializeToString().count(b"<<PHONE_1>>") == session.asked["phone"]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
def test_off_and_detect_change_nothing_and_detect_counts(request_: Any) -> None:
    off, detect = opened(), opened(default="detect")
    assert at_once(off.request(request_)) == request_
    assert at_once(detect.request(request_)) == request_
    assert (off.asked["phone"], detect.asked["phone"]) == (0, request_.SerializeToString().count(PHONE.encode()))


def test_what_is_blocked_is_refused_by_the_parameter_that_holds_it_and_never_by_its_value() -> None:
    request = pb.GenerateRequest(
        chat=chat_pb2.ChatInput(messages=[chat_pb2.Message(content=[chat_pb2.ContentPart(text=one)]) for one in ("a", PHONE)])
    )
    with pytest.raises(MeshError) as raised:
        at_once(opened(entities={"phone": "block"}).request(request))
    assert (raised.value.reason, raised.value.param) == (Reason.INVALID_REQUEST, "messages[1].content")
    assert PHONE not in raised.value.message


@pytest.mark.parametrize(
    "request_",
    [pb.GenerateRequest(token_ids=pb.TokenIds(ids=[1])), pb.EmbedRequest(inputs=[pb.EmbedInput(text="a"), pb.EmbedInput(token_ids=pb.TokenIds(ids=[1]))])],
)  # fmt: skip
def test_token_ids_are_refused_where_the_policy_needs_text(request_: Any) -> None:
    assert at_once(opened(default="detect").request(request_)) == request_
    with pytest.raises(MeshError, match="send the input as text"):
        at_once(opened(entities={"card": "mask"}).request(request_))


def test_tensors_are_refused_where_the_policy_needs_text_but_for_models_that_take_none() -> None:
    request = tensor_pb.ModelInferRequest(model_name="resnet")
    privacy(default="detect").tensors(request)
    privacy(default="mask", tensor_models=["resnet"]).tensors(request)
    with pytest.raises(MeshError, match="takes tensors"):
        privacy(entities={"card": "mask"}, tensor_models=["other"]).tensors(request)


def test_the_same_value_has_the_same_placeholder_and_what_the_caller_wrote_is_never_handed_out() -> None:
    session = opened(default="reversible")
    request = asked(f"{PHONE}, 010-9999-8888, {PHONE}, <<PHONE_1>> <<PHONE_3>> {MAIL}")
    assert (
        at_once(session.request(request)).text == "<<PHONE_2>>, <<PHONE_4>>, <<PHONE_2>>, <<PHONE_1>> <<PHONE_3>> <<EMAIL_1>>"
    )
    answer = pb.GenerateResponse(choices=[pb.Choice(text="<<PHONE_1>> <<PHONE_2>> <<PHONE_9>> <<EMAIL_1>>")])
    assert at_once(session.response(answer)).choices[0].text == f"<<PHONE_1>> {PHONE} <<PHONE_9>> {MAIL}"


@pytest.mark.parametrize("at", range(13))
@pytest.mark.parametrize("json_", [False, True])
def test_what_the_caller_wrote_is_never_handed_out_wherever_a_slice_ends(at: int, json_: bool) -> None:
    start = '{"a": "' + "가" * (SLICE - 7 - at)
    text = start + ("\\u003c<PHONE_1>>" if json_ else "<<PHONE_1>>") + f' {PHONE}"}}'
    request = pb.GenerateRequest(model="m", engine_options_json=text) if json_ else asked(text)
    changed = at_once(opened(default="mask").request(request))
    assert (changed.engine_options_json or changed.text) == start + '<<PHONE_1>> <<PHONE_2>>"}'


TOLD = {"계좌": "110-123-456789", "사업자번호": "1248100998", "여권번호": "M12345678"}


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("shape", [lambda told: told, lambda told: [told]], ids=["object", "array"])
def test_labels_are_read_in_messages_prompts_inputs_and_documents_that_are_json(shape: Any, ascii_only: bool) -> None:
    text = json.dumps(shape(TOLD), ensure_ascii=ascii_only)
    masked = shape({"계좌": "<<ACCOUNT_1>>", "사업자번호": "<<BUSINESS_1>>", "여권번호": "<<PASSPORT_1>>"})
    message = chat_pb2.Message(role=chat_pb2.ROLE_TOOL, content=[chat_pb2.ContentPart(text=text)])
    requests: list[Any] = [
        asked(text),
        pb.GenerateRequest(model="m", chat=chat_pb2.ChatInput(messages=[message])),
        pb.EmbedRequest(model="m", inputs=[pb.EmbedInput(text=text)]),
        pb.RerankRequest(model="m", query=text, documents=[text]),
        pb.CountTokensRequest(model="m", text=text),
    ]
    for request in requests:
        changed = at_once(opened(default="mask").request(request))
        found = [one for one in strings(changed) if one != "m"]
        assert found
        assert [json.loads(one) for one in found] == [masked] * len(found)


@pytest.mark.parametrize("text", [r'{"\uacc4": "\u0041"}', r"[1, \u0041]", "{" * 100_000, "[" * 100_000, "{", "[]"])
def test_a_text_in_which_nothing_is_found_stays_as_it_was_written(text: str) -> None:
    assert at_once(opened(default="mask").request(asked(text))).text == text


def test_one_calls_placeholders_mean_nothing_to_another() -> None:
    first, second = privacy(default="reversible").open(), privacy(default="reversible").open()
    at_once(first.request(asked(PHONE)))
    at_once(second.request(asked("a")))
    answer = pb.GenerateResponse(choices=[pb.Choice(text="<<PHONE_1>>")])
    assert at_once(second.response(answer)) == answer


def test_masked_values_are_not_restored() -> None:
    session = opened(default="mask")
    at_once(session.request(asked(PHONE)))
    answer = pb.GenerateResponse(choices=[pb.Choice(text="<<PHONE_1>>로")])
    assert at_once(session.response(answer)) == answer


@pytest.mark.parametrize(("fields", "said"), [({"default": "mask"}, "<<PHONE>>"), ({"default": "block"}, "<<PHONE>>"), ({"default": "reversible"}, "<<PHONE>>"), ({"default": "detect"}, PHONE), ({"default": "mask", "answers": False}, PHONE)])  # fmt: skip
def test_what_the_model_writes_itself_is_masked_as_the_policy_says(fields: dict[str, Any], said: str) -> None:
    session = opened(**fields)
    assert at_once(session.response(pb.GenerateResponse(choices=[pb.Choice(text=PHONE)]))).choices[0].text == said
    assert session.answered["phone"] == 1


def test_tokens_texts_are_dropped_from_log_probabilities_and_the_probabilities_stay() -> None:
    token = sampling_pb2.Logprob(token="010", token_bytes=b"010", logprob=-0.5)
    logprobs = [sampling_pb2.TokenLogprob(chosen=token, top=[token])]
    session = opened(default="mask")
    kept = [
        *at_once(session.response(pb.GenerateResponse(choices=[pb.Choice(logprobs=logprobs)]))).choices[0].logprobs,
        *session.event(pb.GenerateEvent(deltas=[pb.Delta(logprobs=logprobs)])).deltas[0].logprobs,
    ]
    assert (
        kept
        == [sampling_pb2.TokenLogprob(chosen=sampling_pb2.Logprob(logprob=-0.5), top=[sampling_pb2.Logprob(logprob=-0.5)])] * 2
    )


PIECES = ["전화 ", PHONE, "로 ", MAIL, " <<PHONE_1>>", "<<EMAIL_1>>", "<<PHONE_7>>", "계좌 110-123-456789 ", "주문 ", "4111-1111-1111-1111", ". ", "\n", '"', "word "]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.randoms(use_true_random=False))
def test_a_streamed_answer_is_the_whole_answer(text: str, chance: Random) -> None:
    """Text, reasoning and arguments of two choices, cut anyhow and mixed."""
    rules = privacy(default="reversible", patterns={"word": {"pattern": "word"}})
    arguments = json.dumps({"to": text, "계좌": 110123456789})
    choices = [
        pb.Choice(index=index, text=text, reasoning=text[::-1] + text, tool_calls=[chat_pb2.ToolCall(id="c", name="f", arguments_json=arguments)], finish_reason=pb.FINISH_REASON_STOP)
        for index in range(2)
    ]  # fmt: skip
    events = [*streamed(pb.GenerateResponse(choices=choices), chance)]
    sessions = [rules.open(), rules.open()]
    for session in sessions:
        at_once(session.request(asked(f"{PHONE} {MAIL}")))
    whole = at_once(sessions[0].response(pb.GenerateResponse(choices=choices)))
    assert [*folded(map(sessions[1].event, events)).values()] == [*whole.choices]
    assert sessions[0].answered == sessions[1].answered
    for choice in whole.choices:
        json.loads(choice.tool_calls[0].arguments_json)


def streamed(response: pb.GenerateResponse, chance: Random) -> Iterator[pb.GenerateEvent]:
    """An answer in random pieces: each text in its order, texts in any."""
    texts: dict[tuple[int, str], str] = {}
    for choice in response.choices:
        yield pb.GenerateEvent(deltas=[pb.Delta(index=choice.index, tool_calls=[pb.ToolCallDelta(index=0, id="c", name="f")])])
        texts |= {(choice.index, name): getattr(choice, name) for name in ("text", "reasoning")}
        texts[choice.index, "arguments"] = choice.tool_calls[0].arguments_json
    while texts:
        key = chance.choice([*texts])
        size = chance.choice((1, 2, 5, 20))
        piece, rest = texts[key][:size], texts.pop(key)[size:]
        if rest:
            texts[key] = rest
        index, name = key
        if name == "arguments":
            yield pb.GenerateEvent(deltas=[pb.Delta(index=index, tool_calls=[pb.ToolCallDelta(index=0, arguments_json=piece)])])
        else:
            delta = pb.Delta(index=index)
            setattr(delta, name, piece)
            yield pb.GenerateEvent(deltas=[delta])
    yield pb.GenerateEvent(finishes=[pb.Finish(index=choice.index, reason=choice.finish_reason) for choice in response.choices])


def folded(events: Iterator[pb.GenerateEvent]) -> dict[int, pb.Choice]:
    """The choices that a stream comes to; nothing may come behind a choice's finish."""
    choices = {index: pb.Choice(index=index) for index in range(2)}
    for event in events:
        for delta in event.deltas:
            choice = choices[delta.index]
            assert choice.finish_reason == pb.FINISH_REASON_UNSPECIFIED
            choice.text += delta.text
            choice.reasoning += delta.reasoning
            for piece in delta.tool_calls:
                if piece.HasField("id"):
                    choice.tool_calls.add(id=piece.id, name=piece.name)
                choice.tool_calls[piece.index].arguments_json += piece.arguments_json
        for finish in event.finishes:
            choices[finish.index].finish_reason = finish.reason
    return choices


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=9), max_size=12).map("".join))
def test_a_model_that_repeats_what_it_is_sent_gives_back_what_was_sent(text: str) -> None:
    session = opened(default="reversible")
    request = at_once(session.request(asked(text + ".")))
    answer = pb.GenerateResponse(choices=[pb.Choice(text=request.text)])
    assert at_once(session.response(answer)).choices[0].text == text + "."


def test_an_event_stays_as_it_is_and_usage_passes() -> None:
    event = pb.GenerateEvent(deltas=[pb.Delta(text=PHONE)])
    session = opened(default="mask")
    assert session.event(event) == pb.GenerateEvent()
    assert event.deltas[0].text == PHONE
    last = session.event(
        pb.GenerateEvent(finishes=[pb.Finish(reason=pb.FINISH_REASON_STOP)], usage=usage_pb2.Usage(prompt_tokens=1))
    )
    assert (last.deltas[0].text, last.usage.prompt_tokens) == ("<<PHONE>>", 1)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [("(", "RE2"), ("(?=a)b", "RE2"), (r"(a)\1", "RE2"), ("a{1001}", "RE2"), ("(?:a{100}){100}", "RE2"), ("(a)", "captures"), ("a*", "empty"), ("^a", "anchor"), (r"a\z", "anchor"), ("a" * 257, "257 characters")],
)  # fmt: skip
def test_a_pattern_that_can_not_be_served_is_refused_by_its_name(pattern: str, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"privacy\.patterns\.own .*{said}"):
        privacy(patterns={"own": {"pattern": pattern}})


def test_a_tenants_own_pattern_has_its_own_policy_and_placeholder() -> None:
    session = opened(
        patterns={
            "employee": {"pattern": r"EMP-\d{6}", "policy": "reversible"},
            "seat": {"pattern": r"[^^]S\$\d", "policy": "off"},
        }
    )
    assert (
        at_once(session.request(asked(f"사번은 EMP-123456이고 {PHONE} aS$1"))).text == f"사번은 <<EMPLOYEE_1>>이고 {PHONE} aS$1"
    )
    assert (
        at_once(session.response(pb.GenerateResponse(choices=[pb.Choice(text="<<EMPLOYEE_1>>!")]))).choices[0].text
        == "EMP-123456!"
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"entities": {"iban": "mask"}},
        {"default": "hide"},
        {"patterns": {"A b": {"pattern": "a"}}},
        {"patterns": {"phone": {"pattern": "a"}}},
    ],
)
def test_what_a_policy_can_not_mean_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        privacy(**fields)
