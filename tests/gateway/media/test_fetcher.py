"""Images are fetched where that is asked for, from public addresses alone; of all else no byte leaves the gateway."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httptools
import pytest
from canaries import PROMPT
from gateway.vetting.test_image import png
from thinmesh.inference.v1 import chat_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.public import public
from thinmesh_gateway.media import fetcher
from thinmesh_gateway.media.config import MediaConfig
from thinmesh_gateway.media.fetcher import MAX_IMAGES, Fetcher, Stream, _Response
from thinmesh_gateway.media.target import Target, target
from thinmesh_gateway.vetting import request as vetting

URL = "https://images.example.com/a.png"
PUBLIC = "93.184.216.34"
IMAGE = png()
OK = b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: %d\r\n\r\n" % len(IMAGE) + IMAGE

TRICKS = [
    "http://example.com/a.png", "https://169.254.169.254/latest", "https://localhost/a", "https://[::1]/a", "https://0x7f000001/a",
    "https://2130706433/a", "https://127.1/a", "https://example.com\\@127.0.0.1/", "https://example.com\\.evil.com/", "https://a@example.com/",
    "https://example.com:22/", "https://example.com#@evil.com/", "https://example.com/#a", "https:/example.com/", "https:example.com",
    "https://example.com/a b", "https://example.com/\r\nx: y", "https://ex\u0430mple.com/", "https://-a.com/", "https://a..com/", "file:///etc/passwd",
    "https://example.com.", "https://" + "a" * 64 + ".com/", "https://" + "a." * 200 + "com/", "https://example.com/" + "a" * 3000, "https://1.2.3.4/",
    "https://example.1/", "https://metadata/",
]  # fmt: skip
PRIVATE = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
    "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:93.184.216.34", "2002:7f00:1::", "2001:0:1::",
    "64:ff9b::7f00:1", "2001:db8::1",
]  # fmt: skip


def asking(*urls: str) -> pb.GenerateRequest:
    parts = [chat_pb2.ContentPart(text=PROMPT), *(chat_pb2.ContentPart(image=chat_pb2.Image(url=url)) for url in urls)]
    return pb.GenerateRequest(
        model="m", chat=chat_pb2.ChatInput(messages=[chat_pb2.Message(role=chat_pb2.ROLE_USER, content=parts)])
    )


class Egress:
    """Whatever leaves: the names looked up, the addresses dialled, and what was sent there."""

    def __init__(self, addresses: list[list[str]] | None = None) -> None:
        self.addresses = addresses or [[PUBLIC]]
        self.names: list[str] = []
        self.dialled: list[tuple[str, str]] = []
        self.sent: list[bytes] = []
        self.port = 0
        self.answer: list[bytes] = [OK]
        self.hang = False

    async def resolve(self, host: str, port: int) -> list[str]:
        self.names.append(host)
        return self.addresses[min(len(self.names), len(self.addresses)) - 1]

    async def dial(self, address: str, where: Target) -> Stream:
        self.dialled.append((address, where.host))
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sent.append(await reader.readuntil(b"\r\n\r\n"))
        try:
            for piece in self.answer:
                writer.write(piece)
                await writer.drain()
            if self.hang:
                await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def fetcher(self, **config: object) -> Fetcher:
        return Fetcher(MediaConfig(**({"fetch": True} | config)), self.resolve, self.dial)  # type: ignore[arg-type]


@asynccontextmanager
async def listening(egress: Egress) -> AsyncIterator[None]:
    server = await asyncio.start_server(egress.serve, "127.0.0.1", 0)
    egress.port = server.sockets[0].getsockname()[1]
    async with server:
        yield


async def refused(egress: Egress, request: pb.GenerateRequest, **config: object) -> MeshError:
    with pytest.raises(MeshError) as raised:
        vetting.check(await egress.fetcher(**config).fetched(request))
    assert (raised.value.reason, raised.value.param) == (Reason.INVALID_REQUEST, "messages[0].content")
    return raised.value


async def test_an_image_takes_its_addresss_place() -> None:
    egress = Egress()
    async with listening(egress):
        fetched = await egress.fetcher().fetched(asking(URL, "HTTPS://Images.Example.com"))
    vetting.check(fetched)
    assert [part.image.url[:22] for part in fetched.chat.messages[0].content[1:]] == ["data:image/png;base64,"] * 2
    assert egress.names == ["images.example.com"] * 2
    assert egress.dialled == [(PUBLIC, "images.example.com")] * 2
    assert egress.sent[0].startswith(b"GET /a.png HTTP/1.1\r\nhost: images.example.com\r\n")


@pytest.mark.parametrize("url", [URL, *TRICKS])
async def test_nothing_leaves_where_nobody_asked_for_it(url: str) -> None:
    egress = Egress()
    await refused(egress, asking(url), fetch=False)
    assert not egress.names
    assert not egress.dialled


@pytest.mark.parametrize("url", TRICKS)
async def test_nothing_leaves_for_a_trick(url: str) -> None:
    egress = Egress()
    assert target(url) is None
    await refused(egress, asking(url))
    assert not egress.names
    assert not egress.dialled


@pytest.mark.parametrize("address", PRIVATE)
async def test_no_private_address_is_dialled(address: str) -> None:
    assert not public(address)
    egress = Egress([[PUBLIC, address]])
    await refused(egress, asking(URL))
    assert not egress.dialled


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:220:1:248:1893:25c8:1946"])
def test_public_addresses_are(address: str) -> None:
    assert public(address)


async def test_a_name_that_changes_its_mind_is_asked_once() -> None:
    egress = Egress([[PUBLIC], ["127.0.0.1"]])
    async with listening(egress):
        await egress.fetcher().fetched(asking(URL))
    assert (len(egress.names), egress.dialled) == (1, [(PUBLIC, "images.example.com")])


@pytest.mark.parametrize(
    "answer",
    [
        [b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"],
        [b"HTTP/1.1 206 Partial\r\ncontent-type: image/png\r\ncontent-length: 0\r\n\r\n"],
        [OK.replace(b"image/png", b"text/html")],
        [OK.replace(b"image/png", b"image/jpeg")],
        [OK.replace(b"content-type", b"content-encoding: gzip\r\ncontent-type")],
        [OK[:-10]],
        [b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 99999999999999999999\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ntransfer-encoding: chunked\r\n\r\n", *[b"8000\r\n" + b"x" * 32768 + b"\r\n"] * 200],
        [b"HTTP/1.1 200 OK\r\n", *[b"x: " + b"y" * 30_000 + b"\r\n"] * 20],
        [b"HTTP/1.1 200 OK\r\nx: ", *[b"y" * 65536] * 20],
        [b"SSH-2.0-OpenSSH\r\n"],
        [b""],
    ],
)  # fmt: skip
async def test_what_is_no_image_is_refused_without_a_word_about_it(answer: list[bytes]) -> None:
    egress = Egress()
    egress.answer = answer
    async with listening(egress):
        error = await refused(egress, asking(URL))
    closed = await refused(egress, asking(URL))
    assert error.message == closed.message
    assert len(egress.sent) == 1


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("first", "more"),
    [
        (HEAD, b"x: " + b"y" * 30_000 + b"\r\n"),
        (HEAD + b"x: ", b"y" * 30_000),
        (CHUNKED + b"1\r\nx\r\n0\r\n", b"x: " + b"y" * 30_000 + b"\r\n"),
        (CHUNKED + b"1;x=", b"y" * 30_000),
        (CHUNKED, (b"1;" + b"y" * 30_000 + b"\r\nx\r\n")),
    ],
    ids=["headers", "one header", "trailers", "one chunk's extensions", "chunks' extensions"],
)
def test_nothing_that_comes_beside_an_image_is_without_a_bound(first: bytes, more: bytes) -> None:
    response = _Response(1000)
    response.feed(first)
    for _ in range(3):
        response.feed(more)
    with pytest.raises((OSError, httptools.HttpParserError)):
        response.feed(more * 3)


def test_a_small_image_may_come_in_small_chunks() -> None:
    response = _Response(1000)
    response.feed(CHUNKED + b"1\r\nx\r\n" * 1000 + b"0\r\n\r\n")
    assert (response.whole, bytes(response.body)) == (True, b"x" * 1000)


async def test_whom_the_machine_trusts_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[ssl.SSLContext] = []

    def reading() -> ssl.SSLContext:
        read.append(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        return read[-1]

    used: list[object] = []

    async def connecting(*_: object, ssl: object, **__: object) -> None:
        used.append(ssl)

    fetcher._trusted.cache_clear()
    monkeypatch.setattr(ssl, "create_default_context", reading)
    monkeypatch.setattr(asyncio, "open_connection", connecting)
    for _ in range(2):
        await fetcher.dial(PUBLIC, Target("images.example.com", "/"))
    fetcher._trusted.cache_clear()
    assert used == [read[0], read[0]]


async def test_a_slow_host_is_left() -> None:
    egress = Egress()
    egress.answer, egress.hang = [OK[:50]], True
    async with listening(egress):
        await refused(egress, asking(URL), seconds=0.05)


async def test_only_some_are_fetched() -> None:
    egress = Egress()
    async with listening(egress):
        error = await refused(egress, asking(*[URL] * (MAX_IMAGES + 1)))
    assert str(MAX_IMAGES) in error.message
