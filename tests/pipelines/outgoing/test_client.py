"""Calls of strangers: what is asked, what is told of the answer, and what never leaves."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from aiohttp import web
from canaries import PHRASE
from certificates import Authority

from fakes.receiver import Receiver, receiver
from thinmesh_core.errors import MeshError, Reason
from thinmesh_pipelines.outgoing.client import OURS, Answered, Outgoing
from thinmesh_pipelines.outgoing.config import OutgoingConfig

HERE = OutgoingConfig(allow=("127.0.0.1",), max_bytes=1000)
NONE: Mapping[str, str] = {}


@pytest.fixture
async def there() -> AsyncIterator[Receiver]:
    async with receiver() as one:
        yield one


async def asked(
    client: Outgoing, url: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] = NONE
) -> Answered:
    return await client.ask(method, url, headers=headers, body=body, seconds=5)


async def refused(client: Outgoing, url: str, method: str = "GET", headers: Mapping[str, str] = NONE) -> MeshError:
    with pytest.raises(MeshError) as error:
        await asked(client, url, method, headers=headers)
    assert PHRASE not in str(error.value)
    return error.value


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_a_request_goes_as_it_is_and_its_answer_comes_back(there: Receiver, method: str) -> None:
    there.answer = lambda: web.Response(status=404, body=b"no", headers={"X-Why": "gone"})
    answer = await asked(Outgoing(HERE), f"{there.url}/a%20b?c=d#e", method, b"body", {"X-Mine": "yes"})
    heard = await there.take()
    assert (heard.method, heard.path, heard.headers["x-mine"], heard.body) == (method, "/a%20b?c=d", "yes", b"body")
    assert (answer.status, answer.headers["x-why"], answer.body) == (404, "gone", b"no")


async def test_a_redirect_is_told_and_not_followed(there: Receiver) -> None:
    there.answer = lambda: web.Response(status=302, headers={"location": "/elsewhere"})
    answer = await asked(Outgoing(HERE), there.url)
    assert (answer.status, answer.headers["location"]) == (302, "/elsewhere")
    assert there.heard.qsize() == 1


async def test_a_private_address_is_never_connected_to_by_whatever_name(there: Receiver) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "127.0.0.1"]

    client = Outgoing(OutgoingConfig(), resolve)
    for host in ("127.0.0.1", "[::1]", "a.example", "2130706433", "127.1", "[::ffff:127.0.0.1]", "0x7f.1"):
        for scheme in ("http", "https"):
            assert (await refused(client, f"{scheme}://{host}:{there.port}/{PHRASE}")).reason is Reason.INVALID_REQUEST
    assert there.heard.empty()


async def test_a_name_is_asked_once_and_the_connection_goes_where_it_led(there: Receiver) -> None:
    names: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        names.append(host)
        return ["127.0.0.1"] if len(names) == 1 else ["10.0.0.1"]

    assert (await asked(Outgoing(HERE, resolve), f"http://api.internal:{there.port}/")).status == 200
    assert (await there.take()).headers["host"] == f"api.internal:{there.port}"
    assert names == ["api.internal"]


@pytest.mark.parametrize(
    "url", ["", "ftp://a.example/", "//a.example", "/a", "https://", "https://u:p@a.example/", "https://a.example:x/",
            "https://a.example/\n", "https://" + "a" * 9000, "file:///etc/passwd", "https://a.example:0/"],
)  # fmt: skip
async def test_what_is_no_plain_url_is_refused(url: str) -> None:
    error = await refused(Outgoing(HERE), url)
    assert (error.reason, error.param) == (Reason.INVALID_REQUEST, "url")


async def test_headers_can_not_make_another_request(there: Receiver) -> None:
    client = Outgoing(HERE)
    for name, value in [("x", "a\r\nb: c"), ("x y", "a"), ("", "a"), ("x", "\u2028"), *((name.title(), "a") for name in OURS)]:
        assert (await refused(client, there.url, headers={name: value})).param == "headers"
    assert (await refused(client, there.url, "TRACE")).param == "method"
    assert there.heard.empty()


async def test_an_answer_above_the_bound_is_refused(there: Receiver) -> None:
    there.answer = lambda: web.Response(body=b"x" * 1001)
    assert (await refused(Outgoing(HERE), there.url)).reason is Reason.REQUEST_TOO_LARGE


async def test_who_is_not_there_or_silent_may_be_asked_again() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/{PHRASE}"
        with pytest.raises(MeshError) as late:
            await Outgoing(HERE).ask("GET", url, headers={}, body=None, seconds=0.1)
    assert late.value.reason is Reason.DEADLINE_EXCEEDED
    assert (await refused(Outgoing(HERE), url)).reason is Reason.ENGINE_UNAVAILABLE


async def test_a_certificate_must_be_trusted_and_the_names_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    files = Authority(tmp_path).issue(host="hook.internal", named="hook")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(files.certificate, files.key)
    async with receiver(tls) as there:
        strange = await refused(Outgoing(HERE, resolve), f"https://hook.internal:{there.port}/")
        assert strange.reason is Reason.ENGINE_UNAVAILABLE
        monkeypatch.setenv("SSL_CERT_FILE", str(files.authority))
        client = Outgoing(HERE, resolve)
        assert (await asked(client, f"https://hook.internal:{there.port}/")).status == 200
        assert "certificate" in (await refused(client, f"https://other.internal:{there.port}/")).message
