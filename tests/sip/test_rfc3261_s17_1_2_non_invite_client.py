"""Section 17.1.2: the non-INVITE client transaction on a stepped clock."""

from b2bua.sip.transactions import Failed, PassUp
from tests.support.stepped_transactions import SteppedLayer


def test_request_is_repeated_up_to_t2_until_timer_f() -> None:
    layer = SteppedLayer()
    transaction = layer.client("OPTIONS")
    assert layer.taken() == ["OPTIONS"]
    times = [when for when, _ in layer.advance(40)]
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert layer.told == [(32.0, Failed("timeout"))]
    assert layer.ended == [(32.0, transaction)]


def test_provisional_slows_timer_e_to_t2_and_keeps_timer_f() -> None:
    layer = SteppedLayer()
    transaction = layer.client("OPTIONS")
    layer.advance(0.2)
    layer.receive(transaction, 100)
    times = [when for when, _ in layer.advance(40)]
    assert times == [0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]
    assert layer.told == [(32.0, Failed("timeout"))]


def test_final_ends_it_after_timer_k() -> None:
    layer = SteppedLayer()
    transaction = layer.client("BYE")
    assert isinstance(layer.receive(transaction, 200), PassUp)
    assert layer.receive(transaction, 200) is None
    assert layer.advance(10) == []
    assert layer.ended == [(5.0, transaction)]


def test_reliable_transport_sends_once_and_ends_with_the_final() -> None:
    layer = SteppedLayer("tcp")
    transaction = layer.client("BYE")
    assert layer.advance(20) == []
    layer.receive(transaction, 481)
    assert layer.ended == [(20.0, transaction)]


def test_transport_error_fails_it_in_trying_and_proceeding() -> None:
    for provisional in (False, True):
        layer = SteppedLayer()
        transaction = layer.client("INFO")
        if provisional:
            layer.receive(transaction, 100)
        assert layer.layer.fail(transaction, 0.0) == Failed("transport")
