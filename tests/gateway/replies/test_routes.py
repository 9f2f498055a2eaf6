"""The routes of the Responses API in front of a scripted router and a scripted store: what is kept, what is not, and who is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from canaries import PROMPT
from gateway.conftest import Gateway, ScriptedRouter, Serve
from thinmesh.job.v1 import response_service_pb2 as pb
from thinmesh.job.v1 import response_service_pb2_grpc as response_grpc

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.inprocess import InProcessServer
from thinmesh_core.intake import Intake
from thinmesh_gateway.keys import KeyStore
from thinmesh_gateway.roles import Action, RoleConfig

PATH = "/v1/responses"
BODY = {"model": "m", "input": PROMPT}
AWAY = MeshError(Reason.JOBS_UNAVAILABLE, "away", retry_after=1)


class Keeper(response_grpc.ResponseServiceServicer):
    """Keeps records; `error` is what it answers in their place."""

    def __init__(self) -> None:
        self.records: dict[str, bytes] = {}
        self.error: MeshError | None = None
        self.put_error: MeshError | None = None

    async def BeginResponse(
        self, request: pb.BeginResponseRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.BeginResponseResponse:
        if self.error is not None:
            raise self.error
        previous = self._found(request.previous_id) if request.HasField("previous_id") else None
        return pb.BeginResponseResponse(id=f"resp_{len(self.records):024x}", previous=previous)

    async def PutResponse(
        self, request: pb.PutResponseRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.PutResponseResponse:
        if self.put_error is not None:
            raise self.put_error
        self.records[request.id] = request.record
        return pb.PutResponseResponse()

    async def GetResponse(
        self, request: pb.GetResponseRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.GetResponseResponse:
        return pb.GetResponseResponse(record=self._found(request.id))

    async def DeleteResponse(
        self, request: pb.DeleteResponseRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.DeleteResponseResponse:
        self._found(request.id)
        del self.records[request.id]
        return pb.DeleteResponseResponse()

    def _found(self, response_id: str) -> bytes:
        if response_id not in self.records:
            raise MeshError(Reason.NOT_FOUND, "no", param="id")
        return self.records[response_id]


@pytest.fixture
def keeper(router_server: InProcessServer) -> Keeper:
    keeper = Keeper()
    response_grpc.add_ResponseServiceServicer_to_server(keeper, router_server)
    return keeper


ROLES = {
    "all": RoleConfig(actions=tuple(Action)),
    "infers": RoleConfig(actions=(Action.INFER,)),
    "others": RoleConfig(actions=(Action.INFER,), models=("other",)),
}


@pytest.fixture
def keys(state: Path) -> dict[str, str]:
    """A key of each role."""
    return {role: KeyStore(state).create("usual", 0, roles=(role,)) for role in ROLES}


@pytest.fixture
async def gateway(serve: Serve, keeper: Keeper, keys: dict[str, str]) -> Gateway:
    return await serve(roles=ROLES)


def session_of(gateway: Gateway, key: str) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(f"http://{gateway.http}", headers={"authorization": f"Bearer {key}"})


async def posted(session: aiohttp.ClientSession, headers: dict[str, str] | None = None, **fields: Any) -> tuple[int, Any]:
    async with session.post(PATH, json=BODY | fields, headers=headers) as response:
        return response.status, await response.json()


async def streamed(session: aiohttp.ClientSession) -> list[Any]:
    async with session.post(PATH, json=BODY | {"stream": True}) as response:
        assert response.status == 200
        text = await response.text()
    assert "[DONE]" not in text
    return [json.loads(part.partition("data: ")[2]) for part in text.split("\n\n")[:-1]]


async def test_a_response_that_can_not_be_kept_is_refused_before_an_engine_is_asked(
    gateway: Gateway, router: ScriptedRouter, keeper: Keeper
) -> None:
    keeper.error = AWAY
    async with gateway.session() as session:
        status, body = await posted(session)
        assert (status, body["error"]["code"], router.calls) == (503, "jobs_unavailable", 0)
        status, body = await posted(session, store=False)
        assert (status, body["store"], keeper.records) == (200, False, {})


async def test_an_answer_that_could_not_be_kept_is_given_and_says_so(gateway: Gateway, keeper: Keeper) -> None:
    keeper.put_error = AWAY
    async with gateway.session() as session:
        status, body = await posted(session, store=True)
        assert (status, body["status"], body["store"]) == (200, "completed", False)
        last = (await streamed(session))[-1]
    assert (last["type"], last["response"]["store"]) == ("response.incomplete", False)


async def test_what_is_refused_before_the_first_piece_has_its_status_and_is_not_kept(
    gateway: Gateway, router: ScriptedRouter, keeper: Keeper
) -> None:
    async with gateway.session() as session:
        for stream in (False, True):
            router.errors = [MeshError(Reason.QUOTA_EXCEEDED, "no", retry_after=1)]
            status, body = await posted(session, stream=stream)
            assert (status, body["error"]["code"]) == (429, "rate_limit_exceeded")
    assert keeper.records == {}


async def test_a_stream_is_kept_by_the_time_its_end_is_told(gateway: Gateway, router: ScriptedRouter, keeper: Keeper) -> None:
    router.note = "the quota is used up"
    async with gateway.session() as session:
        last = (await streamed(session))[-1]["response"]
        assert last["incomplete_details"] == {"reason": "max_output_tokens", "finish_note": router.note}
        async with session.get(f"{PATH}/{last['id']}") as response:
            assert await response.json() == last


async def test_a_key_makes_one_answer_and_is_not_for_streams(gateway: Gateway, router: ScriptedRouter, keeper: Keeper) -> None:
    key = {"idempotency-key": "k"}
    async with gateway.session() as session:
        assert await posted(session, key) == await posted(session, key)
        assert (router.calls, len(keeper.records)) == (1, 1)
        status, body = await posted(session, {"idempotency-key": "other"}, stream=True)
        assert (status, body["error"]["param"]) == (400, "idempotency-key")


async def test_who_may_not_use_the_model_may_neither_read_nor_go_on_from_its_response(
    gateway: Gateway, keys: dict[str, str]
) -> None:
    async with session_of(gateway, keys["infers"]) as session:
        _, body = await posted(session)
    async with session_of(gateway, keys["others"]) as other:
        async with other.get(f"{PATH}/{body['id']}") as response:
            assert response.status == 403
        status, _ = await posted(other, model="other", previous_response_id=body["id"])
        assert status == 403


async def test_the_background_needs_the_action_of_jobs(gateway: Gateway, keys: dict[str, str]) -> None:
    async with session_of(gateway, keys["infers"]) as session:
        assert (await posted(session))[0] == 200
        status, body = await posted(session, background=True)
    assert (status, body["error"]["param"]) == (403, "background")


async def test_input_items_are_paged_in_both_orders(gateway: Gateway, keeper: Keeper) -> None:
    given = [{"role": "user", "content": f"{PROMPT} {number}"} for number in range(3)]
    async with gateway.session() as session:
        _, body = await posted(session, input=given)
        (known,) = keeper.records.values()
        names = [item["id"] for item in json.loads(known)["given"]]

        async def page(**query: str) -> Any:
            async with session.get(f"{PATH}/{body['id']}/input_items", params=query) as response:
                return await response.json()

        assert [item["id"] for item in (await page())["data"]] == names[::-1]
        first = await page(order="asc", limit="2")
        assert ([item["id"] for item in first["data"]], first["has_more"]) == (names[:2], True)
        rest = await page(order="asc", after=first["last_id"])
        assert ([item["id"] for item in rest["data"]], rest["has_more"]) == (names[2:], False)
        for param, query in {"after": {"after": "x"}, "order": {"order": "up"}, "limit": {"limit": "101"}}.items():
            assert (await page(**query))["error"]["param"] == param


async def test_a_conversation_before_takes_room_as_a_body_does(
    gateway: Gateway, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    taken = Intake.take

    def take(intake: Intake, size: int) -> None:
        held.append(size)
        taken(intake, size)

    async with gateway.session() as session:
        _, body = await posted(session)
        monkeypatch.setattr(Intake, "take", take)
        assert (await posted(session, previous_response_id=body["id"]))[0] == 200
    assert len(keeper.records[body["id"]]) in held
