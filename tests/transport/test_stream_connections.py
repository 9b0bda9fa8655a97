"""SIP over TCP on real sockets and both event loops: framing, connections of both directions, and every limit."""

import asyncio
import logging
import socket
from collections import Counter, deque

import pytest

from b2bua.sip.errors import MalformedMessage
from b2bua.sip.framing import Framed
from b2bua.sip.message import Request
from b2bua.sip.routing import TransportAddress
from b2bua.transport.connection import (
    CHUNK_OCTETS,
    ORIGINS_LIMIT,
    PING,
    PONG,
    Connection,
    StreamLimits,
    Surroundings,
)
from tests.support.both_loops import on_both_loops
from tests.support.stream_bed import Keeper, bare_listener, closed_port, full_listener, ok, options, stream_bed

pytestmark = pytest.mark.sockets


# What arrives.


@on_both_loops
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_messages_are_cut_wherever_the_octets_are_split(host: str) -> None:
    content = b"\r\n" + options(1, b"v=0\r\n") + options(2) + options(3, b"x" * 3000)
    async with stream_bed(host) as bed:
        peer = await bed.connect()
        for start in range(0, len(content), 97):
            peer.send(content[start : start + 97])
            await asyncio.sleep(0)
        await bed.keeper.until(lambda: len(bed.keeper.messages) == 3)
        assert bed.keeper.numbers() == [1, 2, 3]
        bodies = [message.body for message in bed.keeper.messages if isinstance(message, Request)]
        assert bodies == [b"v=0\r\n", b"", b"x" * 3000]
        assert set(bed.keeper.sources) == {peer.address}


@on_both_loops
async def test_trunk_case_25_many_pipelined_messages_come_in_order_a_chunk_at_a_time() -> None:
    async with stream_bed() as bed:
        peer = await bed.connect()
        content = b"".join(options(number) for number in range(1, 1001))
        assert len(content) > 10 * CHUNK_OCTETS
        peer.send(content)
        await bed.keeper.until(lambda: len(bed.keeper.messages) == 1000)
        assert bed.keeper.numbers() == list(range(1, 1001))


@on_both_loops
async def test_a_flood_gets_one_chunk_in_a_turn_of_the_loop() -> None:
    loop = asyncio.get_running_loop()
    turns: Counter[int] = Counter()
    turn = 0

    def count() -> None:
        nonlocal turn
        turn += 1
        counting.append(loop.call_soon(count))

    counting: deque[asyncio.Handle] = deque(maxlen=1)
    async with stream_bed() as bed:
        peer = await bed.connect()
        bed.keeper.on_message = lambda _message, _source: turns.update([turn])
        content = b"".join(options(number) for number in range(1, 1001))
        peer.send(content)
        count()
        await bed.keeper.until(lambda: len(bed.keeper.messages) == 1000)
        counting[0].cancel()
    assert max(turns.values()) <= CHUNK_OCTETS // len(options(1)) + 1


@on_both_loops
async def test_a_message_of_65535_octets_arrives() -> None:
    async with stream_bed() as bed:
        peer = await bed.connect()
        head = len(options(1, b"x" * 60_000)) - 60_000
        message = options(1, b"x" * (65_535 - head))
        assert len(message) == 65_535
        peer.send(message + options(2))
        await bed.keeper.until(lambda: len(bed.keeper.messages) == 2)
        assert bed.keeper.numbers() == [1, 2]


@on_both_loops
async def test_rfc5626_s3_5_1_a_double_crlf_is_answered_by_one(caplog: pytest.LogCaptureFixture) -> None:
    async with stream_bed() as bed:
        peer = await bed.connect()
        peer.send(b"\r\n\r\n")
        assert await peer.read(2) == b"\r\n"
        peer.send(b"\r\n" * 2 * 1000 + options(1))
        await bed.keeper.until(lambda: bed.keeper.numbers() == [1])
        peer.close()
        assert len(await peer.rest()) <= 2 * 8, "pings of one chunk beyond eight are not answered"


@on_both_loops
@pytest.mark.parametrize(
    "broken",
    [
        options(7).replace(b"Content-Length: 0", b"Content-Length: many"),
        options(7).replace(b"Content-Length: 0\r\n", b""),
        options(7).replace(b"Content-Length: 0", b"Content-Length: 65536"),
    ],
    ids=["no number", "missing", "too long"],
)
async def test_rfc3261_s18_3_a_broken_frame_is_told_then_the_connection_closes(broken: bytes) -> None:
    async with stream_bed() as bed:
        peer = await bed.connect()

        def answer(message: Framed, source: TransportAddress) -> None:
            if isinstance(message, MalformedMessage) and message.answerable:
                bed.transport.send(b"SIP/2.0 400 Bad Request\r\n\r\n", source)

        bed.keeper.on_message = answer
        peer.send(options(1) + broken + options(2))
        assert await peer.rest() == b"SIP/2.0 400 Bad Request\r\n\r\n"
        assert bed.keeper.numbers() == [1, -1], "nothing behind a broken frame is a message"
        await bed.left(0)
        assert bed.transport.counters()["connections closed: broken frame"] == 1


@on_both_loops
async def test_a_whole_but_malformed_message_keeps_the_connection() -> None:
    async with stream_bed() as bed:
        peer = await bed.connect()
        peer.send(options(1).replace(b"OPTIONS sip:192.0.2.1 SIP/2.0", b"OPTIONS sip:192.0.2.1 SIP/7.0") + options(2))
        await bed.keeper.until(lambda: len(bed.keeper.messages) == 2)
        assert bed.keeper.numbers() == [-1, 2]


@on_both_loops
async def test_endless_octets_without_a_message_close_the_connection() -> None:
    async with stream_bed() as bed:
        peer = await bed.connect()
        peer.send(b"x" * 70_000)
        assert await peer.rest() == b""
        assert bed.transport.counters()["connections closed: broken frame"] == 1


@on_both_loops
async def test_a_handlers_mistake_costs_neither_the_connection_nor_the_next_message() -> None:
    loop = asyncio.get_running_loop()
    told: list[object] = []
    loop.set_exception_handler(lambda _loop, context: told.append(context["exception"]))
    async with stream_bed() as bed:
        peer = await bed.connect()

        def fails_once(_message: Framed, _source: TransportAddress) -> None:
            if len(bed.keeper.messages) == 1:
                raise RuntimeError("a handler's mistake")

        bed.keeper.on_message = fails_once
        peer.send(options(1) + options(2))
        await bed.keeper.until(lambda: len(bed.keeper.messages) == 2)
        peer.send(options(3))
        await bed.keeper.until(lambda: len(bed.keeper.messages) == 3)
        assert [str(each) for each in told] == ["a handler's mistake"]


# Who may connect.


@on_both_loops
async def test_a_stranger_is_closed_at_once_without_a_byte() -> None:
    async with stream_bed() as bed:
        bed.keeper.admitted = False
        assert await bed.turned_away(options(1)) == b""
        assert bed.keeper.messages == []
        assert len(bed.keeper.asked) == 1
        assert bed.transport.counters() == {"connections refused: stranger": 1}
        assert bed.transport.connections == 0


@on_both_loops
@pytest.mark.parametrize("limits", [StreamLimits(connections=2), StreamLimits(connections_of_peer=2)])
async def test_more_connections_than_allowed_are_closed_as_they_come(limits: StreamLimits) -> None:
    async with stream_bed(limits=limits) as bed:
        first, second = await bed.connect(), await bed.connect()
        await bed.left(2)
        assert await bed.turned_away(options(3)) == b""
        assert bed.transport.counters()["connections refused: too many"] == 1
        first.close()
        await bed.left(1)
        fourth = await bed.connect()
        fourth.send(options(4))
        second.send(options(2))
        await bed.keeper.until(lambda: sorted(bed.keeper.numbers()) == [2, 4])


@on_both_loops
async def test_a_connection_too_many_is_not_opened_and_what_waits_for_it_fails() -> None:
    async with stream_bed(limits=StreamLimits(connections=1)) as bed, bare_listener() as far:
        await bed.connect()
        await bed.left(1)
        bed.transport.send(options(1), far.address)
        assert bed.keeper.failed == [], "never from within"
        await bed.keeper.until(lambda: bed.keeper.failed == [far.address])
        assert bed.transport.last_failure(far.address) == "too many connections"
        assert bed.transport.connections == 1


# Time.


@on_both_loops
async def test_a_message_half_received_for_too_long_closes_the_connection_whatever_trickles_in() -> None:
    async with stream_bed(limits=StreamLimits(partial_s=10)) as bed:
        peer = await bed.connect()
        peer.send(options(1) + b"OPTIONS sip:a")
        await bed.keeper.until(lambda: bed.keeper.numbers() == [1])
        for _ in range(10):
            peer.send(b"a")
            bed.clock.advance(1)
            await asyncio.sleep(0.002)
        assert bed.transport.connections == 1
        peer.send(b"a")
        bed.clock.advance(1)
        assert await peer.rest() == b""
        assert bed.transport.counters()["connections closed: half a message"] == 1


@on_both_loops
async def test_whole_messages_each_have_their_own_time() -> None:
    async with stream_bed(limits=StreamLimits(partial_s=10)) as bed:
        peer = await bed.connect()
        content = b"".join(options(number) for number in range(1, 5))
        size = len(options(1))
        peer.send(content[:50])
        for number in range(1, 4):
            bed.clock.advance(8)
            peer.send(content[50 + size * (number - 1) : 50 + size * number])
            await bed.keeper.until(lambda: len(bed.keeper.messages) == number)  # noqa: B023 - awaited at once
        assert bed.transport.connections == 1


@on_both_loops
async def test_an_idle_peers_connection_is_kept_by_its_pings_and_closed_without() -> None:
    async with stream_bed(limits=StreamLimits(idle_s=3600)) as bed:
        peer = await bed.connect()
        await bed.counted("connections accepted")
        for _ in range(3):
            bed.clock.advance(3000)
            peer.send(b"\r\n\r\n")
            assert await peer.read(2) == b"\r\n"
        assert bed.transport.connections == 1
        bed.clock.advance(3602)
        assert await peer.rest() == b""
        await bed.left(0)
        assert bed.transport.counters()["connections closed: idle"] == 1
        assert bed.keeper.failed == []
        bed.clock.advance(5)
        assert bed.clock.next_due() is None, "with nothing to look after, no timer runs"


@on_both_loops
async def test_rfc5626_s3_5_1_we_ping_connections_that_we_opened_and_close_them_when_idle() -> None:
    async with stream_bed(limits=StreamLimits(ping_s=100, idle_s=250)) as bed, bare_listener() as far:
        bed.transport.send(options(1), far.address)
        peer = await far.next()
        assert await peer.read(len(options(1))) == options(1)
        peer.send(ok(1))
        await bed.keeper.until(lambda: bed.keeper.numbers() == [1])
        bed.clock.advance(99)
        bed.transport.send(options(2), far.address)
        assert await peer.read(len(options(2))) == options(2)
        peer.send(ok(2))
        await bed.keeper.until(lambda: bed.keeper.numbers() == [1, 2])
        for _ in range(2):
            bed.clock.advance(102)
            assert await peer.read(4) == b"\r\n\r\n"
            peer.send(b"\r\n")
        bed.clock.advance(50)
        assert await peer.rest() == b""
        await bed.left(0)
        assert bed.keeper.failed == []


# What is sent.


@on_both_loops
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_messages_wait_for_their_connection_and_share_it(host: str) -> None:
    async with stream_bed(host) as bed, bare_listener(host) as far:
        for number in range(1, 101):
            bed.transport.send(options(number), far.address)
        peer = await far.next()
        await bed.counted("connections opened")
        for number in range(101, 201):
            bed.transport.send(options(number), far.address)
        expected = b"".join(options(number) for number in range(1, 201))
        assert await peer.read(len(expected)) == expected
        peer.send(ok(1))
        await bed.keeper.until(lambda: len(bed.keeper.messages) == 1)
        assert bed.keeper.sources == [far.address]
        assert far.taken.empty()
        assert bed.keeper.failed == []


@on_both_loops
async def test_a_connection_leaves_from_the_listeners_address() -> None:
    async with stream_bed("127.0.0.2") as bed, bare_listener() as far:
        bed.transport.send(options(1), far.address)
        assert (await far.next()).remote_host == "127.0.0.2"


@on_both_loops
async def test_a_peer_that_vanishes_is_noticed_by_tcp_itself() -> None:
    async with stream_bed() as bed, bare_listener() as far:
        bed.transport.send(options(1), far.address)
        await far.next()
        await bed.connect()
        await bed.counted("connections accepted")
        assert len(bed.transport._all) == 2
        for connection in bed.transport._all:
            assert connection._transport is not None
            its = connection._transport.get_extra_info("socket")
            assert its.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
            assert its.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert its.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


@on_both_loops
async def test_what_we_send_to_a_peers_connection_goes_over_it() -> None:
    async with stream_bed() as bed:
        peer = await bed.connect()
        await bed.counted("connections accepted")
        bed.transport.send(options(1), peer.address)
        assert await peer.read(len(options(1))) == options(1)


@on_both_loops
async def test_what_is_not_wanted_any_more_when_its_connection_is_there_does_not_go_out() -> None:
    async with stream_bed() as bed, bare_listener() as far:
        for number in range(1, 4):
            bed.transport.send(options(number), far.address)
        bed.keeper.unwanted = {options(1), options(3)}
        peer = await far.next()
        assert await peer.read(len(options(2))) == options(2)
        await bed.keeper.until(lambda: len(bed.keeper.withdrawn_requests) == 2)
        assert bed.keeper.withdrawn_requests == [options(1), options(3)]
        assert bed.transport.counters()["requests withdrawn"] == 2
        bed.transport.send(options(4), far.address)
        assert await peer.read(len(options(4))) == options(4), "and nothing before it"


@on_both_loops
async def test_what_is_not_wanted_any_more_does_not_go_the_other_way_either() -> None:
    async with stream_bed() as bed:
        peer = await bed.connect()
        await bed.counted("connections accepted")
        nobody = closed_port()
        bed.transport.send(options(1), nobody, peer.address)
        bed.transport.send(options(2), nobody, peer.address)
        bed.keeper.unwanted = {options(1)}
        assert await peer.read(len(options(2))) == options(2)
        await bed.keeper.until(lambda: bed.keeper.withdrawn_requests == [options(1)])


@on_both_loops
async def test_a_response_that_has_waited_goes_out_whoever_asks() -> None:
    async with stream_bed() as bed, bare_listener() as far:
        bed.transport.send(ok(1), far.address)
        bed.keeper.unwanted = {ok(1)}
        peer = await far.next()
        assert await peer.read(len(ok(1))) == ok(1)


@on_both_loops
async def test_more_than_may_wait_for_a_connection_is_dropped_and_counted() -> None:
    async with stream_bed(limits=StreamLimits(waiting_messages=3)) as bed, bare_listener() as far:
        for number in range(1, 6):
            bed.transport.send(options(number), far.address)
        assert bed.transport.counters()["messages dropped: too many wait"] == 2
        peer = await far.next()
        expected = b"".join(options(number) for number in range(1, 4))
        assert await peer.read(len(expected)) == expected


@on_both_loops
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_refused_connection_fails_its_requests_once(host: str, caplog: pytest.LogCaptureFixture) -> None:
    nobody = closed_port(host)
    async with stream_bed(host) as bed:
        with caplog.at_level(logging.WARNING, logger="b2bua.transport.connection_log"):
            for number in range(3):
                bed.transport.send(options(number), nobody)
            await bed.keeper.until(lambda: bed.keeper.failed == [nobody])
            bed.transport.send(options(4), nobody)
            await bed.keeper.until(lambda: bed.keeper.failed == [nobody, nobody])
        assert bed.keeper.unopened == [nobody, nobody]
        assert bed.transport.last_failure(nobody) == "refused"
        assert bed.transport.counters()["connections failed: refused"] == 2
        assert bed.transport.connections == 0
        assert [record.getMessage() for record in caplog.records] == [f"SIP: no connection to {nobody}: refused"]


@on_both_loops
async def test_a_connection_that_does_not_come_about_in_time_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    with full_listener() as address:
        async with stream_bed(limits=StreamLimits(connect_s=0.03)) as bed:
            bed.transport.send(options(1), address)
            await bed.keeper.until(lambda: bed.keeper.failed == [address])
            assert bed.keeper.unopened == [address]
            assert bed.transport.last_failure(address) == "timeout"
            assert bed.transport.connections == 0


@on_both_loops
async def test_a_broken_connection_fails_the_requests_that_wait_for_an_answer() -> None:
    async with stream_bed() as bed, bare_listener() as far:
        bed.transport.send(options(1), far.address)
        peer = await far.next()
        await peer.read(len(options(1)))
        peer.cut()
        await bed.keeper.until(lambda: bed.keeper.failed == [far.address])
        assert bed.keeper.unopened == [], "it was there, and may have carried something"
        bed.transport.send(options(2), far.address)
        again = await far.next()
        assert await again.read(len(options(2))) == options(2)


@on_both_loops
async def test_a_connection_that_closes_when_nothing_waits_is_no_failure() -> None:
    async with stream_bed() as bed, bare_listener() as far:
        bed.transport.send(options(1), far.address)
        peer = await far.next()
        await peer.read(len(options(1)))
        bed.clock.advance(33)
        peer.close()
        await bed.left(0)
        await asyncio.sleep(0)
        assert bed.keeper.failed == []


@on_both_loops
async def test_a_peer_that_takes_nothing_is_closed_at_the_limit_of_its_buffer() -> None:
    async with stream_bed(limits=StreamLimits(write_buffer_octets=100_000)) as bed, bare_listener() as far:
        bed.transport.send(options(1), far.address)
        peer = await far.next()
        await bed.counted("connections opened")
        peer.stop_reading()
        closed = "connections closed: full write buffer"
        large = options(2, b"x" * 60_000)
        for _ in range(1000):
            if bed.transport.counters().get(closed):
                break
            bed.transport.send(large, far.address)
            await asyncio.sleep(0)
        assert bed.transport.counters()[closed] == 1
        await bed.keeper.until(lambda: far.address in bed.keeper.failed)


class Untaken(asyncio.Transport):
    """A connection whose peer sends, and takes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 0
        self.cut = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.left += len(data)

    def get_write_buffer_size(self) -> int:
        return self.left

    def is_closing(self) -> bool:
        return self.cut

    def abort(self) -> None:
        self.cut = True


async def test_nor_do_answers_to_pings_grow_without_a_limit() -> None:
    loop, counters, peer = asyncio.get_running_loop(), Counter[str](), TransportAddress("tcp", "192.0.2.1", 5060)
    limits = StreamLimits(write_buffer_octets=1_000)
    around = Surroundings(
        peer, Keeper(), limits, loop, loop.time, counters, made=lambda _made: None, lost=lambda _lost, _error: None
    )
    connection, untaken = Connection(around, peer, opened=False), Untaken()
    connection.connection_made(untaken)
    connection.settle()
    for _ in range(1_000):
        if untaken.cut:
            break
        connection.get_buffer(-1)[:4] = PING
        connection.buffer_updated(4)
    assert untaken.cut
    assert untaken.left <= 1_000 + len(PONG)
    assert connection.cut_for == "what is sent is not taken"
    assert counters == {"connections closed: full write buffer": 1}


# Where it goes when the first way is gone.


@on_both_loops
async def test_rfc3261_s18_2_2_a_response_goes_back_over_its_requests_connection_and_then_to_sent_by() -> None:
    async with stream_bed() as bed, bare_listener() as far:
        peer = await bed.connect()
        peer.send(options(1))
        await bed.keeper.until(lambda: len(bed.keeper.messages) == 1)
        source = peer.address
        bed.transport.send(ok(1), source, far.address)
        assert await peer.read(len(ok(1))) == ok(1)
        assert far.taken.empty()
        peer.close()
        await bed.left(0)
        bed.transport.send(ok(2), source, far.address)
        listening = await far.next()
        assert await listening.read(len(ok(2))) == ok(2)
        bed.transport.send(ok(3), source, far.address)
        assert await listening.read(len(ok(3))) == ok(3)
        assert "connections failed: refused" not in bed.transport.counters(), "an ephemeral port is not called"


@on_both_loops
async def test_a_response_that_nobody_takes_is_counted_and_no_failure() -> None:
    nobody, gone = closed_port(), TransportAddress("tcp", "127.0.0.1", 9)
    async with stream_bed() as bed:
        bed.transport.send(ok(1), gone, nobody)
        await bed.counted("responses dropped: unreachable")
        await bed.keeper.until(lambda: bed.keeper.unanswerable_responses == [ok(1)])
        assert bed.keeper.unanswerable_at == [gone], "which connection it was for"
        assert bed.keeper.failed == []


@on_both_loops
async def test_a_request_whose_contact_cannot_be_reached_goes_over_the_dialogs_connection() -> None:
    contact = closed_port()
    async with stream_bed() as bed:
        peer = await bed.connect()
        await bed.counted("connections accepted")
        bed.transport.send(options(1), contact, peer.address)
        assert await peer.read(len(options(1))) == options(1)
        bed.transport.send(options(2), contact, peer.address)
        assert await peer.read(len(options(2))) == options(2)
        assert bed.transport.counters()["connections failed: refused"] == 1, "not tried again at once"
        assert bed.keeper.failed == []
        peer.cut()
        await bed.keeper.until(lambda: bed.keeper.failed == [contact])


@on_both_loops
async def test_a_request_with_no_way_left_has_failed() -> None:
    contact, gone = closed_port(), closed_port()
    async with stream_bed() as bed:
        bed.transport.send(options(1), contact, gone)
        await bed.keeper.until(lambda: bed.keeper.failed == [contact])
        assert bed.keeper.unopened == []
        assert bed.transport.counters()["connections failed: refused"] == 2


@on_both_loops
async def test_a_contact_that_is_reached_is_used_though_the_dialogs_connection_is_there() -> None:
    async with stream_bed() as bed, bare_listener() as far:
        peer = await bed.connect()
        await bed.counted("connections accepted")
        bed.transport.send(options(1), far.address, peer.address)
        contact = await far.next()
        assert await contact.read(len(options(1))) == options(1)


@on_both_loops
async def test_no_more_origins_than_allowed_are_kept_for_one_connection() -> None:
    contacts = [TransportAddress("tcp", "127.0.0.1", port) for port in range(1, ORIGINS_LIMIT + 20)]
    async with stream_bed() as bed:
        peer = await bed.connect()
        await bed.counted("connections accepted")
        for number, contact in enumerate(contacts):
            bed.transport.send(options(number), contact, peer.address)
        await bed.keeper.until(lambda: True)
        async with asyncio.timeout(5):
            while bed.transport.connections > 1:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.002)
        peer.cut()
        await bed.keeper.until(lambda: len(bed.keeper.failed) >= ORIGINS_LIMIT)
        assert len(bed.keeper.failed) == ORIGINS_LIMIT
