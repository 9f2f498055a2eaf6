"""What authors of pipelines write with: `from thinmesh_pipelines import flow`. See docs/pipelines.md."""

from thinmesh_pipelines.flow.approving import Approval, approval, signal
from thinmesh_pipelines.flow.calling import Answered, http_call, secret
from thinmesh_pipelines.flow.chatting import Reply, chat
from thinmesh_pipelines.flow.mapping import map  # noqa: A004 - flow.map
from thinmesh_pipelines.flow.pipeline import pipeline
from thinmesh_pipelines.flow.run import Refused, outside
from thinmesh_pipelines.flow.scheduling import Schedule, schedule
from thinmesh_pipelines.flow.stepping import Place, place, step
from thinmesh_pipelines.flow.tensors import Tensor, infer
from thinmesh_pipelines.flow.vectors import Ranked, embed, rerank

__all__ = [
    "Answered",
    "Approval",
    "Place",
    "Ranked",
    "Refused",
    "Reply",
    "Schedule",
    "Tensor",
    "approval",
    "chat",
    "embed",
    "http_call",
    "infer",
    "map",
    "outside",
    "pipeline",
    "place",
    "rerank",
    "schedule",
    "secret",
    "signal",
    "step",
]
