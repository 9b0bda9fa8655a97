"""From where a leg's peer describes its media anew: the place counts, whoever was expected there."""

from typing import cast

import pytest

from b2bua.sip.events import IncomingRequest
from b2bua.sip.message import Request
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import ANYBODY, TransportAddress
from b2bua.switch.in_dialog import InDialog
from b2bua.transport.endpoint import SipEndpoint
from media.engine import MediaEngine
from tests.support.agents import OFFER, request_from_peer

CALLED = TransportAddress("tls", "203.0.113.5", 5061, ANYBODY)


class Told:
    """Stands for an endpoint and an engine; keeps what the media are told of the place."""

    def __init__(self) -> None:
        self.elsewhere: list[bool] = []

    def respond(self, _transaction: int, _status: int, **_said: object) -> None:
        """Nobody hears it."""

    def answer_offer(self, _name: str, _offer: bytes, *, early: bool, elsewhere: bool) -> bytes:
        assert not early
        self.elsewhere.append(elsewhere)
        return b"v=0"


@pytest.mark.parametrize(
    ("source", "elsewhere"),
    [
        (CALLED, False),
        (CALLED._replace(expected="b.example"), False),
        (CALLED.place, False),
        (CALLED._replace(port=40_000), True),
    ],
    ids=["there", "over the connection of another name", "over one that came", "another port"],
)
def test_an_offer_from_where_the_peer_was_called_moves_nothing(source: TransportAddress, elsewhere: bool) -> None:
    told = Told()
    leg = InDialog("leg", cast(SipEndpoint, told), cast(MediaEngine, told), heard_at=CALLED)
    leg.media_open = True
    request = parse_message(request_from_peer("INVITE", to_tag="us", body=OFFER.decode()))
    assert isinstance(request, Request)
    assert leg.answer(IncomingRequest(1, 2, request, source), lambda _digit, _agreed: None)
    assert told.elsewhere == [elsewhere]
