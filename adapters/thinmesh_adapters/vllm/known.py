"""What is true of every vLLM, whichever protocol it speaks."""

from __future__ import annotations

import grpc
from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.rpc import Words
from thinmesh_core.capabilities import Capability
from thinmesh_core.errors import Reason, invalid

WORDS = Words(
    vague={grpc.StatusCode.INVALID_ARGUMENT},
    by_text=(
        ("maximum model length", Reason.CONTEXT_LENGTH_EXCEEDED),
        ("does not support generation", Reason.CAPABILITY_MISSING),
        ("does not support pooling", Reason.CAPABILITY_MISSING),
    ),
)

GENERATES: frozenset[Capability] = frozenset(
    {
        cap.CAPABILITY_COMPLETION,
        cap.CAPABILITY_TOKEN_IDS,
        cap.CAPABILITY_JSON_OBJECT,
        cap.CAPABILITY_JSON_SCHEMA,
        cap.CAPABILITY_REGEX,
        cap.CAPABILITY_GRAMMAR,
        cap.CAPABILITY_CHOICE,
        cap.CAPABILITY_LOGPROBS,
        cap.CAPABILITY_N,
        cap.CAPABILITY_LOGIT_BIAS,
    }
)
"""What it can do with tokens; a tokenizer and a template add to it."""

SEATS = 64
"""Calls at once where an engine does not say its max_num_seqs."""

LEAST_TOP_P = 1e-6
"""Stands for 0, which it takes for unset or refuses."""


def refuse_options(request: pb.GenerateRequest) -> None:
    """INVALID_REQUEST where engine options are sent: neither protocol has a field for them."""
    if request.HasField("engine_options_json"):
        raise invalid("engine_options", "The model's engine takes no options beyond the contract's; leave them out.")
