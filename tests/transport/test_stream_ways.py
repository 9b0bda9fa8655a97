"""SIP over TCP and TLS on real sockets: which connection a message takes, how long one stays, whose failure counts."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from b2bua.sip.routing import ANYBODY, TransportAddress
from b2bua.transport.connection import StreamLimits
from b2bua.transport.stream import FAILURES_KEPT
from b2bua.transport.stream_socket import reset
from b2bua.transport.tls import PeerIdentity, tls_contexts
from tests.support.both_loops import on_both_loops
from tests.support.certificates import Authority
from tests.support.stream_bed import BareListener, BarePeer, StreamBed, bare_listener, ok, options, stream_bed

pytestmark = pytest.mark.sockets

IDLE_S = 10.0


async def closing_connection(bed: StreamBed, far: BareListener) -> BarePeer:
    """A peer's from the port that it listens on, which we have just begun to close."""
    peer = await bed.connect(port=far.address.port)
    peer.send(options(1))
    await bed.keeper.until(lambda: bed.keeper.numbers() == [1])
    bed.clock.advance(IDLE_S + 1)
    assert bed.transport.counters()["connections closed: idle"] == 1
    return peer


@asynccontextmanager
async def who_has_asked_twice(tmp_path: Path, *, listens: bool) -> AsyncIterator[tuple[StreamBed, BarePeer]]:
    """A peer whose latest request alone is remembered, and that has to be verified; `listens`: it is called there."""
    authority = Authority(tmp_path)
    own = authority.issue("127.0.0.1")
    async with stream_bed(
        tls=tls_contexts(own.certificate, own.key, authority.file),
        identify=lambda at: PeerIdentity("trunk carrier", at.host, listens=listens),
        limits=StreamLimits(outstanding_requests=1),
    ) as bed:
        peer = await bed.connect(tls_contexts(None, None, authority.file).client)
        peer.send(options(1) + options(2))
        await bed.keeper.until(lambda: bed.keeper.numbers() == [1, 2])
        yield bed, peer


# While a connection closes.


@on_both_loops
async def test_what_follows_to_a_peer_whose_connection_closes_shares_a_new_one() -> None:
    async with bare_listener(shared=True) as far, stream_bed(limits=StreamLimits(idle_s=IDLE_S)) as bed:
        await closing_connection(bed, far)
        bed.transport.send(options(2), far.address)
        bed.transport.send(options(3), far.address)
        peer = await far.next()
        assert await peer.read(len(options(2) + options(3))) == options(2) + options(3)
        assert far.taken.empty()


@on_both_loops
async def test_a_request_whose_peers_connection_closes_opens_another_before_it_goes_its_other_way() -> None:
    async with (
        bare_listener(shared=True) as far,
        bare_listener() as elsewhere,
        stream_bed(limits=StreamLimits(idle_s=IDLE_S)) as bed,
    ):
        await closing_connection(bed, far)
        bed.transport.send(options(2), far.address, elsewhere.address)
        assert await (await far.next()).read(len(options(2))) == options(2)
        assert elsewhere.taken.empty()


@on_both_loops
async def test_who_is_not_reached_while_its_connection_closes_has_had_none() -> None:
    """Nothing of it has arrived: it may go by UDP after all."""
    limits = StreamLimits(idle_s=IDLE_S, write_buffer_octets=1_000_000_000)
    async with bare_listener(shared=True) as far, stream_bed(limits=limits) as bed:
        peer = await bed.connect(port=far.address.port)
        await bed.counted("connections accepted")
        peer.stop_reading()
        for _ in range(200):
            bed.transport.send(ok(1) + b"x" * 60_000, far.address)
        bed.clock.advance(IDLE_S + 1)
        await far.close()
        bed.transport.send(options(2), far.address)
        await bed.keeper.until(lambda: bed.keeper.failed_requests == {options(2)})
        assert bed.transport.connections == 1, "it closes still"
        assert bed.keeper.unopened == [far.address]
        peer.cut()


# Who has to prove who it is.


@on_both_loops
async def test_who_connects_from_where_a_server_is_called_draws_no_request_to_its_other_way(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own = authority.issue("127.0.0.1")
    ours = tls_contexts(own.certificate, own.key, authority.file)
    server = ours.server
    client = tls_contexts(None, None, authority.file).client
    async with (
        bare_listener(context=server, shared=True) as far,
        bare_listener(context=server) as elsewhere,
        stream_bed(tls=ours, identify=lambda at: PeerIdentity("trunk carrier", at.host)) as bed,
    ):
        peer = await bed.connect(client, far.address.port)
        peer.send(options(1))
        await bed.keeper.until(lambda: bed.keeper.numbers() == [1])
        bed.transport.send(options(2), far.address, elsewhere.address)
        assert await (await far.next()).read(len(options(2))) == options(2)
        assert elsewhere.taken.empty()


@on_both_loops
async def test_who_connects_from_another_port_of_a_server_is_answered_whatever_is_still_known_of_its_requests(
    tmp_path: Path,
) -> None:
    async with who_has_asked_twice(tmp_path, listens=False) as (bed, peer):
        bed.transport.send(ok(1), bed.keeper.sources[0])
        assert await peer.read(len(ok(1))) == ok(1)


@on_both_loops
async def test_of_more_requests_than_are_remembered_only_the_latest_are_answered_to_who_came(tmp_path: Path) -> None:
    """From where a server is called; without an end they would fill the memory."""
    async with who_has_asked_twice(tmp_path, listens=True) as (bed, peer):
        for number in (1, 2):
            bed.transport.send(ok(number), bed.keeper.sources[0])
        await bed.keeper.until(lambda: bed.keeper.unanswerable_responses == [ok(1)])
        assert await peer.read(len(ok(2))) == ok(2)


@on_both_loops
async def test_names_that_take_turns_at_an_address_have_a_connection_each(tmp_path: Path) -> None:
    """One trunk's host is found there at times, and then it is its name that has to be verified. What has come over
    either connection is answered over that, as long as it is there (18.2.2): its peer may be one of several behind the
    address."""
    names = ("a.example", "b.example")
    expected = [names[0]]
    call = options(8).replace(b"Call-ID: bed", b"Call-ID: new")
    authority = Authority(tmp_path)
    theirs = authority.issue(*names)
    ours = tls_contexts(theirs.certificate, theirs.key, authority.file)
    async with (
        bare_listener(context=ours.server) as far,
        stream_bed(tls=ours, identify=lambda _address: PeerIdentity("trunk", expected[0])) as bed,
    ):
        peers = []
        for number, expected[0] in enumerate(names, 1):
            bed.transport.send(call, far.address)
            peers.append(await far.next())
            assert await peers[-1].read(len(call)) == call
            peers[-1].send(options(number))
            await bed.keeper.until(lambda: len(bed.keeper.messages) == len(peers))
        first, second = peers
        bed.transport.send(ok(1), far.address)
        assert await first.read(len(ok(1))) == ok(1)
        for peer, expected[0] in zip(peers, names, strict=True):
            bed.transport.send(call, far.address)
            assert await peer.read(len(call)) == call
        first.cut()
        await bed.left(1)
        bed.transport.send(ok(1), far.address)
        bed.transport.send(ok(2), far.address)
        assert await second.read(len(ok(1) + ok(2))) == ok(1) + ok(2), "what is gone is answered over what is left"
        assert far.taken.empty()


async def test_names_that_share_an_address_have_a_connection_each_at_once(tmp_path: Path) -> None:
    """And one that does not prove its name there fails alone, even while the other's connection is being made."""
    authority = Authority(tmp_path)
    theirs = authority.issue("a.example", "b.example")
    ours = tls_contexts(theirs.certificate, theirs.key, authority.file)
    async with (
        bare_listener(context=ours.server) as far,
        stream_bed(tls=ours, identify=lambda at: PeerIdentity("trunk", at.expected) if at.expected else None) as bed,
    ):
        at_names = [far.address._replace(expected=f"{name}.example") for name in "abc"]
        for number, at in enumerate((*at_names, *at_names), 1):
            bed.transport.send(options(number), at)
        peers = [await far.next(), await far.next()]
        came = {await peer.read(len(options(1)) * 2): peer for peer in peers}
        assert came.keys() == {options(1) + options(4), options(2) + options(5)}
        await bed.keeper.until(lambda: bed.keeper.failed_requests == {options(3), options(6)})
        assert set(bed.keeper.failed) == {at_names[2]}
        assert bed.transport.last_failure(at_names[2]) is not None
        assert [bed.transport.last_failure(at) for at in at_names[:2]] == [None, None]
        peers = [came[options(1) + options(4)], came[options(2) + options(5)]]
        for number, peer in enumerate(peers, 7):
            peer.send(options(number))
            await bed.keeper.until(lambda: len(bed.keeper.messages) == number - 6)  # noqa: B023 - awaited at once
        assert bed.keeper.sources == at_names[:2], "who it comes from is who was verified"
        calls = [options(number).replace(b"Call-ID: bed", b"Call-ID: new") for number in (1, 2)]
        for number, (at, call) in enumerate(zip(at_names, calls, strict=False), 7):
            bed.transport.send(ok(number), at)
            bed.transport.send(call, at)
        for number, (peer, call) in enumerate(zip(peers, calls, strict=True), 7):
            assert await peer.read(len(ok(number) + call)) == ok(number) + call
        assert bed.transport.connections == 2
        peers[0].cut()
        await bed.keeper.until(lambda: set(bed.keeper.ended) == {at_names[0]})
        bed.transport.send(calls[0], at_names[1])
        assert await peers[1].read(len(calls[0])) == calls[0]
        assert far.taken.empty()


async def test_whom_nobody_verifies_waits_for_no_connection_that_has_to_be(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    theirs = authority.issue("a.example")
    ours = tls_contexts(theirs.certificate, theirs.key, authority.file)
    async with (
        bare_listener(context=ours.server) as far,
        stream_bed(tls=ours, identify=lambda at: PeerIdentity("", at.expected, verify=at.expected != ANYBODY)) as bed,
    ):
        for number, name in enumerate(("b.example", ANYBODY), 1):
            bed.transport.send(options(number), far.address._replace(expected=name))
        anybody = await far.next()
        assert await anybody.read(len(options(2))) == options(2)
        await bed.keeper.until(lambda: bed.keeper.failed_requests == {options(1)})
        bed.transport.send(options(3), far.address._replace(expected="a.example"))
        proved = await far.next()
        assert await proved.read(len(options(3))) == options(3), "nobody has been asked to prove that before"
        bed.transport.send(options(4), far.address._replace(expected=ANYBODY))
        assert await anybody.read(len(options(4))) == options(4), "each has its own"


async def test_who_is_expected_is_expected_where_nobody_knows_the_address_any_more(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    theirs = authority.issue("a.example")
    ours = tls_contexts(theirs.certificate, theirs.key, authority.file)
    async with bare_listener(context=ours.server) as far, stream_bed(tls=ours) as bed:
        at = far.address._replace(expected="a.example")
        for number in (1, 2):
            bed.transport.send(options(number), at)
        peer = await far.next()
        assert await peer.read(len(options(1)) * 2) == options(1) + options(2)
        bed.transport.send(options(3), at)
        assert await peer.read(len(options(3))) == options(3)
        bed.transport.send(options(4), at._replace(expected=ANYBODY))
        await bed.keeper.until(lambda: bed.keeper.failed_requests == {options(4)})


@pytest.mark.parametrize("message", [ok(2), options(2)], ids=["response", "request"])
async def test_another_way_to_the_same_place_is_no_other_way(tmp_path: Path, message: bytes) -> None:
    """Who calls from the port that it listens on is known by its place, and by its name as well where it listens."""
    authority = Authority(tmp_path)
    own = authority.issue("127.0.0.1")
    ours = tls_contexts(own.certificate, own.key, authority.file)
    async with stream_bed(tls=ours) as bed:
        async with bare_listener(context=ours.server) as far:
            gone = far.address
        bed.transport.send(message, gone, gone._replace(expected="a.example"))
        await bed.keeper.until(lambda: bool(bed.keeper.failed or bed.keeper.unanswerable_at))
        assert [*bed.keeper.failed, *bed.keeper.unanswerable_at] == [gone]
        assert bed.transport.counters()["connections failed: refused"] == 1
        assert bed.transport.connections == 0


async def test_who_is_expected_at_the_other_way_is_expected_at_the_same_place(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    theirs = authority.issue("a.example")
    ours = tls_contexts(theirs.certificate, theirs.key, authority.file)
    async with (
        bare_listener(context=ours.server) as far,
        stream_bed(tls=ours, identify=lambda at: PeerIdentity("trunk", at.expected or "b.example")) as bed,
    ):
        for number in (1, 2):
            bed.transport.send(options(number), far.address, far.address._replace(expected="a.example"))
        peer = await far.next()
        assert await peer.read(len(options(1)) * 2) == options(1) + options(2)
        bed.transport.send(ok(3), far.address, far.address._replace(expected="a.example"))
        assert await peer.read(len(ok(3))) == ok(3)
        assert bed.transport.connections == 1
        assert bed.transport.last_failure(far.address) is None


async def test_what_is_verified_for_its_address_is_used_again_where_anybody_is_expected(tmp_path: Path) -> None:
    """Nobody knows the address, so that it has to be proved: once, and not by each message anew."""
    authority = Authority(tmp_path)
    theirs = authority.issue("127.0.0.1")
    ours = tls_contexts(theirs.certificate, theirs.key, authority.file)
    async with bare_listener(context=ours.server) as far, stream_bed(tls=ours) as bed:
        at = far.address._replace(expected=ANYBODY)
        bed.transport.send(options(1), at)
        peer = await far.next()
        assert await peer.read(len(options(1))) == options(1)
        bed.transport.send(options(2), at)
        assert await peer.read(len(options(2))) == options(2)
        assert bed.transport.connections == 1


# How many connections a host may have.


@on_both_loops
async def test_who_ends_one_of_its_connections_may_have_one_more_and_not_as_many_again() -> None:
    async with stream_bed(limits=StreamLimits(connections_of_peer=2)) as bed:
        first, _ = await bed.connect(), await bed.connect()
        await bed.left(2)
        first.cut()
        await bed.left(1)
        await bed.connect()
        await bed.left(2)
        assert await bed.turned_away(options(1)) == b""
        assert bed.transport.counters()["connections refused: too many"] == 1


def test_what_is_turned_away_is_reset_so_that_nothing_of_it_is_kept() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()) as stranger,
    ):
        reset(listening.accept()[0])
        with pytest.raises(ConnectionResetError):
            stranger.recv(1)


# Time.


@on_both_loops
async def test_a_message_that_begins_a_connection_and_does_not_end_closes_it() -> None:
    async with stream_bed(limits=StreamLimits(partial_s=10)) as bed:
        peer = await bed.connect()
        peer.send(b"\r\n\r\nOPTIONS sip:a")
        assert await peer.read(2) == b"\r\n", "it was read"
        bed.clock.advance(11)
        assert await peer.rest() == b""
        assert bed.transport.counters()["connections closed: half a message"] == 1


@on_both_loops
async def test_an_idle_connection_whose_peer_does_not_take_what_is_left_is_cut_off() -> None:
    limits = StreamLimits(idle_s=IDLE_S, closing_s=2, write_buffer_octets=1_000_000_000)
    async with bare_listener() as far, stream_bed(limits=limits) as bed:
        bed.transport.send(options(1), far.address)
        (await far.next()).stop_reading()
        await bed.counted("connections opened")
        for _ in range(200):
            bed.transport.send(options(2, b"x" * 60_000), far.address)
        bed.clock.advance(IDLE_S + 1)
        assert bed.transport.counters()["connections closed: idle"] == 1
        bed.clock.advance(3)
        await bed.left(0)


@on_both_loops
async def test_rfc5626_s3_5_1_a_peer_s_own_connection_gets_no_keep_alive_of_ours() -> None:
    async with stream_bed(limits=StreamLimits(ping_s=10)) as bed:
        peer = await bed.connect()
        await bed.counted("connections accepted")
        for _ in range(3):
            bed.clock.advance(11)
        bed.transport.send(ok(1), peer.address)
        assert await peer.read(len(ok(1))) == ok(1)


# Of whom a failure is remembered.


@on_both_loops
async def test_a_peer_that_has_connected_and_leaves_a_request_unanswered_has_not_been_out_of_reach() -> None:
    async with stream_bed() as bed:
        peer = await bed.connect()
        await bed.left(1)
        await bed.counted("connections accepted")
        bed.transport.send(options(1), peer.address)
        assert await peer.read(len(options(1))) == options(1)
        peer.close()
        await bed.keeper.until(lambda: bed.keeper.failed == [peer.address])
        assert bed.transport.last_failure(peer.address) is None


@on_both_loops
async def test_nor_has_a_peer_that_has_said_something_over_the_connection_that_it_ends() -> None:
    async with bare_listener() as far, stream_bed() as bed:
        bed.transport.send(options(1), far.address)
        peer = await far.next()
        peer.send(ok(1))
        await bed.keeper.until(lambda: bed.keeper.numbers() == [1])
        bed.transport.send(options(2), far.address)
        await peer.read(len(options(1) + options(2)))
        peer.close()
        await bed.keeper.until(lambda: bed.keeper.failed == [far.address])
        assert bed.transport.last_failure(far.address) is None


async def test_the_failures_of_so_many_destinations_are_remembered_and_not_of_more() -> None:
    async with stream_bed(limits=StreamLimits(connections=0)) as bed:
        destinations = [TransportAddress("tcp", "127.0.0.1", 1 + number) for number in range(FAILURES_KEPT + 1)]
        for destination in destinations[:-1]:
            bed.transport.send(options(1), destination)
        remembered = {bed.transport.last_failure(destination) for destination in destinations[:-1]}
        assert remembered == {"too many connections"}
        bed.transport.send(options(1), destinations[-1])
        assert [bed.transport.last_failure(each) for each in destinations if bed.transport.last_failure(each)] == [
            "too many connections"
        ]
