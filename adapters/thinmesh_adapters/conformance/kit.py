"""All cases, and running them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc

from thinmesh_adapters.conformance import abilities, endings, faults, refusals, streams, tensors, vectors
from thinmesh_adapters.conformance.case import Case, InapplicableError, Result, Verdict
from thinmesh_adapters.conformance.target import Target
from thinmesh_core.errors import MeshError

CASE_SECONDS = 120.0

CASES: tuple[Case, ...] = (
    *streams.CASES,
    *endings.CASES,
    *abilities.CASES,
    *vectors.CASES,
    *tensors.CASES,
    *refusals.CASES,
    *faults.CASES,
)


async def judge(case: Case, target: Target) -> Result:
    """Runs one case; a failure's words are for whoever writes the server."""
    reason = case.reason_to_skip(target)
    if reason is not None:
        return Result(case.name, Verdict.SKIPPED, reason)
    try:
        async with asyncio.timeout(CASE_SECONDS):
            await case.run(target)
    except InapplicableError as error:
        return Result(case.name, Verdict.SKIPPED, str(error))
    except grpc.aio.AioRpcError as error:
        return Result(case.name, Verdict.FAILED, f"{error.code().name}: {error.details()}")
    except TimeoutError:
        return Result(case.name, Verdict.FAILED, f"not done after {CASE_SECONDS:g} s")
    except (AssertionError, ValueError, MeshError) as error:
        return Result(case.name, Verdict.FAILED, str(error) or type(error).__name__)
    return Result(case.name, Verdict.PASSED)


async def judge_all(target: Target) -> AsyncIterator[Result]:
    """Runs every case in order."""
    for case in CASES:
        yield await judge(case, target)
