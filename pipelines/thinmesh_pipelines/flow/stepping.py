"""Steps of an author's own: functions that may touch the world, made once as seen from the run."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar, get_type_hints, overload

import msgspec
from temporalio import workflow

from thinmesh_pipelines.flow.run import current
from thinmesh_pipelines.flow.threads import in_thread

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS = 10
"""A step whose code fails so often has failed."""


@dataclass(frozen=True)
class Place:
    """Where a step runs: its id, which all attempts have, for whom, and a folder for things of the tenant."""

    id: str
    tenant: str
    principal: str
    folder: Path


_PLACE: ContextVar[Place] = ContextVar("place")


def place() -> Place:
    """Where the step runs that calls it."""
    return _PLACE.get()


@contextmanager
def placed(at: Place) -> Iterator[None]:
    """Says where the step runs that is called within."""
    token = _PLACE.set(at)
    try:
        yield
    finally:
        _PLACE.reset(token)


class AuthorStep(Generic[P, R]):
    """A function, which a pipeline's code awaits as a step. Its arguments, by name, and its answer travel as JSON."""

    def __init__(self, function: Callable[P, Awaitable[R]] | Callable[P, R], seconds: float) -> None:
        hints = get_type_hints(function)
        self._function = function
        self._seconds = seconds
        self._gives: Any = hints.pop("return", None)
        self._takes = hints
        self.name = f"{function.__module__}.{function.__qualname__}"
        self.__doc__ = function.__doc__

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """In a pipeline the step's answer; anywhere else the function's."""
        if not workflow.in_workflow():
            return await self._called(*args, **kwargs)
        bound = inspect.signature(self._function).bind(*args, **kwargs)
        bound.apply_defaults()
        given = msgspec.json.encode(bound.arguments).decode()
        answer = await current().ask(self.name, str, given, seconds=self._seconds, attempts=ATTEMPTS)
        decoded: R = msgspec.json.decode(answer, type=self._gives)
        return decoded

    async def perform(self, given: str) -> str:
        """What the function makes of its arguments, both as JSON text."""
        values = msgspec.json.decode(given, type=dict[str, msgspec.Raw])
        arguments = {name: msgspec.json.decode(value, type=self._takes[name]) for name, value in values.items()}
        call: Any = self._called
        try:
            return msgspec.json.encode(await call(**arguments)).decode()
        except SystemExit as error:  # it would end the worker, and whatever else is in its process
            raise RuntimeError(f"{self.name} exits: {error}") from error

    async def _called(self, *args: P.args, **kwargs: P.kwargs) -> R:
        function: Any = self._function
        if inspect.iscoroutinefunction(function):
            answer: R = await function(*args, **kwargs)
        else:
            answer = await in_thread(partial(function, *args, **kwargs))
        return answer


class _Decorator:
    """`step(seconds=...)`: what a function becomes."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    @overload
    def __call__(self, function: Callable[P, Awaitable[R]]) -> AuthorStep[P, R]: ...

    @overload
    def __call__(self, function: Callable[P, R]) -> AuthorStep[P, R]: ...

    def __call__(self, function: Callable[P, Any]) -> AuthorStep[P, Any]:
        """The step of a function; one that is not async runs in a thread."""
        return AuthorStep(function, self._seconds)


def step(*, seconds: float = 60.0) -> _Decorator:
    """`@step()` makes a function a step, an attempt of which may take so long. Every argument and the answer has a type."""
    return _Decorator(seconds)
