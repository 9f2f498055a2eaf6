"""Types of the messages of vLLM's gRPC server that the mesh touches; smg-grpc-proto ships none that mypy reads."""

from collections.abc import Iterable, Mapping
from typing import Literal

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer, ScalarMap
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class SamplingParams(Message):
    temperature: float
    top_p: float
    top_k: int
    min_p: float
    frequency_penalty: float
    presence_penalty: float
    repetition_penalty: float
    max_tokens: int
    min_tokens: int
    @property
    def stop(self) -> RepeatedScalarFieldContainer[str]: ...
    @property
    def stop_token_ids(self) -> RepeatedScalarFieldContainer[int]: ...
    skip_special_tokens: bool
    ignore_eos: bool
    n: int
    json_schema: str
    regex: str
    grammar: str
    structural_tag: str
    json_object: bool
    @property
    def choice(self) -> ChoiceConstraint: ...
    logprobs: int
    seed: int
    @property
    def logit_bias(self) -> ScalarMap[int, float]: ...
    def __init__(self, *, temperature: float | None = ..., top_p: float | None = ..., top_k: int | None = ..., min_p: float | None = ..., frequency_penalty: float | None = ..., presence_penalty: float | None = ..., repetition_penalty: float | None = ..., max_tokens: int | None = ..., min_tokens: int | None = ..., stop: Iterable[str] | None = ..., stop_token_ids: Iterable[int] | None = ..., skip_special_tokens: bool | None = ..., ignore_eos: bool | None = ..., n: int | None = ..., json_schema: str | None = ..., regex: str | None = ..., grammar: str | None = ..., structural_tag: str | None = ..., json_object: bool | None = ..., choice: ChoiceConstraint | None = ..., logprobs: int | None = ..., seed: int | None = ..., logit_bias: Mapping[int, float] | None = ...) -> None: ...
class ChoiceConstraint(Message):
    @property
    def choices(self) -> RepeatedScalarFieldContainer[str]: ...
    def __init__(self, *, choices: Iterable[str] | None = ...) -> None: ...
class TokenizedInput(Message):
    original_text: str
    @property
    def input_ids(self) -> RepeatedScalarFieldContainer[int]: ...
    def __init__(self, *, original_text: str | None = ..., input_ids: Iterable[int] | None = ...) -> None: ...
class GenerateRequest(Message):
    request_id: str
    @property
    def tokenized(self) -> TokenizedInput: ...
    text: str
    @property
    def sampling_params(self) -> SamplingParams: ...
    stream: bool
    def __init__(self, *, request_id: str | None = ..., tokenized: TokenizedInput | None = ..., text: str | None = ..., sampling_params: SamplingParams | None = ..., stream: bool | None = ...) -> None: ...
class TopLogProbs(Message):
    @property
    def values(self) -> RepeatedScalarFieldContainer[float]: ...
    @property
    def token_ids(self) -> RepeatedScalarFieldContainer[int]: ...
    def __init__(self, *, values: Iterable[float] | None = ..., token_ids: Iterable[int] | None = ...) -> None: ...
class OutputLogProbs(Message):
    @property
    def token_logprobs(self) -> RepeatedScalarFieldContainer[float]: ...
    @property
    def token_ids(self) -> RepeatedScalarFieldContainer[int]: ...
    @property
    def top_logprobs(self) -> RepeatedCompositeFieldContainer[TopLogProbs]: ...
    def __init__(self, *, token_logprobs: Iterable[float] | None = ..., token_ids: Iterable[int] | None = ..., top_logprobs: Iterable[TopLogProbs] | None = ...) -> None: ...
class GenerateStreamChunk(Message):
    @property
    def token_ids(self) -> RepeatedScalarFieldContainer[int]: ...
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    @property
    def output_logprobs(self) -> OutputLogProbs: ...
    index: int
    def __init__(self, *, token_ids: Iterable[int] | None = ..., prompt_tokens: int | None = ..., completion_tokens: int | None = ..., cached_tokens: int | None = ..., output_logprobs: OutputLogProbs | None = ..., index: int | None = ...) -> None: ...
class GenerateComplete(Message):
    @property
    def output_ids(self) -> RepeatedScalarFieldContainer[int]: ...
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    @property
    def output_logprobs(self) -> OutputLogProbs: ...
    index: int
    matched_token_id: int
    matched_stop_str: str
    def __init__(self, *, output_ids: Iterable[int] | None = ..., finish_reason: str | None = ..., prompt_tokens: int | None = ..., completion_tokens: int | None = ..., cached_tokens: int | None = ..., output_logprobs: OutputLogProbs | None = ..., index: int | None = ..., matched_token_id: int | None = ..., matched_stop_str: str | None = ...) -> None: ...
class GenerateResponse(Message):
    @property
    def chunk(self) -> GenerateStreamChunk: ...
    @property
    def complete(self) -> GenerateComplete: ...
    def __init__(self, *, chunk: GenerateStreamChunk | None = ..., complete: GenerateComplete | None = ...) -> None: ...
    def WhichOneof(self, oneof_group: Literal["response"]) -> Literal["chunk", "complete"] | None: ...
class EmbedRequest(Message):
    request_id: str
    @property
    def tokenized(self) -> TokenizedInput: ...
    def __init__(self, *, request_id: str | None = ..., tokenized: TokenizedInput | None = ...) -> None: ...
class EmbedResponse(Message):
    @property
    def embedding(self) -> RepeatedScalarFieldContainer[float]: ...
    prompt_tokens: int
    embedding_dim: int
    def __init__(self, *, embedding: Iterable[float] | None = ..., prompt_tokens: int | None = ..., embedding_dim: int | None = ...) -> None: ...
class HealthCheckRequest(Message): ...
class HealthCheckResponse(Message):
    healthy: bool
    message: str
    def __init__(self, *, healthy: bool | None = ..., message: str | None = ...) -> None: ...
class GetModelInfoRequest(Message): ...
class GetModelInfoResponse(Message):
    is_generation: bool
    max_context_length: int
    vocab_size: int
    served_model_name: str
    model_type: str
    @property
    def eos_token_ids(self) -> RepeatedScalarFieldContainer[int]: ...
    default_sampling_params_json: str
    def __init__(self, *, is_generation: bool | None = ..., max_context_length: int | None = ..., vocab_size: int | None = ..., served_model_name: str | None = ..., model_type: str | None = ..., eos_token_ids: Iterable[int] | None = ..., default_sampling_params_json: str | None = ...) -> None: ...
class GetServerInfoRequest(Message): ...
class GetServerInfoResponse(Message):
    server_type: str
    max_num_seqs: int
    constrained_decoding_start: str
    def __init__(self, *, server_type: str | None = ..., max_num_seqs: int | None = ..., constrained_decoding_start: str | None = ...) -> None: ...
class GetLoadsRequest(Message): ...
class SchedulerLoad(Message):
    num_running_reqs: int
    num_waiting_reqs: int
    token_usage: float
    max_running_requests: int
    def __init__(self, *, num_running_reqs: int | None = ..., num_waiting_reqs: int | None = ..., token_usage: float | None = ..., max_running_requests: int | None = ...) -> None: ...
class GetLoadsResponse(Message):
    version: str
    @property
    def loads(self) -> RepeatedCompositeFieldContainer[SchedulerLoad]: ...
    def __init__(self, *, version: str | None = ..., loads: Iterable[SchedulerLoad] | None = ...) -> None: ...
