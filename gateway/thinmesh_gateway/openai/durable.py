"""OpenAI's files and batches, and jobs in its manner, as tables: what of its surface needs jobs."""

from __future__ import annotations

from thinmesh_gateway.openai import durable_bodies as bodies
from thinmesh_gateway.openai import job_bodies
from thinmesh_gateway.openai.errors import ErrorBody
from thinmesh_gateway.operations import Operation, Surface

FILES = Surface(
    "/v1",
    (
        Operation("upload", "POST", "/v1/files", "Keep a file for a batch.", bodies.File, form=("purpose", "file")),
        Operation("files", "GET", "/v1/files", "List the files.", bodies.Files),
        Operation("file", "GET", "/v1/files/{file}", "One file.", bodies.File),
        Operation("delete", "DELETE", "/v1/files/{file}", "Remove a file.", bodies.Deleted),
        Operation("content", "GET", "/v1/files/{file}/content", "What is in a file.", bytes),
    ),
    ErrorBody,
)

BATCHES = Surface(
    "/v1",
    (
        Operation(
            "create",
            "POST",
            "/v1/batches",
            "Make a batch of a file of requests.",
            bodies.Batch,
            bodies.CreateBatch,
            whole=False,
        ),
        Operation("batches", "GET", "/v1/batches", "List the batches.", bodies.Batches),
        Operation("batch", "GET", "/v1/batches/{batch}", "One batch.", bodies.Batch),
        Operation("cancel", "POST", "/v1/batches/{batch}/cancel", "End a batch.", bodies.Batch),
    ),
    ErrorBody,
)

JOBS = Surface(
    "/v1",
    (
        Operation(
            "submit",
            "POST",
            "/v1/jobs",
            "Make a job of a request, or of a pipeline.",
            job_bodies.Job,
            job_bodies.CreateJob,
            whole=False,
        ),
        Operation("jobs", "GET", "/v1/jobs", "List the jobs.", job_bodies.Jobs),
        Operation("job", "GET", "/v1/jobs/{job}", "One job, with what it gave.", job_bodies.Job),
        Operation("end_job", "POST", "/v1/jobs/{job}/cancel", "End a job.", job_bodies.Job),
        Operation("events", "GET", "/v1/jobs/{job}/events", "Follow a job to its end.", job_bodies.Job, events=True),
        Operation(
            "signal",
            "POST",
            "/v1/jobs/{job}/signals",
            "Give a job what it waits for.",
            job_bodies.Job,
            job_bodies.Signal,
            whole=False,
        ),
        Operation("pipelines", "GET", "/v1/pipelines", "List the pipelines that jobs can run.", job_bodies.Pipelines),
    ),
    ErrorBody,
)
