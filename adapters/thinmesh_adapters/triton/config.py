"""What a backend's entry says of a Triton: where it is, and what its models are beside tensors."""

from __future__ import annotations

from msgspec import field

from thinmesh_core.config import Section
from thinmesh_core.ranges import Concurrency


class TextNames(Section, frozen=True, kw_only=True):
    """The tensors of a model that generates text; the defaults are those of Triton's vLLM backend.

    Knobs travel as JSON in the one tensor `parameters`, or each in a tensor of its own by `knobs`. `flags` are BOOL
    inputs that are set where the model has them. Outputs that the model does not have may be unset.

    https://github.com/triton-inference-server/vllm_backend/blob/main/src/model.py
    """

    prompt: str = "text_input"
    stream: str | None = "stream"
    parameters: str | None = "sampling_parameters"
    knobs: dict[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = (
        "exclude_input_in_output",
        "return_finish_reason",
        "return_num_input_tokens",
        "return_num_output_tokens",
    )
    text: str = "text_output"
    finish_reason: str | None = "finish_reason"
    prompt_tokens: str | None = "num_input_tokens"
    completion_tokens: str | None = "num_output_tokens"


class TextModel(Section, frozen=True, kw_only=True):
    """A model that generates text.

    `tokenizer` is the path (or package:DIST/file) of its tokenizer.json: with it tokens are counted, and with the chat
    template that lies beside it the model chats.
    """

    names: TextNames = TextNames()
    tokenizer: str | None = None
    context_length: int | None = None


class EmbedModel(Section, frozen=True, kw_only=True):
    """A model that turns texts into vectors: one BYTES input, one floating output. `tokenizer` counts."""

    input: str
    output: str
    tokenizer: str


class Options(Section, frozen=True, kw_only=True):
    """Where the engine is, and which of its models are more than tensors.

    `answer_seconds` bounds a call that came without a deadline.
    """

    address: str
    text: dict[str, TextModel] = field(default_factory=dict)
    embed: dict[str, EmbedModel] = field(default_factory=dict)
    max_concurrency: Concurrency = 64
    answer_seconds: float = 600.0
