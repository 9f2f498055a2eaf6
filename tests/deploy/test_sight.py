"""What operators see of a router: put together from its answers, and shown."""

from __future__ import annotations

from io import StringIO

from rich.console import Console
from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.router.v1 import backend_service_pb2 as pb
from thinmesh.router.v1 import quota_service_pb2 as quota_pb

from thinmesh_core.config import parse
from thinmesh_deploy.config import MeshConfig
from thinmesh_deploy.screen import screen
from thinmesh_deploy.sight import Sight, sight

CONFIG = parse(
    """
tenants: {search: {}, quiet: {}}
backends: {a: {adapter: vllm}, b: {adapter: echo}}
models: {chat: {backends: [{backend: a, weight: 9}, b]}, idle: {backends: [b]}}
""",
    MeshConfig,
    source="test",
)
BACKENDS = [
    pb.Backend(
        name="a",
        status=adapter_pb.Status(state=adapter_pb.STATE_READY, adapter="vllm", queued=3, kv_cache_use=0.5),
        running=4,
        limit=8,
        latency_seconds=0.25,
        health=pb.HEALTH_HEALTHY,
    ),
    pb.Backend(name="b", status=adapter_pb.Status(state=adapter_pb.STATE_FAILED, message="gone"), health=pb.HEALTH_EJECTED),
]
QUEUES = [
    pb.Queue(
        model="chat",
        calls=3,
        tokens=900,
        lines=[
            pb.Line(priority="critical", tenant="search", calls=1, waited_seconds=0.1),
            pb.Line(priority="batch", tenant="search", calls=2, waited_seconds=7),
        ],
    )
]
QUOTAS = [
    quota_pb.Quota(tenant="search", measure=quota_pb.MEASURE_TOKENS_PER_MINUTE, limit=1000, used=900),
    quota_pb.Quota(tenant="search", measure=quota_pb.MEASURE_SPEND_PER_MONTH, limit=2_000_000, used=2_500_000),
    quota_pb.Quota(tenant="search", measure=quota_pb.MEASURE_REQUESTS_PER_MINUTE, model="chat", limit=10, used=10),
]


def test_a_models_line_counts_its_backends_and_who_waits_by_class() -> None:
    seen = sight("here", CONFIG, BACKENDS, QUEUES, QUOTAS)
    chat, idle = seen.models
    assert (chat.backends, chat.ready, chat.running) == (("a", "b"), ("a",), 4)
    assert (dict(chat.waiting), chat.waiting_tokens, chat.longest_wait_seconds) == ({"critical": 1, "batch": 2}, 900, 7)
    assert (idle.ready, idle.waiting, idle.longest_wait_seconds) == ((), {}, 0)


def test_a_tenants_line_has_the_shares_of_its_own_quotas_and_not_of_its_models() -> None:
    search, quiet = sight("here", CONFIG, BACKENDS, QUEUES, QUOTAS).tenants
    assert search.used == {"tokens-per-minute": 0.9, "spend-per-month": 1.25}
    assert (quiet.waiting, quiet.used) == ({}, {})


def test_what_an_engine_does_not_say_is_none_and_shown_as_nothing() -> None:
    a, b = sight("here", CONFIG, BACKENDS, [], []).backends
    assert (a.queued, a.kv_cache_use, a.latency_seconds) == (3, 0.5, 0.25)
    assert (b.queued, b.kv_cache_use, b.latency_seconds) == (None, None, None)


def test_the_screen_shows_each_router_and_one_that_does_not_answer_by_its_reason() -> None:
    console = Console(file=StringIO(), width=160)
    console.print(screen([sight("one", CONFIG, BACKENDS, QUEUES, QUOTAS), Sight("two", "no router answers at two")]))
    said = " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]
    for words in (
        "chat 1/2 4 1 2 900 7.0 s",
        "a vllm ready healthy 4/8 3 50% 250 ms",
        "gone",
        "tokens-per-minute 90%",
        "no router answers at two",
    ):
        assert words in said
