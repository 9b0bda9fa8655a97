"""What a trunk's 3xx does (RFC 3261 8.1.3.4): refused, or followed to the trunk's own addresses and nowhere else."""

from typing import Any

import pytest

from b2bua.sip.events import IncomingInvite
from b2bua.switch.hunting import MOST_REDIRECTS
from tests.support.house import CARRIER, ONE_TRUNK, House
from tests.support.scripted_phone import ALICE, BOB, Phone, rejects

OTHER_HOST = "203.0.113.2"
FOLLOW = ONE_TRUNK.replace("203.0.113.0/24", "203.0.113.2/32") + 'redirects = "follow"\n'
STRANGER = "198.51.100.9"


@pytest.fixture
async def house(open_house: Any) -> House:
    """A trunk of two addresses that may redirect between them; the gateway at the first says 302."""
    opened: House = await open_house(trunks=FOLLOW)
    opened.carrier_at(OTHER_HOST)
    opened.carrier_at(STRANGER)
    opened.carrier.status = 302
    # The phones answer from addresses of their own, which are the trunk's too.
    opened.trunks._targets = frozenset({ALICE.sip.host, BOB.sip.host})
    opened.alice.on_invite = rejects(486)
    return opened


def contact(*values: str) -> str:
    return f"Contact: {', '.join(values)}"


async def tried(house: House) -> list[str]:
    """The request URIs of A's leg, after a call that A refuses."""
    await house.ended(await house.place())
    return [str(message.uri) for carrier in house.carriers.values() for message in carrier.invites]


async def test_by_default_it_is_a_failure(open_house: Any) -> None:
    house: House = await open_house()
    house.carrier_at(OTHER_HOST)
    house.carrier.status, house.carrier.headers = 302, contact(f"<sip:+91{ALICE.number}@{OTHER_HOST}>")
    cdr = await house.ended(await house.place())
    assert (cdr.hangup_cause, cdr.legs[0].sip_status) == ("network_error", 302)
    assert house.carrier_at(OTHER_HOST).received == []


async def test_followed_to_an_address_of_the_trunk(house: House) -> None:
    house.carrier.headers = contact(f"<sip:+91{ALICE.number}@{OTHER_HOST};x=1?Subject=hi>;q=0.5")
    assert await tried(house) == [f"sip:+91{ALICE.number}@{CARRIER.host}:5060", f"sip:+91{ALICE.number}@{OTHER_HOST}"]
    first, second = house.carrier.invites[0], house.carrier_at(OTHER_HOST).invites[0]
    assert first.call_id != second.call_id
    assert "Subject" not in second.headers
    assert house.trunk().failovers == 0


async def test_followed_to_the_same_number_by_its_routing_number(house: House) -> None:
    """RFC 4694: a carrier whose 3xx says where a ported number is. Said once more, it is a circle."""
    ported = f"sip:+91{ALICE.number};npdi;rn=+917969002802@{CARRIER.host}:5060"
    house.carrier.headers = contact(f"<{ported};user=phone>")
    assert await tried(house) == [f"sip:+91{ALICE.number}@{CARRIER.host}:5060", ported]


async def test_the_contacts_are_tried_by_their_q(house: House) -> None:
    numbers = [f"+9198450123{n}" for n in (70, 71, 72)]
    house.carrier.headers = contact(
        f"<sip:{numbers[0]}@{OTHER_HOST}>;q=0.1",
        f"<sip:{numbers[1]}@{OTHER_HOST}>",
        f"<sip:{numbers[2]}@{OTHER_HOST}>;q=0.7",
    )
    house.carrier_at(OTHER_HOST).status = 503
    house.carrier_at(OTHER_HOST).headers = "Retry-After: 1"
    uris = await tried(house)
    assert uris[1:] == [f"sip:{number}@{OTHER_HOST}" for number in (numbers[1], numbers[2], numbers[0])]


async def test_a_busy_callee_ends_it(house: House) -> None:
    house.carrier.headers = contact(f"<sip:+919845012370@{OTHER_HOST}>", f"<sip:+919845012371@{OTHER_HOST}>;q=0.2")
    house.carrier_at(OTHER_HOST).status = 486
    cdr = await house.ended(await house.place())
    assert cdr.hangup_cause == "busy"
    assert len(house.carrier_at(OTHER_HOST).invites) == 1


@pytest.mark.parametrize(
    "value",
    [
        f"<sip:+91{ALICE.number}@{STRANGER}>",
        f"<sip:+91{ALICE.number}@{OTHER_HOST};maddr={STRANGER}>",
        f"<sip:+91{ALICE.number}@{OTHER_HOST};method=BYE>",
        f"<sip:+91{ALICE.number}@{OTHER_HOST};transport=tcp>",
        f"<sips:+91{ALICE.number}@{OTHER_HOST}>",
        f"<sip:+91{ALICE.number}@carrier.example.org>",
        f"<sip:{OTHER_HOST}>",
        f"<sip:a%0d%0aVia:x@{OTHER_HOST}>",
        f"<sip:{'1' * 65}@{OTHER_HOST}>",
        f"<tel:+91{ALICE.number}>",
        "<mailto:a@b.example>",
        "*",
        "<sip:",
        "",
    ],
)
async def test_nothing_a_carrier_says_calls_a_stranger(house: House, value: str) -> None:
    house.carrier.headers = contact(value)
    cdr = await house.ended(await house.place())
    assert (cdr.hangup_cause, cdr.legs[0].sip_status) == ("network_error", 302)
    assert house.carrier_at(STRANGER).received == []
    assert house.carrier_at(OTHER_HOST).received == []
    assert len(house.carrier.invites) == 1


async def test_a_circle_is_refused(house: House) -> None:
    house.carrier.headers = contact(f"<sip:+91{ALICE.number}@{OTHER_HOST}>")
    other = house.carrier_at(OTHER_HOST)
    other.status, other.headers = 302, contact(f"<sip:+91{ALICE.number}@{CARRIER.host}:5060>")
    cdr = await house.ended(await house.place())
    assert cdr.legs[0].sip_status == 302
    assert (len(house.carrier.invites), len(other.invites)) == (1, 1)


async def test_a_circle_leaves_the_other_contacts(house: House) -> None:
    """RFC 3261 8.1.3.4: one that fails is no reason to leave out those that were named beside it."""
    first, second = f"<sip:+919845012370@{OTHER_HOST}>", f"<sip:+919845012371@{OTHER_HOST}>;q=0.2"
    house.carrier.headers = contact(first, second)
    other = house.carrier_at(OTHER_HOST)
    other.status, other.headers = 302, contact(second, first)
    uris = await tried(house)
    assert uris[1:] == [f"sip:+919845012370@{OTHER_HOST}", f"sip:+919845012371@{OTHER_HOST}"]


async def test_a_3xx_that_leads_to_strangers_leaves_the_other_contacts(house: House) -> None:
    house.carrier.headers = contact(f"<sip:+919845012370@{OTHER_HOST}>", f"<sip:+919845012371@{OTHER_HOST}>;q=0.2")
    other = house.carrier_at(OTHER_HOST)
    other.status, other.headers = 302, contact(f"<sip:+919845012370@{STRANGER}>")
    uris = await tried(house)
    assert uris[1:] == [f"sip:+919845012370@{OTHER_HOST}", f"sip:+919845012371@{OTHER_HOST}"]
    assert house.carrier_at(STRANGER).received == []


async def test_the_depth_is_bounded(house: House) -> None:
    class Endless(str):
        """Another number each time it is written."""

        def split(self, *_arguments: Any) -> list[str]:
            numbers.append(len(numbers))
            return [contact(f"<sip:+9198450123{len(numbers):02d}@{CARRIER.host}>")]

    numbers: list[int] = []
    house.carrier.headers = Endless()
    cdr = await house.ended(await house.place())
    assert cdr.legs[0].sip_status == 302
    assert len(house.carrier.invites) == 1 + MOST_REDIRECTS


async def test_after_a_18x_it_is_a_failure(house: House) -> None:
    house.carrier.status = None
    elsewhere = ("Contact", f"<sip:+91{ALICE.number}@{OTHER_HOST}>")

    def ring_and_send_away(phone: Phone, event: IncomingInvite) -> None:
        phone.respond(180)
        phone.endpoint.respond(event.transaction, 302, headers=(elsewhere,))

    house.alice.on_invite = ring_and_send_away
    cdr = await house.ended(await house.place())
    assert cdr.legs[0].sip_status == 302
    assert house.carrier_at(OTHER_HOST).received == []


async def test_a_hung_up_call_follows_nothing(house: House) -> None:
    house.carrier.status = 0
    call = await house.place()
    await house.until(lambda: house.carrier.invites)
    await house.switch.hang_up(call.org_id, call.call_id)
    house.carrier.answer(house.carrier.invites[0], 302, contact(f"<sip:+91{ALICE.number}@{OTHER_HOST}>"))
    await house.ended(call)
    assert house.carrier_at(OTHER_HOST).received == []


async def test_a_name_of_the_trunk_is_reached_by_its_destinations(open_house: Any) -> None:
    house: House = await open_house(trunks=FOLLOW + 'domain = "carrier.example.org"\n')
    house.carrier.status = 302
    house.carrier.headers = contact("<sip:+919845012370@Carrier.example.org>")
    cdr = await house.ended(await house.place())
    assert cdr.legs[0].sip_status == 302
    uris = [str(invite.uri) for invite in house.carrier.invites]
    assert uris == [f"sip:+91{ALICE.number}@carrier.example.org", "sip:+919845012370@Carrier.example.org"]
