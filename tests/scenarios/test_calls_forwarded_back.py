"""A proxy hands a call of ours back to us as it is, with its Call-ID and tags, and stays out of the dialog (it puts in
no Record-Route): both of its ends are ours, and speak to each other as RFC 3261 12.2.1.1 has it."""

from typing import Any, Final

import pytest

from b2bua.sip.message import Request, Response
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import TransportAddress
from tests.support.house import ORG, OURS, House
from tests.support.routes import DIALLED, EAST, WEST, route
from tests.support.scripted_phone import Phone, answers, rings

PROXY = TransportAddress("udp", "203.0.113.40", 5060)
COOKIE: Final = "z9hG4bKproxy"


def trunks(org: str = "", back: str = "east") -> str:
    """Alice's trunk, the proxy that her calls go out by, and Bob's, where what comes `back` goes."""
    of_org = f'\norg = "{org}"' if org else ""
    return f"""
{WEST}
[[trunks]]
name = "proxy"
uri = "sip:{PROXY.host}:{PROXY.port}"
numbers = ["917969002802"]
options_interval_s = 0
{EAST}
{route(via="proxy", to=f"sip:{{user}}@{PROXY.host}", more='trunk = "west"' + of_org)}
{route(via=back, to=f"sip:{{user}}@{PROXY.host}" if back == "proxy" else None, more='trunk = "proxy"' + of_org)}
"""


class Proxy:
    """A stateless proxy (RFC 3261 16.11): what is asked of its domain goes back to us. A request within a dialog, which
    does not concern it, goes on to where the request URI says if it `relays`, and is refused otherwise."""

    def __init__(self, house: House, *, relays: bool) -> None:
        self._relays = relays
        self._wire = house.network.attach(PROXY, self._take)
        self.asked: list[str] = []  # the methods of what it was asked within dialogs

    def _take(self, content: bytes, _source: TransportAddress, _to: TransportAddress) -> None:
        message = parse_message(content)
        if isinstance(message, Response):
            vias = message.headers.get_all("Via")[1:]
            message.headers.remove("Via")
            fields = [*(("Via", via) for via in vias), *message.headers]
            self._wire.send(Response(message.status, message.reason, fields, message.body).render(), OURS)
            return
        user = message.uri.user
        to_tag = message.to_tag
        if to_tag is not None and message.method != "CANCEL" and not self._is_of_failure(message):
            self.asked.append(message.method)
            if not self._relays:
                return
        via = f"SIP/2.0/UDP {PROXY.host}:{PROXY.port};branch={COOKIE}{message.via.branch}"
        hops = (message.max_forwards or 0) - 1
        if hops < 0:
            return
        message.headers.set("Max-Forwards", str(hops))
        headers = [("Via", via), *message.headers]
        uri = f"sip:{user}@{OURS.host}:{OURS.port}" if user else f"sip:{OURS.host}:{OURS.port}"
        self._wire.send(Request(message.method, uri, headers, message.body).render(), OURS)

    def _is_of_failure(self, message: Request) -> bool:
        return message.method == "ACK" and message.uri.host == PROXY.host


def both(house: House) -> list[Any]:
    """The two calls, which are both ours."""
    assert len(house.tasks) == 2
    return [task.machine.record for task in house.tasks]


async def over(house: House) -> None:
    """Both calls end, and nothing is left of them."""
    for record in both(house):
        await house.relayed(record, 40.0)


@pytest.mark.parametrize("relays", [True, False], ids=["a proxy that relays", "a proxy that takes no such requests"])
@pytest.mark.parametrize("ends", ["alice", "bob"])
async def test_two_ends_of_ours_speak_to_each_other(open_house: Any, relays: bool, ends: str) -> None:
    house: House = await open_house(trunks=trunks())
    proxy = Proxy(house, relays=relays)
    house.bob.on_invite = answers(1.0)
    await house.arrive(DIALLED)
    await house.until(lambda: house.alice.is_connected)
    house.alice.speak()
    house.bob.speak()
    await house.run(40.0)
    assert len(house.switch._calls) == 2, "no ACK is missed"
    assert proxy.asked == []
    for phone in (house.alice, house.bob):
        assert [packet for packet in phone.heard() if packet.payload_type == 8]
    leaving: Phone = house.alice if ends == "alice" else house.bob
    leaving.hang_up()
    await over(house)
    left = house.bob if ends == "alice" else house.alice
    assert left.was_hung_up


async def test_each_of_the_two_calls_is_charged_once(open_house: Any) -> None:
    house: House = await open_house(trunks=trunks(ORG))
    Proxy(house, relays=False)
    house.bob.on_invite = answers(1.0)
    await house.arrive(DIALLED)
    await house.until(lambda: house.alice.is_connected)
    await house.run(20.0)
    house.alice.hang_up()
    for call in both(house):
        await house.ended(call)
    finished = [await house.cdr(call) for call in both(house)]
    assert [(cdr.status.value, cdr.hangup_party) for cdr in finished] == [("completed", "a")] * 2
    charges = [cdr.price_paise or 0 for cdr in finished]
    assert charges[0] == charges[1] > 0
    wallet = await house.wallet()
    assert (wallet.reserved_paise, wallet.balance_paise) == (0, 100_000 - sum(charges))


@pytest.mark.parametrize("gives_up", [True, False], ids=["A gives up", "B is busy"])
async def test_a_call_that_is_not_answered_ends_at_both_of_its_ends(open_house: Any, gives_up: bool) -> None:
    house: House = await open_house(trunks=trunks())
    proxy = Proxy(house, relays=False)
    house.bob.on_invite = rings(183, sdp=True)
    await house.arrive(DIALLED)
    await house.run(3.0)
    if gives_up:
        house.alice.hang_up()
    else:
        house.bob.respond(486)
    await over(house)
    assert house.bob.was_cancelled is gives_up
    assert house.alice.rejected.status == (487 if gives_up else 486)
    assert proxy.asked == []


async def test_what_is_sent_back_again_and_again_runs_out_of_hops(open_house: Any) -> None:
    house: House = await open_house(trunks=trunks(back="proxy"))
    Proxy(house, relays=False)
    await house.arrive(DIALLED, max_forwards=10)
    await house.until(lambda: "Rejected" in house.alice.kinds(), 40.0)
    assert house.alice.rejected.status == 483
    assert len(house.tasks) == 5, "each time through us and the proxy takes two hops"
    for task in tuple(house.tasks):
        await house.relayed(task.machine.record)
