"""The DTLS association: keys that fit each other, certificates that are the offer's, flights that are lost."""

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.packet_path.protection import available_suites
from media.webrtc.certificate import fingerprint_of, make_certificate
from media.webrtc.dtls import DATAGRAM_BYTES_MAX, DtlsAssociation, DtlsIdentity, split_flight
from media.webrtc.fingerprints import Fingerprint, parse_fingerprint

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
OURS = DtlsIdentity(make_certificate(NOW, 1), available_suites())
OWN = make_certificate(NOW, 2)
THEIRS = DtlsIdentity(OWN, available_suites())
WRONG = Fingerprint("sha-256", bytes(32))


def pair(of_ours: Fingerprint, of_theirs: Fingerprint) -> tuple[DtlsAssociation, DtlsAssociation]:
    return DtlsAssociation(OURS, (of_theirs,), True), DtlsAssociation(THEIRS, (of_ours,), False)


def shake(client: DtlsAssociation, server: DtlsAssociation) -> None:
    """Hand datagrams to and fro until none are left."""
    to_client, to_server = server.start(), client.start()
    while to_client or to_server:
        answers = [answer for datagram in to_server for answer in server.receive(datagram)]
        to_server = [answer for datagram in (*to_client, *answers) for answer in client.receive(datagram)]
        to_client = []


def test_both_sides_have_the_same_keys() -> None:
    client, server = pair(OURS.fingerprint, THEIRS.fingerprint)
    shake(client, server)
    assert (client.state, server.state) == ("established", "established")
    assert client.keys is not None
    assert server.keys is not None
    assert client.keys.suite is server.keys.suite
    assert (client.keys.send, client.keys.receive) == (server.keys.receive, server.keys.send)
    assert len(client.keys.send) == client.keys.suite.master_bytes
    assert client.keys.send != client.keys.receive


def test_a_certificate_that_is_not_the_offers_is_refused() -> None:
    client, server = pair(OURS.fingerprint, WRONG)
    shake(client, server)
    assert (client.state, client.failure, client.keys) == ("failed", "fingerprint", None)
    client, server = pair(WRONG, THEIRS.fingerprint)
    shake(client, server)
    assert (server.state, server.failure, server.keys) == ("failed", "fingerprint", None)


LONG = fingerprint_of(OWN.certificate, "sha-512")
WRONG_LONG = Fingerprint("sha-512", bytes(64))


@pytest.mark.parametrize(
    ("fingerprints", "state"),
    [
        ((WRONG, OWN.fingerprint), "established"),
        ((OWN.fingerprint, LONG), "established"),
        ((OWN.fingerprint, LONG, WRONG_LONG), "established"),
        ((WRONG, WRONG), "failed"),
        ((OWN.fingerprint, WRONG_LONG), "failed"),
        ((WRONG, LONG), "failed"),
    ],
)
def test_of_several_fingerprints_one_of_each_kind_is_the_certificates(
    fingerprints: tuple[Fingerprint, ...], state: str
) -> None:
    """RFC 8122 section 5.1: they may be of several certificates, of which one is used, and of several hash
    functions."""
    client, server = DtlsAssociation(OURS, fingerprints, True), DtlsAssociation(THEIRS, (OURS.fingerprint,), False)
    shake(client, server)
    assert client.state == state


def test_the_end_is_told() -> None:
    client, server = pair(OURS.fingerprint, THEIRS.fingerprint)
    shake(client, server)
    for datagram in client.close():
        server.receive(datagram)
    assert (client.state, server.state) == ("closed", "closed")
    assert client.receive(b"\x16\xfe\xfd") == []


def test_all_records_of_a_datagram_are_read() -> None:
    client, server = pair(OURS.fingerprint, THEIRS.fingerprint)
    shake(client, server)
    client._ssl.send(b"one")
    client._ssl.send(b"two")
    (datagram,) = client.close()
    server.receive(datagram)
    assert server.state == "closed"


def test_a_flight_waits_to_be_sent_again() -> None:
    client, _ = pair(OURS.fingerprint, THEIRS.fingerprint)
    assert client.timeout_s() is None
    assert client.start()
    wait_s = client.timeout_s()
    assert wait_s is not None
    assert 0 < wait_s <= 1


def test_datagrams_are_short_enough_for_every_path() -> None:
    client, server = pair(OURS.fingerprint, THEIRS.fingerprint)
    server.start()
    (hello,) = client.start()
    flight = server.receive(hello)
    assert flight
    assert all(len(datagram) <= DATAGRAM_BYTES_MAX for datagram in flight)


def test_a_flight_is_cut_between_its_records() -> None:
    record = b"\x16\xfe\xfd" + bytes(8) + (500).to_bytes(2) + bytes(500)
    assert [len(datagram) for datagram in split_flight(record * 5)] == [1026, 1026, 513]
    assert b"".join(split_flight(record * 5)) == record * 5


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_garbage_changes_nothing_or_ends_it(garbage: bytes) -> None:
    client, server = pair(OURS.fingerprint, THEIRS.fingerprint)
    server.start()
    server.receive(b"\x16" + garbage)
    assert server.state in ("handshake", "failed")
    assert server.keys is None
    client.start()
    client.receive(garbage)
    assert client.keys is None


@pytest.mark.parametrize("value", ["sha-256 00", "sha-1 " + ":".join(["00"] * 20), "sha-256", "", "md5 00:00"])
def test_fingerprints_that_prove_nothing(value: str) -> None:
    assert parse_fingerprint(value) is None


def test_a_fingerprint_is_read_as_it_is_written() -> None:
    assert parse_fingerprint(OURS.fingerprint.render()) == OURS.fingerprint
