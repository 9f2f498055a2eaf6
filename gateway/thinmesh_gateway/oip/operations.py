"""The Open Inference Protocol's REST surface as a table."""

from __future__ import annotations

from typing import Any

from thinmesh_gateway.oip import bodies
from thinmesh_gateway.operations import Operation, Surface

_MODEL = "/v2/models/{model}"
_VERSION = "/v2/models/{model}/versions/{version}"
_INFER = "Tensors in, tensors out."

SURFACE = Surface(
    "/v2",
    (
        Operation("server", "GET", "/v2", "What the server is.", bodies.ServerMetadata),
        Operation("live", "GET", "/v2/health/live", "Whether the server lives.", bodies.Live),
        Operation("ready", "GET", "/v2/health/ready", "Whether any model with tensors takes calls.", bodies.Ready, also=503),
        Operation("infer", "POST", f"{_VERSION}/infer", _INFER, bodies.InferAnswer, bodies.InferRequest, binary=True),
        Operation("infer", "POST", f"{_MODEL}/infer", _INFER, bodies.InferAnswer, bodies.InferRequest, binary=True),
        Operation("model_ready", "GET", f"{_VERSION}/ready", "Whether a model takes calls.", bodies.ModelReady, also=503),
        Operation("model_ready", "GET", f"{_MODEL}/ready", "Whether a model takes calls.", bodies.ModelReady, also=503),
        Operation("config", "GET", f"{_VERSION}/config", "The engine's configuration of a model.", dict[str, Any]),
        Operation("config", "GET", f"{_MODEL}/config", "The engine's configuration of a model.", dict[str, Any]),
        Operation("statistics", "GET", f"{_VERSION}/stats", "What an engine counted for a model.", dict[str, Any]),
        Operation("statistics", "GET", f"{_MODEL}/stats", "What an engine counted for a model.", dict[str, Any]),
        Operation("model", "GET", _VERSION, "A model's tensors.", bodies.ModelMetadata),
        Operation("model", "GET", _MODEL, "A model's tensors.", bodies.ModelMetadata),
    ),
    bodies.ErrorBody,
)
