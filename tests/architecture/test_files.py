"""The layout keeps its promises: small files, pure modules, and documents that name what exists."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "core": "thinmesh_core",
    "gateway": "thinmesh_gateway",
    "router": "thinmesh_router",
    "adapters": "thinmesh_adapters",
    "pipelines": "thinmesh_pipelines",
    "deploy": "thinmesh_deploy",
}
SOURCES = sorted(path for folder in PACKAGES for path in (ROOT / folder).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

PURE = [
    *("core/thinmesh_core/bounds.py", "core/thinmesh_core/call.py", "core/thinmesh_core/capabilities.py"),
    *("core/thinmesh_core/strict_json.py", "gateway/thinmesh_gateway/vetting/request.py"),
    *("gateway/thinmesh_gateway/vetting/pattern.py", "gateway/thinmesh_gateway/vetting/backtracking.py"),
    *("gateway/thinmesh_gateway/vetting/schema.py", "gateway/thinmesh_gateway/vetting/grammar.py"),
    *("gateway/thinmesh_gateway/media/target.py", "core/thinmesh_core/intake.py"),
    "gateway/thinmesh_gateway/vetting/image.py",
    *("gateway/thinmesh_gateway/guardrails/contract.py", "gateway/thinmesh_gateway/guardrails/denied_words.py"),
    *("gateway/thinmesh_gateway/guardrails/texts.py", "gateway/thinmesh_gateway/prompts/gathered.py"),
    "gateway/thinmesh_gateway/prompts/redaction.py",
    *("core/thinmesh_core/fold.py", "core/thinmesh_core/rules.py", "core/thinmesh_core/tensors.py"),
    *("gateway/thinmesh_gateway/openai/requests.py", "gateway/thinmesh_gateway/openai/translate.py"),
    *("gateway/thinmesh_gateway/openai/responses.py", "gateway/thinmesh_gateway/openai/bodies.py"),
    *("gateway/thinmesh_gateway/openai/errors.py", "gateway/thinmesh_gateway/openai/frames.py"),
    *("gateway/thinmesh_gateway/replies/items.py", "gateway/thinmesh_gateway/replies/requests.py"),
    *("gateway/thinmesh_gateway/replies/translate.py", "gateway/thinmesh_gateway/replies/bodies.py"),
    *("gateway/thinmesh_gateway/replies/answers.py", "gateway/thinmesh_gateway/replies/events.py"),
    *("gateway/thinmesh_gateway/replies/frames.py", "gateway/thinmesh_gateway/replies/record.py"),
    *("gateway/thinmesh_gateway/replies/job.py", "gateway/thinmesh_gateway/replies/operations.py"),
    *("gateway/thinmesh_gateway/decoding.py", "gateway/thinmesh_gateway/openapi.py"),
    *("gateway/thinmesh_gateway/operations.py", "gateway/thinmesh_gateway/oip/bodies.py"),
    *("gateway/thinmesh_gateway/wishes.py", "gateway/thinmesh_gateway/idempotency/answers.py"),
    *("gateway/thinmesh_gateway/idempotency/key.py", "gateway/thinmesh_gateway/idempotency/cipher.py"),
    *("gateway/thinmesh_gateway/oip/codec.py", "gateway/thinmesh_gateway/oip/plain.py"),
    *("gateway/thinmesh_gateway/actions.py", "gateway/thinmesh_gateway/authorized.py", "gateway/thinmesh_gateway/roles.py"),
    *("gateway/thinmesh_gateway/actions.py", "gateway/thinmesh_gateway/authorized.py", "gateway/thinmesh_gateway/roles.py"),
    *("gateway/thinmesh_gateway/identity/delegation.py", "gateway/thinmesh_gateway/oidc/jwks.py"),
    *("gateway/thinmesh_gateway/identity/key.py", "gateway/thinmesh_gateway/identity/principal.py"),
    *("core/thinmesh_core/cost.py", "core/thinmesh_core/priority.py", "core/thinmesh_core/tenants.py"),
    *("router/thinmesh_router/routes.py", "router/thinmesh_router/limits.py", "router/thinmesh_router/balancer.py"),
    *("router/thinmesh_router/affinity.py", "router/thinmesh_router/breaker.py", "router/thinmesh_router/latency.py"),
    *("router/thinmesh_router/fair_queue.py", "router/thinmesh_router/line.py", "router/thinmesh_router/service_rate.py"),
    *("router/thinmesh_router/virtual_counters.py", "router/thinmesh_router/retry_budget.py"),
    "router/thinmesh_router/autoscaling/policy.py",
    *("router/thinmesh_router/quota/plan.py", "router/thinmesh_router/quota/leases.py"),
    *("adapters/thinmesh_adapters/openai/translate.py", "adapters/thinmesh_adapters/openai/answer.py"),
    *("adapters/thinmesh_adapters/llamacpp/translate.py", "adapters/thinmesh_adapters/triton/translate.py"),
    *("adapters/thinmesh_adapters/triton/load.py", "adapters/thinmesh_adapters/triton/embedding.py"),
    *("adapters/thinmesh_adapters/text/answer.py", "adapters/thinmesh_adapters/text/calls.py"),
    *("adapters/thinmesh_adapters/text/stops.py", "adapters/thinmesh_adapters/text/reasoning.py"),
    *("adapters/thinmesh_adapters/text/tools.py", "adapters/thinmesh_adapters/text/detokenizer.py"),
    *("adapters/thinmesh_adapters/text/forced.py", "adapters/thinmesh_adapters/text/token_answer.py"),
    *("adapters/thinmesh_adapters/text/choices.py", "adapters/thinmesh_adapters/vllm_frontend/translate.py"),
    "adapters/thinmesh_adapters/vllm_frontend/answer.py",
    *("pipelines/thinmesh_pipelines/payloads/place.py", "pipelines/thinmesh_pipelines/payloads/seal.py"),
    *("core/thinmesh_core/scraped.py", "deploy/thinmesh_deploy/sight.py", "deploy/thinmesh_deploy/screen.py"),
    *("deploy/thinmesh_deploy/diagnose/stages.py", "deploy/thinmesh_deploy/diagnose/advice.py"),
    *("deploy/thinmesh_deploy/diagnose/verdict.py", "deploy/thinmesh_deploy/diagnose/down.py"),
    *("deploy/thinmesh_deploy/doctor/finding.py", "deploy/thinmesh_deploy/model/catalogue.py"),
    *("deploy/thinmesh_deploy/model/entry.py", "deploy/thinmesh_deploy/model/file.py"),
    *("adapters/thinmesh_adapters/vllm/translate.py", "adapters/thinmesh_adapters/vllm/answer.py"),
]
IMPURE = {"grpc", "asyncio", "aiohttp", "starlette", "uvicorn", "socket", "time", "datetime", "threading"}
DOCUMENTS = [ROOT / "docs" / "architecture.md", *(ROOT / "docs" / "adr").glob("*.md"), ROOT / "CONTRIBUTING.md"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_test_is_longer_than_500_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 500


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_know_no_io_and_no_clock(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text())
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert not imported & IMPURE


def test_every_translate_module_is_among_the_pure_ones() -> None:
    translating = {str(path.relative_to(ROOT)) for path in SOURCES if path.name == "translate.py"}
    assert translating <= set(PURE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_files_and_code_that_exist(document: Path) -> None:
    """Every `name.py`, `folder/` and `Class.method` in back quotes is somewhere in the tree."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    folders = {f"{parent}/" for name in listed for parent in Path(name).parents}
    code = "\n".join(path.read_text() for path in (*SOURCES, *TESTS, *(ROOT / "protos").glob("thinmesh/**/*.proto")))
    missing = []
    for name in re.findall(r"`([\w./-]+?)`", document.read_text()):
        if name.endswith("/"):
            known = any(folder.endswith(name) or f"/{name}" in folder for folder in folders) or name == "run/"
        elif re.search(r"\.(py|proto|yaml|toml|md)$", name) and name != "thinmesh.yaml":
            known = any(f"/{one}".endswith(f"/{name}") for one in listed)
        elif re.fullmatch(r"[A-Z]\w+\.\w+|[a-z_]+\.[a-z_]+", name) and not name.startswith(
            ("keys.", "grpc.", "context.", "buf.")
        ):
            known = re.search(rf"\b{name.rpartition('.')[2]}\b", code) is not None
        else:
            continue
        if not known:
            missing.append(name)
    assert not missing
