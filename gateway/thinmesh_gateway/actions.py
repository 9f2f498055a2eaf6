"""What every route and every RPC does: the one table by which calls are authorised. What is not in here is denied. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from thinmesh_gateway.roles import Action


def _methods(service: str, **actions: Action) -> Iterator[tuple[str, Action]]:
    return ((f"/{service}/{name}", action) for name, action in actions.items())


_OPERATOR = Action.BACKENDS

_UNSERVED: dict[str, Action] = dict(
    _methods(
        "inference.GRPCInferenceService",
        RepositoryIndex=_OPERATOR,
        RepositoryModelLoad=_OPERATOR,
        RepositoryModelUnload=_OPERATOR,
        SystemSharedMemoryStatus=_OPERATOR,
        SystemSharedMemoryRegister=_OPERATOR,
        SystemSharedMemoryUnregister=_OPERATOR,
        CudaSharedMemoryStatus=_OPERATOR,
        CudaSharedMemoryRegister=_OPERATOR,
        CudaSharedMemoryUnregister=_OPERATOR,
        TraceSetting=_OPERATOR,
        LogSettings=_OPERATOR,
    )
)
"""What Triton's service has for operators; the mesh does not serve it."""

RPCS: dict[str, Action] = dict(
    [
        *_UNSERVED.items(),
        *_methods(
            "thinmesh.inference.v1.InferenceService",
            Generate=Action.INFER,
            StreamGenerate=Action.INFER,
            CountTokens=Action.INFER,
            Embed=Action.EMBED,
            Rerank=Action.EMBED,
        ),
        *_methods("thinmesh.model.v1.ModelService", ListModels=Action.MODELS, GetModel=Action.MODELS),
        *_methods(
            "thinmesh.gateway.v1.KeyService",
            CreateKey=Action.KEYS,
            ListKeys=Action.KEYS,
            RotateKey=Action.KEYS,
            RevokeKey=Action.KEYS,
            WhoAmI=Action.SELF,
        ),
        *_methods("thinmesh.gateway.v1.AuditService", ListEntries=Action.AUDIT),
        *_methods(
            "thinmesh.job.v1.JobService",
            CreateJob=Action.JOBS,
            GetJob=Action.JOBS,
            ListJobs=Action.JOBS,
            CancelJob=Action.JOBS,
            WatchJob=Action.JOBS,
            SignalJob=Action.APPROVALS,
            ListPipelines=Action.PIPELINES,
        ),
        *_methods(
            "thinmesh.job.v1.FileService",
            UploadFile=Action.JOBS,
            GetFile=Action.JOBS,
            ListFiles=Action.JOBS,
            DeleteFile=Action.JOBS,
            DownloadFile=Action.JOBS,
        ),
        *_methods(
            "thinmesh.gateway.v1.OpenAIService",
            Chat=Action.INFER,
            Complete=Action.INFER,
            Embed=Action.EMBED,
            Rerank=Action.EMBED,
        ),
        *_methods(
            "inference.GRPCInferenceService",
            ServerLive=Action.SELF,
            ServerReady=Action.SELF,
            ServerMetadata=Action.SELF,
            ModelReady=Action.TENSORS,
            ModelMetadata=Action.TENSORS,
            ModelConfig=Action.TENSORS,
            ModelStatistics=Action.TENSORS,
            ModelInfer=Action.TENSORS,
            ModelStreamInfer=Action.TENSORS,
        ),
    ]
)
"""By full method."""

PUBLIC = (
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1alpha.ServerReflection/",
)
"""What anybody may ask: load balancers whether it serves, clients which services there are."""

ROUTES: dict[str, dict[str, Action]] = {
    "": {"openapi": Action.SELF},
    "/v1": {
        "chat": Action.INFER,
        "completions": Action.INFER,
        "embeddings": Action.EMBED,
        "rerank": Action.EMBED,
        "models": Action.MODELS,
        "model": Action.MODELS,
        "upload": Action.JOBS,
        "files": Action.JOBS,
        "file": Action.JOBS,
        "delete": Action.JOBS,
        "content": Action.JOBS,
        "create": Action.JOBS,
        "batches": Action.JOBS,
        "batch": Action.JOBS,
        "cancel": Action.JOBS,
        "respond": Action.INFER,
        "response": Action.INFER,
        "input_items": Action.INFER,
        "cancel_response": Action.JOBS,
        "delete_response": Action.INFER,
        "submit": Action.JOBS,
        "jobs": Action.JOBS,
        "job": Action.JOBS,
        "end_job": Action.JOBS,
        "events": Action.JOBS,
        "signal": Action.APPROVALS,
        "pipelines": Action.PIPELINES,
    },
    "/v2": {
        "server": Action.SELF,
        "live": Action.SELF,
        "ready": Action.SELF,
        "infer": Action.TENSORS,
        "model_ready": Action.TENSORS,
        "config": Action.TENSORS,
        "statistics": Action.TENSORS,
        "model": Action.TENSORS,
    },
}
"""By a surface's prefix and the name of its operation; what belongs to none has no prefix."""

DONE = frozenset(
    [
        *(action for method, action in RPCS.items() if method not in _UNSERVED),
        *(action for routes in ROUTES.values() for action in routes.values()),
    ]
)
"""The actions that something in this version does."""
