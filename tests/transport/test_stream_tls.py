"""SIP over TLS on real sockets and both event loops: who is believed, who is not, and what the log says of it."""

import asyncio
import logging
import socket
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from b2bua.sip.routing import TransportAddress
from b2bua.transport.connection import CHUNK_OCTETS, StreamLimits
from b2bua.transport.tls import PeerIdentity, TlsContexts, tls_contexts
from tests.support.both_loops import on_both_loops
from tests.support.certificates import Authority, CertificateFiles
from tests.support.stream_bed import BareListener, StreamBed, bare_listener, ok, options, stream_bed

pytestmark = pytest.mark.sockets

NAME = "sip.carrier.example"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def contexts(authority: Authority, own: CertificateFiles | None = None, **options: bool) -> TlsContexts:
    """Ours, trusting the authority."""
    certificate, key = (own.certificate, own.key) if own is not None else (None, None)
    return tls_contexts(certificate, key, authority.file, **options)


def server_of(files: CertificateFiles) -> ssl.SSLContext:
    """A bare peer's context for listening."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    return context


def client_of(authority: Authority, files: CertificateFiles | None = None) -> ssl.SSLContext:
    """A bare peer's context for connecting to an address."""
    context = ssl.create_default_context(cafile=authority.file)
    if files is not None:
        context.load_cert_chain(files.certificate, files.key)
    return context


def expecting(name: str, *, verify: bool = True) -> PeerIdentity:
    return PeerIdentity("trunk carrier", name, verify)


async def fails(bed: StreamBed, far: BareListener) -> str | None:
    """Send to it in vain; why."""
    bed.transport.send(options(1), far.address)
    await bed.keeper.until(lambda: bed.keeper.failed == [far.address])
    assert far.taken.empty()
    await bed.left(0)
    return bed.transport.last_failure(far.address)


@asynccontextmanager
async def refusing_server(context: ssl.SSLContext) -> AsyncIterator[TransportAddress]:
    """A server that refuses one handshake in a thread of its own, alert and all, as event loops do not."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(5)

    def refuse() -> None:
        accepted, _ = listening.accept()
        with accepted, suppress(OSError):
            context.wrap_socket(accepted, server_side=True)

    refusing = asyncio.get_running_loop().run_in_executor(None, refuse)
    yield TransportAddress("tls", *listening.getsockname())
    await refusing
    listening.close()


# We connect.


@on_both_loops
@pytest.mark.parametrize(
    ("host", "certified", "expected"),
    [("127.0.0.1", NAME, NAME), ("127.0.0.1", "*.carrier.example", NAME), ("::1", "::1", "::1")],
    ids=["name", "wildcard", "IPv6 literal"],
)
async def test_a_server_that_proves_its_name_is_called(
    host: str, certified: str, expected: str, authority: Authority
) -> None:
    asked: list[str | None] = []
    server = server_of(authority.issue(certified))
    server.sni_callback = lambda _socket, name, _context: asked.append(name)
    async with (
        stream_bed(host, tls=contexts(authority), identify=lambda _address: expecting(expected)) as bed,
        bare_listener(host, server) as far,
    ):
        bed.transport.send(options(1, b"x" * 50_000), far.address)
        peer = await far.next()
        assert await peer.read(len(options(1, b"x" * 50_000))) == options(1, b"x" * 50_000)
        peer.send(b"".join(ok(number) for number in range(1, 501)))
        await bed.keeper.until(lambda: len(bed.keeper.messages) == 500)
        assert bed.keeper.numbers() == list(range(1, 501))
        assert asked == [None if expected == "::1" else NAME], "the name is asked for by SNI, an address is not"
        assert bed.local.transport == "tls"


@on_both_loops
async def test_where_nobody_is_known_the_certificate_must_name_the_address(authority: Authority) -> None:
    async with stream_bed(tls=contexts(authority)) as bed:
        async with bare_listener(context=server_of(authority.issue(NAME))) as far:
            failure = await fails(bed, far)
            assert failure is not None
            assert failure.startswith("certificate: ")
        async with bare_listener(context=server_of(authority.issue("127.0.0.1"))) as far:
            bed.transport.send(options(1), far.address)
            assert await (await far.next()).read(7) == b"OPTIONS"


@on_both_loops
@pytest.mark.parametrize(
    ("names", "days", "trusted", "why"),
    [
        (("other.example",), 30, True, "Hostname mismatch"),
        ((NAME,), -1, True, "expired"),
        ((NAME,), 30, False, "unable to get local issuer"),
    ],
    ids=["wrong name", "expired", "unknown authority"],
)
async def test_a_bad_certificate_is_a_transport_failure_and_a_clear_line(
    names: tuple[str, ...],
    days: int,
    trusted: bool,
    why: str,
    authority: Authority,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    issuer = authority if trusted else Authority(tmp_path, "another")
    server = server_of(issuer.issue(*names, days=days))
    async with (
        stream_bed(tls=contexts(authority), identify=lambda _address: expecting(NAME)) as bed,
        bare_listener(context=server) as far,
    ):
        with caplog.at_level(logging.WARNING, logger="b2bua.transport.connection_log"):
            failure = await fails(bed, far)
        assert failure is not None
        assert failure.startswith("certificate: ")
        assert why in failure
        assert [record.getMessage() for record in caplog.records] == [
            f"trunk carrier: no connection to {far.address}: {failure}"
        ]
        assert bed.transport.counters()["connections failed: certificate"] == 1


@on_both_loops
async def test_a_trunk_that_is_not_verified_is_believed(authority: Authority, tmp_path: Path) -> None:
    server = server_of(Authority(tmp_path, "another").issue("other.example", days=-1))
    identity = expecting(NAME, verify=False)
    async with (
        stream_bed(tls=contexts(authority), identify=lambda _address: identity) as bed,
        bare_listener(context=server) as far,
    ):
        bed.transport.send(options(1), far.address)
        assert await (await far.next()).read(7) == b"OPTIONS"


@on_both_loops
async def test_a_server_of_tls_1_1_is_not_called(authority: Authority) -> None:
    async with (
        stream_bed(tls=contexts(authority), identify=lambda _address: expecting(NAME)) as bed,
        refusing_server(old(server_of(authority.issue(NAME)))) as address,
    ):
        bed.transport.send(options(1), address)
        await bed.keeper.until(lambda: bed.keeper.failed == [address])
        assert bed.transport.last_failure(address) == "tls: TLSV1_ALERT_PROTOCOL_VERSION"


@on_both_loops
async def test_a_server_that_closes_in_the_handshake_is_a_failure_with_words(authority: Authority) -> None:
    async with (
        stream_bed(tls=contexts(authority), identify=lambda _address: expecting(NAME)) as bed,
        bare_listener() as plain,
    ):
        address = TransportAddress("tls", plain.address.host, plain.address.port)
        bed.transport.send(options(1), address)
        peer = await plain.next()
        assert await peer.read(1) == b"\x16", "and with it the rest of the first flight"
        peer.close()
        await bed.keeper.until(lambda: bed.keeper.failed == [address])
        assert bed.transport.last_failure(address) == "network: closed in the handshake"


@on_both_loops
async def test_a_peer_that_speaks_no_tls_fails(authority: Authority) -> None:
    async with stream_bed(tls=contexts(authority), limits=StreamLimits(connect_s=1)) as bed, bare_listener() as plain:
        address = TransportAddress("tls", plain.address.host, plain.address.port)
        bed.transport.send(options(1), address)
        (await plain.next()).send(b"SIP/2.0 400 Bad Request\r\n\r\n")
        await bed.keeper.until(lambda: bed.keeper.failed == [address])
        assert (bed.transport.last_failure(address) or "").startswith("tls: ")


@on_both_loops
async def test_our_certificate_is_shown_to_a_server_that_asks_for_one(authority: Authority) -> None:
    server = server_of(authority.issue(NAME))
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(authority.file)
    async with (
        stream_bed(
            tls=contexts(authority, authority.issue("masking.example")), identify=lambda _address: expecting(NAME)
        ) as bed,
        bare_listener(context=server) as far,
    ):
        bed.transport.send(options(1), far.address)
        assert await (await far.next()).read(7) == b"OPTIONS"


@on_both_loops
async def test_a_server_that_refuses_us_fails_the_request_and_says_why(authority: Authority) -> None:
    server = server_of(authority.issue(NAME))
    server.verify_mode = ssl.CERT_REQUIRED
    async with (
        stream_bed(tls=contexts(authority), identify=lambda _address: expecting(NAME)) as bed,
        refusing_server(server) as address,
    ):
        bed.transport.send(options(1), address)
        await bed.keeper.until(lambda: bed.keeper.failed == [address])
        assert bed.transport.last_failure(address) == "tls: TLSV13_ALERT_CERTIFICATE_REQUIRED"


# Peers connect.


@on_both_loops
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_peer_connects_and_both_ways_work(host: str, authority: Authority) -> None:
    async with stream_bed(host, tls=contexts(authority, authority.issue(host))) as bed:
        peer = await bed.connect(client_of(authority))
        content = b"".join(options(number) for number in range(1, 501))
        assert len(content) > 2 * CHUNK_OCTETS
        peer.send(content)
        await bed.keeper.until(lambda: len(bed.keeper.messages) == 500)
        assert bed.keeper.numbers() == list(range(1, 501))
        bed.transport.send(ok(1), bed.keeper.sources[0], TransportAddress("tls", host, 9))
        assert await peer.read(len(ok(1))) == ok(1)
        assert bed.keeper.sources[0].transport == "tls"


@on_both_loops
async def test_who_connects_from_where_a_server_is_called_does_not_stand_for_it(authority: Authority) -> None:
    """Whoever is on the way there can connect to us from its address and port. Requests go where the certificate was
    verified, over one connection; responses go back as ever, and the end of either leaves the other."""
    ours = contexts(authority, authority.issue("127.0.0.1"))
    server = server_of(authority.issue(NAME))
    async with (
        bare_listener(context=server, shared=True) as far,
        stream_bed(tls=ours, identify=lambda _address: expecting(NAME)) as bed,
    ):
        early = await bed.connect(client_of(authority), far.address.port)
        early.send(options(1))
        await bed.keeper.until(lambda: bed.keeper.numbers() == [1])
        bed.transport.send(ok(1), far.address)
        assert await early.read(len(ok(1))) == ok(1)
        bed.transport.send(options(1), far.address)
        true = await far.next()
        assert await true.read(len(options(1))) == options(1)
        early.cut()
        await bed.left(1)
        bed.transport.send(options(2), far.address)
        assert await true.read(len(options(2))) == options(2)
        late = await bed.connect(client_of(authority), far.address.port)
        late.send(options(3))
        await bed.keeper.until(lambda: bed.keeper.numbers() == [1, 3])
        bed.transport.send(options(3), far.address)
        assert await true.read(len(options(3))) == options(3)
        bed.transport.send(ok(3), far.address)
        assert await late.read(len(ok(3))) == ok(3)
        late.cut()
        await bed.left(1)
        bed.transport.send(options(4), far.address)
        assert await true.read(len(options(4))) == options(4)
        assert far.taken.empty()


@on_both_loops
async def test_what_a_verified_server_has_asked_is_answered_to_nobody_else(authority: Authority) -> None:
    """Neither to who has connected from its address meanwhile, nor to who does once its own connection is gone. The
    answers may carry SRTP keys."""
    ours = contexts(authority, authority.issue("127.0.0.1"))
    server = server_of(authority.issue(NAME))
    async with (
        bare_listener(context=server, shared=True) as far,
        stream_bed(tls=ours, identify=lambda _address: expecting(NAME)) as bed,
    ):
        bed.transport.send(options(1), far.address)
        true = await far.next()
        for number in (2, 3):
            true.send(options(number))
        await bed.keeper.until(lambda: bed.keeper.numbers() == [2, 3])
        other = await bed.connect(client_of(authority), far.address.port)
        other.send(options(4))
        await bed.keeper.until(lambda: bed.keeper.numbers() == [2, 3, 4])
        bed.transport.send(ok(2), far.address)
        assert await true.read(len(options(1) + ok(2))) == options(1) + ok(2)
        true.cut()
        await bed.left(1)
        bed.transport.send(ok(4), far.address)
        assert await other.read(len(ok(4))) == ok(4)
        bed.transport.send(ok(3), far.address)
        again = await far.next()
        assert await again.read(len(ok(3))) == ok(3)


@on_both_loops
@pytest.mark.parametrize("identity", [PeerIdentity("a", NAME, verify=False), PeerIdentity("a", NAME, listens=False)])
async def test_where_nobody_is_verified_a_connection_serves_both_ways(
    identity: PeerIdentity, authority: Authority
) -> None:
    ours = contexts(authority, authority.issue("127.0.0.1"))
    async with (
        bare_listener(context=server_of(authority.issue(NAME)), shared=True) as far,
        stream_bed(tls=ours, identify=lambda _address: identity) as bed,
    ):
        peer = await bed.connect(client_of(authority), far.address.port)
        peer.send(options(9))  # where a server is to be verified elsewhere, it has to know of the call
        await bed.keeper.until(lambda: bed.keeper.numbers() == [9])
        bed.transport.send(options(1), far.address)
        assert await peer.read(len(options(1))) == options(1)


@on_both_loops
async def test_who_has_connected_from_where_nobody_is_verified_and_is_gone_leaves_the_connection_that_we_opened(
    authority: Authority,
) -> None:
    """What has come over that is answered over it (18.2.2)."""
    async with (
        bare_listener(context=server_of(authority.issue(NAME)), shared=True) as far,
        stream_bed(
            tls=contexts(authority, authority.issue("127.0.0.1")),
            identify=lambda _address: expecting(NAME, verify=False),
        ) as bed,
    ):
        bed.transport.send(options(1), far.address)
        opened = await far.next()
        came = await bed.connect(client_of(authority), far.address.port)
        await bed.counted("connections accepted")
        came.cut()
        await bed.left(1)
        opened.send(options(2))
        await bed.keeper.until(lambda: bed.keeper.numbers() == [2])
        bed.transport.send(ok(2), far.address)
        bed.transport.send(options(3), far.address)
        told = options(1) + ok(2) + options(3)
        assert await opened.read(len(told)) == told
        assert far.taken.empty()


@on_both_loops
async def test_what_has_come_over_a_connection_from_there_is_answered_over_it_when_ours_to_there_has_ended(
    authority: Authority,
) -> None:
    """It was there before ours, and is the one whose request it is (18.2.2)."""
    async with (
        bare_listener(context=server_of(authority.issue(NAME)), shared=True) as far,
        stream_bed(
            tls=contexts(authority, authority.issue("127.0.0.1")), identify=lambda _address: expecting(NAME)
        ) as bed,
    ):
        came = await bed.connect(client_of(authority), far.address.port)
        came.send(options(2))
        await bed.keeper.until(lambda: bed.keeper.numbers() == [2])
        bed.transport.send(options(1), far.address)
        opened = await far.next()
        assert await opened.read(len(options(1))) == options(1)
        opened.cut()
        await bed.left(1)
        bed.transport.send(ok(2), far.address)
        assert await came.read(len(ok(2))) == ok(2)
        assert far.taken.empty()


@on_both_loops
async def test_who_connects_from_where_a_contact_of_a_verified_server_is_gets_no_call_that_it_knows_nothing_of(
    authority: Authority,
) -> None:
    """A dialog's Contact may be at another port of the server's host, and whoever is on the way can connect from there:
    re-INVITEs may carry SRTP keys. They go where the dialog was made through, over a verified connection. Who has said
    something in the call, behind a NAT perhaps, is asked over its own connection."""
    ours = contexts(authority, authority.issue("127.0.0.1"))
    server = server_of(authority.issue(NAME))
    elsewhere = PeerIdentity("trunk carrier", NAME, listens=False)
    async with (
        bare_listener(context=server, shared=True) as far,
        bare_listener(context=server, shared=True) as contact,
        stream_bed(tls=ours, identify=lambda address: expecting(NAME) if address == far.address else elsewhere) as bed,
    ):
        peer = await bed.connect(client_of(authority), contact.address.port)
        await bed.counted("connections accepted")
        for number in (1, 2):
            bed.transport.send(options(number), contact.address, far.address)
        true = await far.next()
        assert await true.read(len(options(1) + options(2))) == options(1) + options(2)
        peer.send(options(3))
        await bed.keeper.until(lambda: bed.keeper.numbers() == [3])
        bed.transport.send(ok(3), contact.address, far.address)
        bed.transport.send(options(4), contact.address, far.address)
        assert await peer.read(len(ok(3) + options(4))) == ok(3) + options(4)
        assert contact.taken.empty()
        await peer.end()
        await bed.left(1)
        bed.transport.send(options(5), contact.address, far.address)
        assert await (await contact.next()).read(len(options(5))) == options(5), "where nobody is, it is called"


@on_both_loops
@pytest.mark.parametrize("before", [PeerIdentity("trunk other", "other.example"), expecting(NAME, verify=False)])
async def test_a_connection_serves_whom_its_certificate_was_verified_for(
    before: PeerIdentity, authority: Authority
) -> None:
    """DNS, which whoever is on the way may answer, can bring one trunk's host to where another's connection leads:
    calls of the one do not go to the other. What the other has to do with still goes over it."""
    expected = [before]
    async with (
        bare_listener(context=server_of(authority.issue("other.example"))) as far,
        stream_bed(tls=contexts(authority), identify=lambda _address: expected[0]) as bed,
    ):
        bed.transport.send(options(1), far.address)
        other = await far.next()
        assert await other.read(len(options(1))) == options(1)
        other.send(ok(1) + options(2))
        await bed.keeper.until(lambda: bed.keeper.numbers() == [1, 2])
        expected[0] = expecting(NAME)
        call = options(3).replace(b"Call-ID: bed", b"Call-ID: new")
        bed.transport.send(call, far.address)
        await bed.keeper.until(lambda: bed.keeper.failed_requests == {call})
        bed.transport.send(ok(2), far.address)
        bed.transport.send(options(4), far.address)
        assert await other.read(len(ok(2) + options(4))) == ok(2) + options(4)


@on_both_loops
async def test_what_cannot_be_sent_to_who_has_connected_leaves_its_connection_to_its_answers(
    authority: Authority,
) -> None:
    """A call of long ago that a busy connection's peer is not remembered to know of: it is called where it comes from,
    and nobody listens there."""
    elsewhere = PeerIdentity("trunk carrier", NAME, listens=False)
    ours = contexts(authority, authority.issue("127.0.0.1"))
    async with stream_bed(tls=ours, identify=lambda _address: elsewhere) as bed:
        peer = await bed.connect(client_of(authority))
        peer.send(options(3))
        await bed.keeper.until(lambda: bed.keeper.numbers() == [3])
        [source] = bed.keeper.sources
        forgotten = options(1).replace(b"Call-ID: bed", b"Call-ID: old")
        bed.transport.send(forgotten, source)
        bed.transport.send(ok(3), source)
        assert await peer.read(len(ok(3))) == ok(3)
        await bed.keeper.until(lambda: bed.keeper.failed_requests == {forgotten})
        peer.send(options(4))
        await bed.keeper.until(lambda: bed.keeper.numbers() == [3, 4])
        bed.transport.send(ok(4), source)
        assert await peer.read(len(ok(4))) == ok(4)


@on_both_loops
async def test_a_renewed_certificate_is_shown_from_then_on_and_what_is_connected_stays(authority: Authority) -> None:
    async with stream_bed(tls=contexts(authority, authority.issue("192.0.2.1"))) as bed:
        trusting = client_of(authority)
        trusting.check_hostname = False
        early = await bed.connect(trusting)
        bed.transport.renew(contexts(authority, authority.issue("127.0.0.1")))
        late = await bed.connect(client_of(authority))
        for number, peer in enumerate((early, late), 1):
            peer.send(options(number))
        await bed.keeper.until(lambda: sorted(bed.keeper.numbers()) == [1, 2])


@on_both_loops
async def test_a_stranger_is_closed_before_any_handshake(authority: Authority) -> None:
    async with stream_bed(tls=contexts(authority, authority.issue("127.0.0.1"))) as bed:
        bed.keeper.admitted = False
        assert await bed.turned_away(b"\x16\x03\x01") == b""
        assert bed.transport.counters() == {"connections refused: stranger": 1}
        assert bed.transport.connections == 0


@on_both_loops
async def test_mutual_tls_takes_only_who_shows_a_certificate_of_the_authority(
    authority: Authority, tmp_path: Path
) -> None:
    ours = contexts(authority, authority.issue("127.0.0.1"), require_client_certificate=True)
    stranger = Authority(tmp_path, "another").issue(NAME)
    async with stream_bed(tls=ours) as bed:
        peer = await bed.connect(client_of(authority, authority.issue(NAME)))
        peer.send(options(1))
        await bed.keeper.until(lambda: bed.keeper.numbers() == [1])
        for number, files in enumerate((None, stranger), 1):
            try:
                refused = await bed.connect(client_of(authority, files))
            except OSError:
                pass
            else:
                refused.send(options(2))
                assert await refused.rest() == b""
            await bed.counted("connections refused: handshake", number)
        assert bed.keeper.numbers() == [1]
        await bed.left(1)


@on_both_loops
@pytest.mark.parametrize(("days", "known", "why"), [(-1, True, "expired"), (30, False, "unable to get local issuer")])
async def test_why_a_peers_certificate_is_refused_is_logged(
    authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture, days: int, known: bool, why: str
) -> None:
    caplog.set_level("INFO", "b2bua.transport.connection_log")
    ours = contexts(authority, authority.issue("127.0.0.1"), require_client_certificate=True)
    shown = (authority if known else Authority(tmp_path, "another")).issue(NAME, days=days)
    async with stream_bed(tls=ours) as bed:
        with suppress(OSError):
            await (await bed.connect(client_of(authority, shown))).rest()
        await bed.counted("connections refused: handshake")
    [line] = [record.getMessage() for record in caplog.records if "no handshake with" in record.getMessage()]
    assert ": certificate: " in line
    assert why in line


@on_both_loops
async def test_a_client_of_tls_1_1_is_refused(authority: Authority) -> None:
    async with stream_bed(tls=contexts(authority, authority.issue("127.0.0.1"))) as bed:
        with pytest.raises(OSError):  # noqa: PT011 - which one depends on who is faster
            await bed.connect(old(client_of(authority)))
        await bed.counted("connections refused: handshake")
        await bed.left(0)


@on_both_loops
async def test_a_handshake_that_does_not_come_about_ends_the_connection(authority: Authority) -> None:
    ours = contexts(authority, authority.issue("127.0.0.1"))
    async with stream_bed(tls=ours, limits=StreamLimits(handshake_s=0.03)) as bed:
        peer = await bed.connect()
        peer.send(b"\x16\x03\x01")
        assert await peer.rest() == b""
        await bed.counted("connections refused: handshake")
        await bed.left(0)


@on_both_loops
async def test_of_a_peer_that_closes_in_the_handshake_the_log_says_so(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """What scanners do: event loops have no word for it."""
    caplog.set_level("INFO", "b2bua.transport.connection_log")
    async with stream_bed(tls=contexts(authority, authority.issue("127.0.0.1"))) as bed:
        peer = await bed.connect()
        peer.send(b"\x16\x03\x01")
        peer.close()
        await bed.counted("connections refused: handshake")
    [line] = [record.getMessage() for record in caplog.records]
    assert line.endswith(": closed in the handshake")


async def test_handshakes_that_come_to_nothing_are_told_once_for_a_host(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with stream_bed(tls=contexts(authority, authority.issue("127.0.0.1"))) as bed:
        for number in (1, 2, 3):
            peer = await bed.connect()
            peer.send(b"no TLS at all")
            assert b"no TLS" not in await peer.rest()
            await bed.counted("connections refused: handshake", number)
    assert len([record for record in caplog.records if "no handshake" in record.message]) == 1


@on_both_loops
async def test_without_a_certificate_no_connection_is_taken(authority: Authority) -> None:
    async with stream_bed(tls=contexts(authority)) as bed:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(bed.local.host, bed.local.port)


def old(context: ssl.SSLContext) -> ssl.SSLContext:
    """It, of no later version than TLS 1.1."""
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old on purpose
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context
