"""Hard case 21: logical domain, outbound proxy, local Contact, auth user and caller ID are five different settings."""

import re
from typing import Any

import pytest

from b2bua.sip.routing import TransportAddress
from tests.support.house import CARRIER, MASKED, OURS, House
from tests.support.scripted_phone import ALICE, rejects

PROXY = TransportAddress("udp", "203.0.113.2", 5070)
FIVE = f"""
[[trunks]]
name = "carrier"
uri = "sip:{CARRIER.host}:{CARRIER.port}"
addresses = ["203.0.113.0/24"]
domain = "ims.carrier.example"
outbound_proxy = "{PROXY.host}:{PROXY.port}"
auth_username = "account-77"
auth_password = "open sesame"
numbers = ["{MASKED}"]
options_interval_s = 0
"""


async def challenged_invites(house: House) -> list[Any]:
    """The two INVITEs of a call that the proxy challenges and then refuses."""
    proxy = house.carrier_at(PROXY.host, PROXY.port)
    proxy.status = 407
    proxy.headers = 'Proxy-Authenticate: Digest realm="carrier realm", nonce="n1", qop="auth", algorithm=SHA-256'
    await house.ended(await house.place())
    plain, authorised = [message for message in proxy.received if message.method == "INVITE"]
    return [plain, authorised]


async def test_trunk_case_21_five_settings_and_no_two_the_same(open_house: Any) -> None:
    house: House = await open_house(trunks=FIVE)
    plain, authorised = await challenged_invites(house)
    assert house.carrier.received == []
    for invite in (plain, authorised):
        assert str(invite.uri) == f"sip:+91{ALICE.number}@ims.carrier.example"
        assert (invite.from_.uri.user, invite.from_.uri.host) == (f"+{MASKED}", "ims.carrier.example")
        assert invite.to.uri.host == "ims.carrier.example"
        assert invite.headers.get("P-Asserted-Identity") == f"<sip:+{MASKED}@ims.carrier.example>"
        assert invite.headers.get("Contact") == f"<sip:{OURS.host}:{OURS.port}>"
        assert invite.headers.get("Route") is None
    credentials = authorised.headers.get("Proxy-Authorization")
    assert re.search(r'username="account-77"', credentials)
    assert re.search(rf'uri="sip:\+91{ALICE.number}@ims\.carrier\.example"', credentials)
    assert "account-77" not in plain.render().decode()


async def test_trunk_case_21_the_host_of_from_may_differ_from_the_domain(open_house: Any) -> None:
    house: House = await open_house(trunks=FIVE + 'from_domain = "customer.example"\n')
    (plain, _) = await challenged_invites(house)
    assert (plain.uri.host, plain.to.uri.host) == ("ims.carrier.example", "ims.carrier.example")
    assert plain.from_.uri.host == "customer.example"


async def test_trunk_case_21_the_proxy_may_be_named_in_a_route(open_house: Any) -> None:
    house: House = await open_house(trunks=FIVE + "outbound_proxy_route = true\n")
    for invite in await challenged_invites(house):
        assert invite.headers.get("Route") == f"<sip:{PROXY.host}:{PROXY.port};lr>"
        assert str(invite.uri) == f"sip:+91{ALICE.number}@ims.carrier.example"


@pytest.mark.parametrize(
    ("uri", "route"),
    [
        ("sbc.carrier.example", "<sip:sbc.carrier.example;lr>"),
        ("sbc.carrier.example:5060", "<sip:sbc.carrier.example:5060;lr>"),
    ],
)
async def test_trunk_case_21_the_route_names_a_port_where_the_profile_does(
    open_house: Any, uri: str, route: str
) -> None:
    """With a port it would be at that one, whatever SRV says (RFC 3263 4.2)."""
    profile = FIVE.replace(f"{PROXY.host}:{PROXY.port}", uri) + "outbound_proxy_route = true\n"
    house: House = await open_house(trunks=profile)
    house.trunk().destinations = (PROXY,)
    for invite in await challenged_invites(house):
        assert invite.headers.get("Route") == route


@pytest.mark.parametrize("scheme", ["sip", "tel"])
async def test_trunk_case_21_a_whole_call_by_either_scheme(open_house: Any, scheme: str) -> None:
    house: House = await open_house(
        trunks=FIVE + f'uri_scheme = "{scheme}"\nuser_phone = {str(scheme == "sip").lower()}\n'
    )
    proxy = house.carrier_at(PROXY.host, PROXY.port)
    house.alice.on_invite = rejects(486)
    if scheme == "tel":  # the gateway finds its phone by the user part, which a tel: URI has none of
        proxy.status = 486
    cdr = await house.ended(await house.place())
    assert (cdr.hangup_cause, cdr.legs[0].sip_status) == ("busy", 486)
    (invite,) = proxy.invites
    number = f"+91{ALICE.number}"
    wanted = f"tel:{number}" if scheme == "tel" else f"sip:{number}@ims.carrier.example;user=phone"
    assert (str(invite.uri), str(invite.to.uri)) == (wanted, wanted)
    acknowledged = [message for message in proxy.received if message.method == "ACK"]
    assert {str(ack.uri) for ack in acknowledged} <= {wanted}
    assert ";transport=udp" not in invite.render().decode()
