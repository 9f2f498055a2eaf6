"""The Open Inference Protocol's REST surface as a table."""

from __future__ import annotations

from thinmesh_gateway.oip import bodies
from thinmesh_gateway.operations import Operation, Surface

_MODEL = "/v2/models/{model}"
_VERSION = "/v2/models/{model}/versions/{version}"

SURFACE = Surface(
    "/v2",
    (
        Operation("server", "GET", "/v2", "What the server is.", bodies.ServerMetadata),
        Operation("live", "GET", "/v2/health/live", "Whether the server lives.", bodies.Live),
        Operation("ready", "GET", "/v2/health/ready", "Whether any model with tensors takes calls.", bodies.Ready),
        Operation("infer", "POST", f"{_VERSION}/infer", "Tensors in, tensors out.", bodies.InferAnswer, bodies.InferRequest),
        Operation("infer", "POST", f"{_MODEL}/infer", "Tensors in, tensors out.", bodies.InferAnswer, bodies.InferRequest),
        Operation("model_ready", "GET", f"{_VERSION}/ready", "Whether a model takes calls.", bodies.ModelReady),
        Operation("model_ready", "GET", f"{_MODEL}/ready", "Whether a model takes calls.", bodies.ModelReady),
        Operation("model", "GET", _VERSION, "A model's tensors.", bodies.ModelMetadata),
        Operation("model", "GET", _MODEL, "A model's tensors.", bodies.ModelMetadata),
    ),
    bodies.ErrorBody,
)
