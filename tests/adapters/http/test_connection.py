"""A connection that holds more than it may: it waits with the rest, and whoever reads has what there is."""

from __future__ import annotations

import asyncio

import pytest

from thinmesh_adapters.http.connection import MAX_HELD_BYTES, Connection, LostError
from thinmesh_adapters.http.origin import Origin
from thinmesh_adapters.http.pool import Pool

MORE = b"x" * (MAX_HELD_BYTES + 1)
"""As TLS can bring it in one piece."""

WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(MORE)
CUT = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (2 * len(MORE))


class Wire(asyncio.Transport):
    """Nothing is behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.paused = self.aborted = False

    def write(self, data: object) -> None:
        """Sends nothing."""

    def pause_reading(self) -> None:
        """Is told to wait."""
        self.paused = True

    def resume_reading(self) -> None:
        """Is told to go on."""
        self.paused = False

    def abort(self) -> None:
        """Is told to end."""
        self.aborted = True


def asked(answer: bytes) -> tuple[Connection, Wire]:
    """A connection on which the head of an answer has come."""
    connection, wire = Connection(asyncio.get_running_loop()), Wire()
    connection.connection_made(wire)
    connection.send(b"", 5)
    connection.data_received(answer)
    return connection, wire


async def test_a_request_is_not_sent_to_an_engine_that_spoke_before_it_was_asked() -> None:
    connection, wire = Connection(asyncio.get_running_loop()), Wire()
    connection.connection_made(wire)
    connection.data_received(WHOLE)
    with pytest.raises(LostError) as raised:
        connection.send(b"", 5)
    assert (raised.value.answered, wire.aborted) == (False, True)


async def test_a_reader_has_a_piece_that_is_larger_than_what_may_be_held() -> None:
    connection, wire = asked(CUT)
    reading = asyncio.create_task(connection.read())
    await asyncio.sleep(0)
    connection.data_received(MORE)
    assert wire.paused
    assert await reading == MORE
    assert not wire.paused


async def test_what_was_held_when_the_connection_was_lost_is_read_before_that_is_told() -> None:
    connection, wire = asked(CUT)
    connection.data_received(MORE)
    connection.connection_lost(None)
    assert wire.aborted
    assert await connection.read() == MORE
    with pytest.raises(LostError):
        await connection.read()


async def test_a_connection_that_waits_is_not_used_again() -> None:
    connection, wire = asked(WHOLE)
    connection.data_received(MORE)
    assert connection.complete
    assert not connection.release()
    assert wire.aborted


async def test_a_closed_pool_keeps_nothing() -> None:
    pool = Pool(Origin("http://127.0.0.1:1", None), 60)
    connection, wire = asked(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    pool.close()
    pool.give_back(connection)
    assert wire.aborted
    assert pool.idle() is None
