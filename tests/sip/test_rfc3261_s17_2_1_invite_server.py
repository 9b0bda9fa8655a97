"""Section 17.2.1 and RFC 6026: the INVITE server transaction on a stepped clock."""

import pytest

from b2bua.sip.message import build_response
from b2bua.sip.transactions import Failed, PassUp, ServerTransaction
from tests.support.stepped_transactions import SteppedLayer


def send(layer: SteppedLayer, transaction: ServerTransaction, status: int) -> None:
    layer.layer.send_response(transaction, build_response(transaction.request, status, to_tag="us"), layer.now)


def again(layer: SteppedLayer, transaction: ServerTransaction) -> list[str]:
    layer.taken()
    layer.layer.receive_again(transaction, transaction.request, layer.now)
    return layer.taken()


def test_a_repeated_invite_gets_the_last_provisional_again() -> None:
    layer = SteppedLayer()
    transaction = layer.server("INVITE")
    assert again(layer, transaction) == []
    send(layer, transaction, 100)
    assert again(layer, transaction) == ["100"]
    send(layer, transaction, 180)
    assert again(layer, transaction) == ["180"]


def test_failure_is_repeated_by_timer_g_until_timer_h() -> None:
    layer = SteppedLayer()
    transaction = layer.server("INVITE")
    send(layer, transaction, 486)
    times = [when for when, _ in layer.advance(40)]
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert layer.told == [(32.0, Failed("timeout"))]
    assert layer.ended == [(32.0, transaction)]


def test_failure_on_a_reliable_transport_is_sent_once_and_waits_for_timer_h() -> None:
    layer = SteppedLayer("tcp")
    transaction = layer.server("INVITE")
    send(layer, transaction, 486)
    assert layer.advance(40) == []
    assert layer.ended == [(32.0, transaction)]


@pytest.mark.parametrize(("transport", "ends"), [("udp", 6.0), ("tcp", 1.0)])
def test_ack_of_a_failure_stops_it_and_timer_i_absorbs_more(transport: str, ends: float) -> None:
    layer = SteppedLayer(transport)
    transaction = layer.server("INVITE")
    send(layer, transaction, 486)
    layer.advance(1)
    assert layer.layer.receive_ack(transaction, transaction.request, layer.now) is None
    layer.layer.sweep(transaction, layer.now)
    assert again(layer, transaction) == []
    assert layer.advance(40) == []
    assert layer.ended == [(ends, transaction)]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_after_a_2xx_repeated_invites_are_absorbed_until_timer_l(transport: str) -> None:
    layer = SteppedLayer(transport)
    transaction = layer.server("INVITE")
    send(layer, transaction, 200)
    assert layer.taken() == ["200"]
    assert again(layer, transaction) == []
    assert isinstance(layer.layer.receive_ack(transaction, transaction.request, layer.now), PassUp)
    layer.layer.send_again(transaction)
    assert layer.taken() == ["200"]
    assert layer.advance(40) == []
    assert layer.ended == [(32.0, transaction)]


def test_a_provisional_is_never_sent_after_a_final() -> None:
    for final in (200, 486):
        layer = SteppedLayer()
        transaction = layer.server("INVITE")
        send(layer, transaction, final)
        layer.taken()
        send(layer, transaction, 180)
        assert layer.taken() == []
        assert b" 180 " not in transaction.last_sent


def test_transport_error_is_told_and_leaves_the_state() -> None:
    layer = SteppedLayer()
    transaction = layer.server("INVITE")
    send(layer, transaction, 200)
    assert layer.layer.fail(transaction, 0.0) == Failed("transport")
    assert transaction.state == "accepted"


def test_a_user_that_never_answers_is_told_after_timer_c() -> None:
    layer = SteppedLayer()
    transaction = layer.server("INVITE")
    send(layer, transaction, 100)
    layer.advance(200)
    assert layer.told == [(181.0, Failed("timeout"))]
    assert transaction.state == "proceeding"
