"""SIP over TCP on real sockets: how connections and listeners end, and what happens without descriptors."""

import asyncio
import errno
import gc
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from b2bua.sip.routing import TransportAddress
from b2bua.transport.connection import ANSWER_DUE_S, StreamLimits
from b2bua.transport.connection_log import LOG_INTERVAL_S
from b2bua.transport.stream import UNREACHABLE_S, StreamTransport, bind_stream
from b2bua.transport.tls import PeerIdentity, tls_contexts, why_closed
from tests.support.both_loops import on_both_loops
from tests.support.certificates import Authority
from tests.support.manual_clock import ManualClock
from tests.support.stream_bed import (
    BarePeer,
    Keeper,
    bare_listener,
    closed_port,
    full_listener,
    ok,
    options,
    stream_bed,
)

pytestmark = pytest.mark.sockets


# Connections.


@on_both_loops
@pytest.mark.parametrize("ending", [BarePeer.close, BarePeer.cut])
async def test_the_end_of_a_connection_is_told_long_after_all_was_answered(ending: Callable[[BarePeer], None]) -> None:
    async with bare_listener() as far, stream_bed() as bed:
        bed.transport.send(options(1), far.address)
        peer = await far.next()
        peer.send(ok(1))
        await bed.keeper.until(lambda: bed.keeper.numbers() == [1])
        bed.clock.advance(ANSWER_DUE_S + 1)
        ending(peer)
        await bed.keeper.until(lambda: bool(bed.keeper.ended))
        assert (bed.keeper.ended, bed.keeper.failed) == ([far.address], [])


@on_both_loops
async def test_what_was_in_the_last_octets_and_what_has_failed_is_told_before_the_end() -> None:
    async with bare_listener() as far, stream_bed() as bed:
        bed.transport.send(options(1), far.address)
        peer = await far.next()
        peer.send(ok(1))
        peer.close()
        await bed.keeper.until(lambda: bool(bed.keeper.ended))
        assert bed.keeper.told == ["message", "failed", "ended"]


@on_both_loops
async def test_a_connection_that_came_and_is_being_closed_leaves_the_one_that_we_opened() -> None:
    limits = StreamLimits(write_buffer_octets=50_000_000, closing_s=0.2)
    async with bare_listener(shared=True) as far, stream_bed(limits=limits) as bed:
        bed.transport.send(options(1), far.address)
        opened = await far.next()
        came = await bed.connect(port=far.address.port)
        await bed.counted("connections accepted")
        came.stop_reading()
        bed.transport.send(options(2, b"x" * 60_000) * 300, far.address)  # it cannot end before this has gone out
        came.send(options(3).replace(b"Content-Length: 0", b"Content-Length: many"))
        await bed.counted("connections closed: broken frame")
        bed.transport.send(options(4), far.address)
        told = options(1) + options(4)
        assert await opened.read(len(told)) == told
        assert far.taken.empty()


@on_both_loops
async def test_of_more_requests_than_are_remembered_the_end_of_the_connection_fails_the_latest() -> None:
    async with bare_listener() as far, stream_bed(limits=StreamLimits(outstanding_requests=2)) as bed:
        bed.transport.send(options(1), far.address)
        peer = await far.next()
        for number in (2, 3):
            bed.transport.send(options(number), far.address)
        await peer.read(sum(len(options(number)) for number in (1, 2, 3)))
        peer.close()
        await bed.keeper.until(lambda: bool(bed.keeper.failed))
        assert bed.keeper.failed_requests == {options(2), options(3)}


@on_both_loops
async def test_the_end_of_a_connection_that_no_request_of_ours_went_over_is_nobody_s_concern() -> None:
    async with stream_bed() as bed:
        peer = await bed.connect()
        peer.send(options(1))
        await bed.keeper.until(lambda: bed.keeper.numbers() == [1])
        bed.transport.send(ok(1), bed.keeper.sources[0])
        peer.close()
        await bed.left(0)
        await asyncio.sleep(0)
        assert bed.keeper.ended == []


@on_both_loops
async def test_a_peer_that_closes_each_connection_unanswered_is_logged_once_in_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    line = "SIP: no connection to {}: closed before any answer"
    async with bare_listener() as far, stream_bed() as bed:
        for number in range(1, 5):
            bed.clock.advance(LOG_INTERVAL_S - 1 if number == 4 else 2)
            bed.transport.send(options(number), far.address)
            (await far.next()).close()
            await bed.keeper.until(lambda times=number: len(bed.keeper.failed) == times)  # type: ignore[misc]
            assert bed.transport.last_failure(far.address) == "closed before any answer"
            told = [record.getMessage() for record in caplog.records]
            assert told == [line.format(far.address)] * (2 if number == 4 else 1)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (None, "closed before any answer"),
        (OSError(errno.ECONNRESET, "Connection reset by peer"), "closed before any answer"),
        (OSError(errno.ETIMEDOUT, "Connection timed out"), "network: Connection timed out"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "network: No route to host"),
    ],
)
def test_what_the_network_says_of_a_connection_is_told(error: OSError | None, why: str) -> None:
    """One whose octets nobody acknowledges has not been closed by its peer."""
    assert why_closed(error) == why


@on_both_loops
async def test_an_ack_alone_has_nobody_doubted_who_says_nothing() -> None:
    """Nothing answers it (RFC 3261 17)."""
    ack = options(1).replace(b"OPTIONS", b"ACK")
    async with bare_listener() as far, stream_bed() as bed:
        bed.transport.send(ack, far.address)
        assert await (await far.next()).read(len(ack)) == ack
        for _ in range(2):
            bed.clock.advance(ANSWER_DUE_S + 2)
        assert bed.transport.connections == 1
        assert bed.transport.counters()["connections closed: nothing comes"] == 0


@on_both_loops
async def test_what_fails_again_and_again_is_tried_again_in_its_time_though_there_is_another_way() -> None:
    """Each failure would put that off else."""
    nobody = closed_port()
    async with bare_listener() as far, stream_bed() as bed:
        bed.transport.send(options(1), far.address)
        peer = await far.next()
        failed = bed.transport.counters
        for tries in (1, 2):
            bed.transport.send(options(1 + tries), nobody)
            await bed.keeper.until(lambda tries=tries: failed()["connections failed: refused"] == tries)  # type: ignore[misc]
            bed.transport.send(options(10 + tries), nobody, far.address)
            assert bed.transport.connections == 1, "by the other way at once"
            bed.clock.advance(UNREACHABLE_S / 2 + 1)
        bed.transport.send(options(20), nobody, far.address)
        expected = b"".join(options(number) for number in (1, 11, 12, 20))
        assert await peer.read(len(expected)) == expected
        assert failed()["connections failed: refused"] == 3


@on_both_loops
async def test_rfc5626_s4_4_1_a_connection_that_nothing_comes_over_gives_way_to_another() -> None:
    """Its peer's system takes all that is sent, and whoever should read it is dead."""
    async with bare_listener() as far, stream_bed() as bed:
        bed.transport.send(options(1), far.address)
        dead = await far.next()
        assert await dead.read(len(options(1))) == options(1)
        bed.clock.advance(ANSWER_DUE_S)
        assert bed.keeper.failed == []
        bed.clock.advance(2)
        assert await dead.read(4) == b"\r\n\r\n"
        bed.transport.send(options(2), far.address)
        bed.clock.advance(9)
        assert bed.transport.connections == 1
        bed.clock.advance(3)
        await bed.keeper.until(lambda: bed.keeper.ended == [far.address])
        assert bed.keeper.failed == [far.address], "what waits goes another way"
        assert bed.transport.counters()["connections closed: nothing comes"] == 1
        assert bed.transport.last_failure(far.address) == "nothing comes back", "it was ours to close it"
        bed.transport.send(options(3), far.address)
        assert await (await far.next()).read(len(options(3))) == options(3)


@on_both_loops
async def test_rfc5626_s4_4_1_a_keep_alive_that_is_answered_shows_that_somebody_is_there() -> None:
    """A peer that never answers OPTIONS."""
    async with bare_listener() as far, stream_bed() as bed:
        bed.transport.send(options(1), far.address)
        peer = await far.next()
        assert await peer.read(len(options(1))) == options(1)
        for number in range(2, 6):
            bed.clock.advance(ANSWER_DUE_S + 2)
            assert await peer.read(4) == b"\r\n\r\n"
            peer.send(b"\r\n\r\n")  # of the peer's own: that it is answered shows that it has come
            assert await peer.read(2) == b"\r\n"
            bed.clock.advance(ANSWER_DUE_S)
            assert bed.transport.connections == 1
            bed.transport.send(options(number), far.address)
            assert await peer.read(len(options(number))) == options(number)
        assert bed.keeper.ended == []


@on_both_loops
@pytest.mark.parametrize("sent", [ok(1), options(1).replace(b"OPTIONS", b"ACK")])
async def test_silence_after_what_has_no_answer_is_no_sign_of_death(sent: bytes) -> None:
    async with bare_listener() as far, stream_bed(limits=StreamLimits(ping_s=1000)) as bed:
        bed.transport.send(sent, far.address)
        await far.next()
        await bed.counted("connections opened")
        bed.clock.advance(900)
        assert bed.transport.connections == 1
        assert bed.keeper.ended == []


# The end.


@on_both_loops
async def test_closing_lets_what_is_written_go_out() -> None:
    async with bare_listener() as far:
        async with stream_bed() as bed:
            bed.transport.send(options(1), far.address)
            peer = await far.next()
            await bed.counted("connections opened")
            for number in range(2, 52):
                bed.transport.send(options(number), far.address)
            await bed.transport.close()
            await bed.transport.close()
            bed.transport.send(options(99), far.address)
        assert await peer.rest() == b"".join(options(number) for number in range(1, 52))
        assert bed.keeper.ended == [], "it has ended by our own will"
        assert bed.transport.counters()["sent after closing"] == 1
        assert bed.transport.connections == 0
        assert bed.keeper.failed == []


@on_both_loops
async def test_closing_waits_for_a_peer_that_takes_what_is_left() -> None:
    async with bare_listener() as far, stream_bed(limits=StreamLimits(write_buffer_octets=2**30)) as bed:
        bed.transport.send(options(1), far.address)
        peer = await far.next()
        await bed.counted("connections opened")
        peer.stop_reading()
        large = options(2, b"x" * 60_000)
        for _ in range(200):
            bed.transport.send(large, far.address)
        closing = asyncio.create_task(bed.transport.close())
        await asyncio.sleep(0)
        peer.read_on()
        assert len(await peer.rest()) == len(options(1)) + 200 * len(large)
        await closing


@on_both_loops
async def test_of_two_connections_with_one_address_the_newer_carries_and_survives_the_older() -> None:
    async with bare_listener(shared=True) as far, stream_bed() as bed:
        bed.transport.send(options(1), far.address)
        older = await far.next()
        assert await older.read(len(options(1))) == options(1)
        newer = await bed.connect(port=far.address.port)
        await bed.left(2)
        await bed.counted("connections accepted")
        bed.transport.send(options(2), far.address)
        assert await newer.read(len(options(2))) == options(2)
        older.cut()
        await bed.left(1)
        bed.transport.send(options(3), far.address)
        assert await newer.read(len(options(3))) == options(3)
        assert far.taken.empty()


@on_both_loops
async def test_closing_does_not_wait_for_a_peer_that_takes_nothing() -> None:
    async with bare_listener() as far, stream_bed(limits=StreamLimits(closing_s=0.03)) as bed:
        bed.transport.send(options(1), far.address)
        peer = await far.next()
        await bed.counted("connections opened")
        peer.stop_reading()
        for _ in range(200):
            if not bed.transport.connections:
                break
            bed.transport.send(options(2, b"x" * 60_000), far.address)
        async with asyncio.timeout(2):
            await bed.transport.close()
            await bed.left(0)


@on_both_loops
async def test_closing_ends_what_is_being_opened() -> None:
    async with bare_listener() as far, stream_bed() as bed:
        bed.transport.send(options(1), far.address)
        await bed.transport.close()
        assert bed.transport.connections == 0
        assert bed.keeper.failed == []


@on_both_loops
async def test_closing_lets_what_waits_for_its_connection_go_out() -> None:
    """A BYE at the end of a process is the last that is said, and often the first to the peer's Contact."""
    async with bare_listener() as far, stream_bed() as bed:
        bed.transport.send(options(1), far.address)
        await bed.transport.close()
        assert await (await far.next()).rest() == options(1)
        assert bed.transport.connections == 0
        assert bed.transport.counters()["messages dropped: closing"] == 0


@on_both_loops
async def test_closing_lets_what_cannot_be_connected_go_its_other_way() -> None:
    async with bare_listener() as far, stream_bed() as bed:
        bed.transport.send(options(1), far.address)
        peer = await far.next()
        await bed.counted("connections opened")
        bed.transport.send(options(2), closed_port(), far.address)
        bed.transport.send(options(3), closed_port(), closed_port())
        await bed.transport.close()
        assert await peer.rest() == options(1) + options(2), bed.transport.counters()
        assert bed.keeper.failed == []


@on_both_loops
async def test_closing_sends_over_a_connection_that_stands_what_would_wait_for_another() -> None:
    with full_listener() as contact:
        async with bare_listener() as far, stream_bed(limits=StreamLimits(closing_s=0.03)) as bed:
            bed.transport.send(options(1), far.address)
            peer = await far.next()
            await bed.counted("connections opened")
            bed.transport.send(options(2), contact, far.address)
            await bed.transport.close()
            assert await peer.rest() == options(1) + options(2)


@on_both_loops
async def test_closing_does_not_wait_for_a_connection_that_does_not_come_about() -> None:
    with full_listener() as address:
        async with stream_bed(limits=StreamLimits(closing_s=0.03)) as bed:
            bed.transport.send(options(1), address)
            async with asyncio.timeout(2):
                await bed.transport.close()
            assert bed.transport.connections == 0
            assert bed.transport.counters()["messages dropped: closing"] == 1


@on_both_loops
async def test_what_still_waits_for_a_connection_that_is_cut_off_as_it_comes_about_has_failed() -> None:
    requests = [options(number, b"x" * 60_000) for number in range(1, 201)]
    async with bare_listener() as far, stream_bed(limits=StreamLimits(write_buffer_octets=1)) as bed:
        for request in requests:
            bed.transport.send(request, far.address)
        bed.transport.send(ok(201), closed_port(), far.address)
        await bed.keeper.until(lambda: bool(bed.keeper.failed))
        assert bed.keeper.failed_requests == set(requests)
        assert bed.keeper.unanswerable_responses == [ok(201)]
        assert bed.transport.counters()["responses dropped: unreachable"] == 1


@on_both_loops
async def test_a_connection_cut_off_as_it_comes_about_takes_no_other_descriptor_with_it() -> None:
    """A loop that has its socket but not yet the object of it would leave that with a number that is another's soon."""
    async with bare_listener() as far, stream_bed(limits=StreamLimits(write_buffer_octets=1)) as bed:
        for number in range(200):
            bed.transport.send(options(number, b"x" * 60_000), far.address)
        await bed.counted("connections closed: full write buffer")
        await bed.left(0)
        one, other = socket.socketpair()
        with one, other:
            gc.collect()
            other.send(b"x")
            assert one.recv(1) == b"x"


@on_both_loops
async def test_a_port_that_is_taken_is_an_error() -> None:
    async with stream_bed() as bed:
        with pytest.raises(OSError, match="in use"):
            bind_stream(bed.local.host, bed.local.port)


class NoDescriptors:
    """A listening socket whose accept fails so often for want of descriptors."""

    def __init__(self, real: socket.socket, failures: int = 1) -> None:
        self._real = real
        self.failures = failures

    def accept(self) -> tuple[socket.socket, object]:
        if self.failures:
            self.failures -= 1
            raise OSError(24, "Too many open files")
        return self._real.accept()

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


@on_both_loops
async def test_without_descriptors_it_waits_a_second_and_takes_the_connection_then() -> None:
    bed_keeper = Keeper()
    loop = asyncio.get_running_loop()
    async with stream_bed() as bed:
        scarce = NoDescriptors(bind_stream("127.0.0.1", 0))
        transport = StreamTransport(scarce, bed_keeper, loop, scheduler=bed.clock)  # type: ignore[arg-type]  # a stand-in
        reader, writer = await asyncio.open_connection("127.0.0.1", transport.local.port)
        peer = BarePeer(reader, writer)
        peer.send(options(1))
        async with asyncio.timeout(5):
            while "connections refused: system" not in transport.counters():  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.002)
        assert bed_keeper.asked == []
        bed.clock.advance(1)
        await bed_keeper.until(lambda: bed_keeper.numbers() == [1])
        await transport.close()
        await peer.end()


async def test_without_descriptors_a_tls_listener_takes_the_connection_a_second_later_too(tmp_path: Path) -> None:
    authority, keeper, clock = Authority(tmp_path), Keeper(), ManualClock()
    own = authority.issue("127.0.0.1")
    scarce = NoDescriptors(bind_stream("127.0.0.1", 0))
    tls = tls_contexts(own.certificate, own.key, authority.file)
    loop = asyncio.get_running_loop()
    transport = StreamTransport(scarce, keeper, loop, tls=tls, scheduler=clock)  # type: ignore[arg-type]  # a stand-in
    with socket.create_connection(("127.0.0.1", transport.local.port)):
        while "connections refused: system" not in transport.counters():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0)
        assert keeper.asked == []
        clock.advance(1)
        await keeper.until(lambda: len(keeper.asked) == 1)
        await asyncio.sleep(0)  # its handshake begins
        await transport.close()


async def test_that_there_are_no_descriptors_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    async with stream_bed() as bed:
        scarce = NoDescriptors(bind_stream("127.0.0.1", 0), failures=100)
        transport = StreamTransport(scarce, Keeper(), loop, scheduler=bed.clock)  # type: ignore[arg-type]  # a stand-in
        _, writer = await asyncio.open_connection("127.0.0.1", transport.local.port)
        async with asyncio.timeout(5):
            for seconds in range(100):
                while transport.counters()["connections refused: system"] <= seconds:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0)
                bed.clock.advance(1)
        await transport.close()
        writer.close()
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "no connection can be taken: Too many open files"
    ] * 2


# What nobody has thought of.


class OddIdentity:
    """Fails once as a connection is opened, as no socket does."""

    def __init__(self, error: Exception) -> None:
        self.error: Exception | None = error

    def __call__(self, _address: TransportAddress) -> PeerIdentity | None:
        error, self.error = self.error, None
        if error is not None:
            raise error
        return None


@on_both_loops
@pytest.mark.parametrize("error", [ValueError("server_hostname cannot be empty"), ZeroDivisionError("a defect")])
async def test_an_attempt_that_fails_oddly_fails_like_any_other(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async with bare_listener() as far, stream_bed(identify=OddIdentity(error)) as bed:
        bed.transport.send(options(1), far.address)
        await bed.keeper.until(lambda: bool(bed.keeper.failed))
        assert bed.keeper.failed == [far.address]
        assert bed.transport.connections == 0
        assert bed.transport.counters()["connections failed: defect"] == 1
        bed.transport.send(options(2), far.address)
        peer = await far.next()
        assert await peer.read(len(options(2))) == options(2), "the next message opens a connection anew"
    told = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert told == [error], "a defect is told of once"
