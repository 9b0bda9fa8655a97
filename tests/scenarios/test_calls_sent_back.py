"""A carrier sends a call of ours back to us as a call of its own, and leaves the media to the ends: two legs of ours
face each other."""

from typing import Any

from b2bua.sip.events import Answered, ByeReceived, IncomingCancelled, IncomingInvite, Provisional, Rejected
from b2bua.sip.events import UserAgentEvent as Event
from b2bua.sip.routing import LocalAddress, TransportAddress
from b2bua.sip.settings import OutgoingInvite, UserAgentSettings
from b2bua.sip.user_agent import UserAgent
from b2bua.transport.endpoint import SipEndpoint
from tests.support.house import OURS, House
from tests.support.routes import DIALLED, EAST, WEST, route
from tests.support.scripted_phone import answers, rings
from tests.support.seeded_tokens import SeededTokens

CARRIER = TransportAddress("udp", "203.0.113.40", 5060)
SDP = "application/sdp"


def trunks(more: str = "") -> str:
    """Alice's trunk, the carrier that everything is sent to first, and Bob's, where what comes back goes."""
    return f"""
{WEST}
[[trunks]]
name = "loop"
uri = "sip:{CARRIER.host}:{CARRIER.port}"
numbers = ["917969002802"]
options_interval_s = 0
{more}
{EAST}
{route(via="loop", to=f"sip:{{user}}@{CARRIER.host}", more='trunk = "west"')}
{route(more='trunk = "loop"')}
"""


class SendingBack:
    """The carrier: it calls us for each of our calls, and hands on what each side says with its SDP as it is."""

    def __init__(self, house: House) -> None:
        settings = UserAgentSettings(locals=(LocalAddress(CARRIER, CARRIER.host, CARRIER.port),))
        self.endpoint = SipEndpoint(
            UserAgent(settings, SeededTokens("loop")), house.clock, lambda _source: True, self._take
        )
        self.endpoint.attach(house.network.attach(CARRIER, self.endpoint.received))
        self.refused: list[int] = []
        self._from_us: IncomingInvite | None = None
        self._to_us = 0

    def _take(self, event: Event) -> None:
        if isinstance(event, IncomingInvite):
            self._from_us = event
            self._to_us = self.endpoint.invite(
                OutgoingInvite(
                    request_uri=f"sip:{DIALLED}@{OURS.host}",
                    from_uri=f"sip:917969002802@{CARRIER.host}",
                    to_uri=f"sip:{DIALLED}@{OURS.host}",
                    destination=OURS,
                    body=event.request.body,
                    max_forwards=event.request.max_forwards or 0,
                )
            )
        if self._from_us is None:
            return
        if isinstance(event, Provisional | Answered):
            self.endpoint.respond(
                self._from_us.transaction, event.status, body=event.body, content_type=SDP if event.body else None
            )
        elif isinstance(event, Rejected):
            self.refused.append(event.status)
            self.endpoint.respond(self._from_us.transaction, event.status)
        elif isinstance(event, IncomingCancelled):
            self.endpoint.hang_up(self._to_us)
        elif isinstance(event, ByeReceived):
            self.endpoint.hang_up(self._from_us.usage if event.usage == self._to_us else self._to_us)


async def test_two_legs_of_ours_hear_each_other(open_house: Any) -> None:
    house: House = await open_house(trunks=trunks())
    carrier = SendingBack(house)
    house.bob.on_invite = answers(1.0)
    await house.arrive(DIALLED)
    await house.until(lambda: house.alice.is_connected)
    house.alice.speak()
    house.bob.speak()
    await house.run(2.0)
    assert carrier.refused == []
    assert len(house.tasks) == 2, "one call, twice ours"
    for phone in (house.alice, house.bob):
        heard = [packet for packet in phone.heard() if packet.payload_type == 8]
        assert 8 <= len(heard) <= 10, "every packet of two seconds, each once"
    house.alice.hang_up()
    for task in tuple(house.tasks):
        await house.relayed(task.machine.record)
    assert house.bob.was_hung_up


async def test_early_media_come_the_same_way_and_a_cancel_goes_it(open_house: Any) -> None:
    house: House = await open_house(trunks=trunks())
    SendingBack(house)
    house.bob.on_invite = rings(183, sdp=True)
    await house.arrive(DIALLED)
    await house.run(0.5)
    house.bob.speak()
    await house.run(2.0)
    assert [packet for packet in house.alice.heard() if packet.payload_type == 8]
    house.alice.hang_up()
    for task in tuple(house.tasks):
        await house.relayed(task.machine.record)
    assert house.bob.was_cancelled


async def test_a_trunk_behind_nat_faces_nobody(open_house: Any) -> None:
    """Its leg learns its peer's address from what comes, and could be led round."""
    house: House = await open_house(trunks=trunks("nat = true"))
    carrier = SendingBack(house)
    house.bob.on_invite = answers(1.0)
    await house.arrive(DIALLED)
    await house.run(2.0)
    assert carrier.refused == [488]
    for task in tuple(house.tasks):
        await house.relayed(task.machine.record)


async def test_a_carrier_that_sends_everything_back_runs_out_of_hops(open_house: Any) -> None:
    """Each time through us takes one: RFC 3261 8.1.1.6, 16.3."""
    house: House = await open_house(trunks=trunks())
    carrier = SendingBack(house)
    await house.arrive(DIALLED, max_forwards=1)
    await house.run(5.0)
    assert carrier.refused == [483]
    for task in tuple(house.tasks):
        await house.relayed(task.machine.record)
