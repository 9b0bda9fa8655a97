"""Section 17.1.1 and RFC 6026: the INVITE client transaction on a stepped clock."""

import pytest

from b2bua.sip.parser import parse_message
from b2bua.sip.transactions import Failed, PassUp
from tests.support.stepped_transactions import SteppedLayer


def test_invite_is_repeated_at_doubling_intervals_until_timer_b() -> None:
    layer = SteppedLayer()
    transaction = layer.client("INVITE")
    assert layer.taken() == ["INVITE"]
    assert layer.advance(40) == [(when, "INVITE") for when in (0.5, 1.5, 3.5, 7.5, 15.5, 31.5)]
    assert layer.told == [(32.0, Failed("timeout"))]
    assert layer.ended == [(32.0, transaction)]
    assert sum(layer.layer.table_sizes) == 0


def test_reliable_transport_sends_once_and_still_gives_up_at_timer_b() -> None:
    layer = SteppedLayer("tcp")
    layer.client("INVITE")
    assert layer.advance(40) == []
    assert layer.told == [(32.0, Failed("timeout"))]


def test_provisional_stops_retransmissions_and_timer_b() -> None:
    layer = SteppedLayer()
    transaction = layer.client("INVITE")
    layer.advance(0.7)
    assert isinstance(layer.receive(transaction, 100), PassUp)
    assert layer.advance(1000) == []
    assert layer.told == []
    assert len(layer.timers) == 0
    assert isinstance(layer.receive(transaction, 180), PassUp)


def test_failure_is_acknowledged_each_time_and_told_once_until_timer_d() -> None:
    layer = SteppedLayer()
    transaction = layer.client("INVITE")
    layer.taken()
    assert isinstance(layer.receive(transaction, 486), PassUp)
    assert layer.taken() == ["ACK"]
    layer.advance(31.9)
    assert layer.receive(transaction, 486) is None
    assert layer.taken() == ["ACK"]
    assert layer.ended == []
    layer.advance(1)
    assert layer.ended == [(32.0, transaction)]


def test_failure_ends_at_once_on_a_reliable_transport() -> None:
    layer = SteppedLayer("tls")
    transaction = layer.client("INVITE")
    layer.receive(transaction, 404)
    assert layer.ended == [(0.0, transaction)]


def test_ack_of_a_failure_is_built_from_the_request() -> None:
    layer = SteppedLayer()
    transaction = layer.client("INVITE")
    layer.outgoing.clear()
    layer.receive(transaction, 503)
    [ack] = [parse_message(outgoing.content) for outgoing in layer.outgoing]
    invite = parse_message(transaction.request.render())
    assert ack.headers.get("To") == "<sip:someone@203.0.113.10>;tag=them"
    assert str(ack.cseq) == "7 ACK"
    for name in ("Via", "From", "Call-ID", "Max-Forwards"):
        assert ack.headers.get_fields(name) == invite.headers.get_fields(name)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_2xx_and_its_repetitions_are_told_until_timer_m(transport: str) -> None:
    layer = SteppedLayer(transport)
    transaction = layer.client("INVITE")
    layer.taken()
    layer.receive(transaction, 180)
    assert isinstance(layer.receive(transaction, 200), PassUp)
    assert layer.taken() == []
    assert layer.advance(31.9) == []
    assert isinstance(layer.receive(transaction, 200), PassUp)
    assert layer.receive(transaction, 180) is None
    assert layer.receive(transaction, 486) is None
    layer.advance(0.2)
    assert layer.ended == [(32.0, transaction)]


def test_transport_error_fails_it() -> None:
    layer = SteppedLayer()
    transaction = layer.client("INVITE")
    assert layer.layer.fail(transaction, 0.0) == Failed("transport")
    layer.layer.sweep(transaction, 0.0)
    assert layer.ended == [(0.0, transaction)]
    assert len(layer.timers) == 0


def test_given_up_it_falls_silent_and_still_ends_at_timer_b() -> None:
    layer = SteppedLayer()
    transaction = layer.client("INVITE")
    layer.advance(4)
    layer.layer.give_up(transaction, 4.0)
    assert layer.advance(40) == []
    assert layer.told == [(32.0, Failed("timeout"))]


def test_given_up_after_a_provisional_it_is_destroyed() -> None:
    layer = SteppedLayer()
    transaction = layer.client("INVITE")
    layer.receive(transaction, 183)
    layer.layer.give_up(transaction, 4.0)
    layer.layer.sweep(transaction, 4.0)
    assert layer.ended == [(4.0, transaction)]
