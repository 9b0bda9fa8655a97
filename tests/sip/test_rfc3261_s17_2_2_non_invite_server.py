"""Section 17.2.2: the non-INVITE server transaction on a stepped clock."""

import pytest

from b2bua.sip.message import build_response
from b2bua.sip.transactions import Failed, ServerTransaction
from tests.support.stepped_transactions import SteppedLayer


def send(layer: SteppedLayer, transaction: ServerTransaction, status: int) -> None:
    layer.layer.send_response(transaction, build_response(transaction.request, status, to_tag="us"), layer.now)
    layer.layer.sweep(transaction, layer.now)


def again(layer: SteppedLayer, transaction: ServerTransaction) -> list[str]:
    layer.taken()
    layer.layer.receive_again(transaction, transaction.request, layer.now)
    return layer.taken()


def test_repetitions_are_dropped_in_trying_and_answered_afterwards() -> None:
    layer = SteppedLayer()
    transaction = layer.server("INFO")
    assert again(layer, transaction) == []
    send(layer, transaction, 100)
    assert again(layer, transaction) == ["100"]
    send(layer, transaction, 200)
    assert again(layer, transaction) == ["200"]


@pytest.mark.parametrize(("transport", "ends"), [("udp", 32.0), ("tcp", 0.0)])
def test_answered_it_waits_for_timer_j(transport: str, ends: float) -> None:
    layer = SteppedLayer(transport)
    transaction = layer.server("BYE")
    send(layer, transaction, 200)
    assert layer.taken() == ["200"]
    layer.advance(50)
    assert layer.ended == [(ends, transaction)]


def test_a_second_final_goes_nowhere() -> None:
    layer = SteppedLayer()
    transaction = layer.server("INFO")
    send(layer, transaction, 200)
    layer.taken()
    send(layer, transaction, 500)
    assert layer.taken() == []
    assert again(layer, transaction) == ["200"]


def test_left_unanswered_it_is_given_up_when_the_peer_has() -> None:
    layer = SteppedLayer()
    transaction = layer.server("INFO")
    assert layer.advance(40) == []
    assert layer.told == [(32.0, Failed("timeout"))]
    assert layer.ended == [(32.0, transaction)]
