"""Hard case 22: with the longest profile that a carrier may ask for, our INVITEs stay below 1300 octets."""

import pytest

from b2bua.sip.message import Request, Response
from b2bua.sip.oversized import OVERSIZED_OCTETS
from b2bua.sip.routing import TransportAddress
from tests.scenarios.conftest import OpenHouse
from tests.support.agents import answer_to
from tests.support.house import CARRIER, MASKED
from tests.support.scripted_phone import rejects

BASE = f"""
[[trunks]]
name = "carrier"
uri = "sip:{CARRIER.host}:{CARRIER.port}"
addresses = ["203.0.113.0/24"]
numbers = ["{MASKED}"]
options_interval_s = 0
user_phone = true
"""
IMS = (
    BASE
    + """
domain = "ims.mnc001.mcc404.3gppnetwork.example"
identity = ["p-asserted-identity", "diversion"]
privacy = "id;header"
session_timer_s = 1800
"""
)
REGISTERED = (
    BASE
    + """
domain = "sip-trunk.carrier.example"
auth_username = "917969002802@sip-trunk.carrier.example"
auth_password = "a password of the carrier's choice"
"""
)
CHALLENGE = (
    'WWW-Authenticate: Digest realm="sip-trunk.carrier.example", qop="auth", algorithm=SHA-256, '
    f'nonce="{"4f9c0be0a6b5" * 4}", opaque="{"5ccc069c403e" * 2}"'
)


@pytest.mark.parametrize(("profile", "challenged"), [(IMS, False), (REGISTERED, True)], ids=["IMS", "digest"])
async def test_trunk_case_22_our_invites_stay_below_1300_octets(
    open_house: OpenHouse, profile: str, challenged: bool
) -> None:
    house = await open_house(trunks=profile)
    alice = house.alice

    def challenge(message: Request | Response, source: TransportAddress) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            known = "Authorization" in message.headers
            headers = "" if known else CHALLENGE
            alice.send(answer_to(message, 486 if known else 401, to_tag="alice", headers=headers), source)

    if challenged:
        alice.raw = challenge
    else:
        alice.on_invite = rejects(486)
    call = await house.place()
    await house.ended(call)
    invites = [each.content for each in house.network.carried if each.content.startswith(b"INVITE ")]
    assert len(invites) == (2 if challenged else 1)
    assert (b"\r\nAuthorization: Digest" in invites[-1]) is challenged
    assert max(len(invite) for invite in invites) <= OVERSIZED_OCTETS
    assert "oversized INVITEs" not in house.endpoint.counters()
