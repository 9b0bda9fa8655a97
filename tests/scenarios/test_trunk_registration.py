"""A trunk that wants to be registered with: when it takes calls, and what its registrar is sent."""

import re

import pytest

from b2bua.call.errors import CapacityExhausted
from b2bua.sip.message import Request
from b2bua.sip.registration import GIVE_UP_S, RETRY_FIRST_S
from b2bua.sip.routing import TransportAddress
from b2bua.sip.transaction_layer import TransactionLayer
from tests.support.house import CARRIER, House
from tests.support.registrar import CHALLENGE, TRUNK, USER, OpenWith, granted, registrar, silent, state, status
from tests.support.scripted_phone import answers


async def test_registers_through_401_and_423_and_takes_calls(house_with: OpenWith) -> None:
    house = await house_with(status(401, CHALLENGE), status(423, "Min-Expires: 7200"), lambda one: granted(one, 7200))
    assert state(house) == (False, "not registered yet")
    with pytest.raises(CapacityExhausted):
        await house.place()
    await house.run(1.0)
    assert state(house) == (True, "registered for 7200 s")
    first, challenged, longer = house.carrier.registers
    assert first.request_uri == "sip:ims.carrier.example"
    assert str(first.from_.uri) == str(first.to.uri) == f"sip:{USER}@ims.carrier.example"
    assert first.headers.get("Contact") == f"<sip:{USER}@192.0.2.1:5060>"
    assert [one.headers.get("Expires") for one in (first, challenged, longer)] == ["3600", "3600", "7200"]
    assert len({(one.call_id, one.from_tag) for one in house.carrier.registers}) == 1
    assert [one.cseq.number for one in house.carrier.registers] == [1, 2, 3]
    assert f'username="{USER}@ims.carrier.example"' in (challenged.headers.get("Authorization") or "")
    assert "nc=00000002" in (longer.headers.get("Authorization") or "")
    house.alice.on_invite = house.bob.on_invite = answers(1.0)
    call = await house.place(max_duration_s=10)
    assert (await house.ended(call)).status == "completed"
    assert not any(USER in line for line in house.log.lines), "the log tells the user name, which may be a number"
    await house.at_rest()


@pytest.mark.parametrize(("port", "where"), [("", CARRIER.host), (":5060", f"{CARRIER.host}:5060")])
async def test_the_request_uri_has_the_port_that_is_configured(house_with: OpenWith, port: str, where: str) -> None:
    plain = TRUNK.replace('domain = "ims.carrier.example"\n', "").replace(f":{CARRIER.port}", port)
    house = await house_with(granted, trunk=plain)
    await house.run(1.0)
    [register] = house.carrier.registers
    assert (register.request_uri, str(register.to.uri)) == (f"sip:{where}", f"sip:{USER}@{CARRIER.host}")


async def test_only_a_trunk_that_wants_it_is_registered_with(house_with: OpenWith) -> None:
    house = await house_with(granted, trunk=TRUNK.replace("register = true\n", ""))
    await house.run(100.0)
    assert house.carrier.registers == []
    assert state(house)[0]


async def test_it_is_refreshed_before_it_expires_with_the_same_call_id(house_with: OpenWith) -> None:
    house = await house_with(granted)
    await house.run(100.0)
    assert 4 <= len(house.carrier.registers) <= 5
    assert [one.cseq.number for one in house.carrier.registers] == list(range(1, len(house.carrier.registers) + 1))
    assert len({one.call_id for one in house.carrier.registers}) == 1
    assert state(house) == (True, "registered for 60 s")


async def test_a_refusal_takes_the_trunk_down_until_it_succeeds(house_with: OpenWith) -> None:
    house = await house_with(granted, status(403), granted)
    await house.run(1.0)
    assert state(house)[0]
    await house.run(30.0)
    assert state(house) == (False, "registration refused 403")
    with pytest.raises(CapacityExhausted):
        await house.place()
    await house.run(RETRY_FIRST_S * 1.25)
    assert state(house) == (True, "registered for 60 s")
    warnings = [line for line in house.log.lines if "registration" in line]
    assert warnings == ["WARNING b2bua.switch.trunks: trunk carrier: registration refused 403"]


async def test_a_registration_that_is_lost_takes_the_trunk_down(house_with: OpenWith) -> None:
    house = await house_with(granted, silent)
    await house.run(59.0)
    assert state(house)[0], "it holds until it expires"
    await house.run(2.0)
    assert state(house) == (False, "registration expired")
    house.carrier.on_register = granted
    await house.run(100.0)
    assert state(house)[0]


async def test_a_registrar_that_is_away_for_a_time_is_left_alone_so_long(house_with: OpenWith) -> None:
    house = await house_with(status(503, "Retry-After: 120"))
    await house.run(119.0)
    assert len(house.carrier.registers) == 1
    assert state(house) == (False, "registration answered 503")
    await house.run(2.0)
    assert len(house.carrier.registers) == 2


@pytest.mark.parametrize("after_s", [300.0, 500.0, 700.0, 1300.0])
async def test_a_trunk_whose_name_is_found_at_last_is_registered_with_soon(
    house_with: OpenWith, after_s: float
) -> None:
    """Nobody has been asked meanwhile, so nobody is to be spared."""
    house = await house_with(granted, trunk=TRUNK.replace(f"{CARRIER.host}:{CARRIER.port}", "sip.carrier.example"))
    await house.run(after_s)
    assert state(house) == (False, "registration unanswered (its name does not resolve)")
    assert house.carrier.registers == []
    house.trunks.resolved(house.trunk(), [CARRIER])
    await house.run(RETRY_FIRST_S * 1.25)
    assert state(house) == (True, "registered for 60 s")


async def test_where_options_are_sent_too_both_must_be_well(house_with: OpenWith) -> None:
    house = await house_with(granted, trunk=TRUNK.replace("options_interval_s = 0", "options_interval_s = 5"))
    await house.run(1.0)
    assert state(house) == (True, "registered for 60 s, OPTIONS answered 200")
    house.carrier.options_status = 503
    await house.run(5.0)
    assert state(house) == (False, "OPTIONS answered 503")
    house.carrier.options_status = 200
    house.carrier.on_register = status(403)
    await house.run(30.0)
    assert state(house) == (False, "registration refused 403")


async def test_the_next_destination_is_tried_at_once_when_one_is_gone(house_with: OpenWith) -> None:
    house = await house_with(granted)
    dead = TransportAddress("udp", "203.0.113.99", 5060)
    house.trunks.resolved(house.trunk(), [dead, CARRIER])
    await house.run(1.0)
    assert state(house)[0]
    [first] = house.carrier.registers
    await house.run(30.0)
    assert len(house.carrier.registers) == 2, "the one that answered is kept"
    assert first.cseq.number > 1


async def test_the_next_destination_is_tried_at_once_when_one_cannot_serve_now(house_with: OpenWith) -> None:
    """RFC 3263 4.3: a 503 is as good as silence, whatever it asks of who has nowhere else to go."""
    house = await house_with(status(503, "Retry-After: 120"))
    other = house.carrier_at("203.0.113.2")
    other.on_register = granted
    house.trunks.resolved(house.trunk(), [CARRIER, other.address])
    await house.run(1.0)
    assert state(house) == (True, "registered for 60 s")
    assert [len(house.carrier.registers), len(other.registers)] == [1, 1]


async def test_a_destination_that_is_away_for_a_time_is_left_alone_though_no_other_serves(house_with: OpenWith) -> None:
    """RFC 3261 21.5.4: no other request goes to that server meanwhile. The others are asked as often as ever."""
    house = await house_with(status(503, "Retry-After: 600"))
    dead = TransportAddress("udp", "203.0.113.99", 5060)
    other = house.carrier_at("203.0.113.2")
    other.on_register = status(500)
    house.trunks.resolved(house.trunk(), [CARRIER, dead, other.address])
    await house.run(590.0)
    assert len(house.carrier.registers) == 1
    assert len(other.registers) >= 4
    house.carrier.on_register = granted
    await house.run(660.0)
    assert state(house) == (True, "registered for 60 s")


async def test_who_wants_a_longer_life_is_the_one_that_is_asked_for_it(house_with: OpenWith) -> None:
    house = await house_with(silent)
    other = house.carrier_at("203.0.113.2")
    other.on_register = registrar(status(423, "Min-Expires: 7200"), lambda one: granted(one, 7200))
    house.trunks.resolved(house.trunk(), [CARRIER, other.address])
    await house.run(33.0)
    assert state(house) == (True, "registered for 7200 s")
    assert len({one.cseq.number for one in house.carrier.registers}) == 1


async def test_where_only_one_that_is_away_for_a_time_is_left_it_is_not_waited_for_an_hour(
    house_with: OpenWith,
) -> None:
    """The name leads to nobody else by now."""
    house = await house_with(status(503, "Retry-After: 3000"))
    other = house.carrier_at("203.0.113.2")
    other.on_register = status(500)
    house.trunks.resolved(house.trunk(), [CARRIER, other.address])
    await house.run(10.0)
    house.trunks.resolved(house.trunk(), [CARRIER])
    await house.run(2900.0)
    assert len(house.carrier.registers) == 1
    house.carrier.on_register = granted
    await house.run(800.0)
    assert state(house) == (True, "registered for 60 s")


async def test_a_limit_of_ours_is_waited_out_and_tried_nowhere_else(
    house_with: OpenWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await house_with(granted)
    other = house.carrier_at("203.0.113.2")
    house.trunks.resolved(house.trunk(), [CARRIER, other.address])
    with monkeypatch.context() as full:
        full.setattr(TransactionLayer, "__len__", lambda _layer: 1_000_000)
        await house.run(300.0)
        assert state(house) == (False, "registration unanswered (too much is under way here)")
    await house.run(RETRY_FIRST_S * 1.25)
    assert state(house) == (True, "registered for 60 s")
    assert other.registers == []


async def test_a_registration_whose_connection_has_ended_is_made_again_promptly(house_with: OpenWith) -> None:
    """RFC 5626 4.4: calls to us come over the connections that we open, and the carrier has this one no more."""
    house = await house_with(lambda one: granted(one, 3600))
    await house.run(100.0)
    house.endpoint.connection_ended(TransportAddress("udp", "203.0.113.2", 5060))
    assert state(house) == (True, "registered for 3600 s"), "another one says nothing of it"
    house.endpoint.connection_ended(CARRIER)
    assert state(house) == (True, "registered, but the connection ended"), "our own calls go on"
    await house.run(2.0)
    assert state(house) == (True, "registered for 3600 s")
    assert len(house.carrier.registers) == 2
    assert len({one.call_id for one in house.carrier.registers}) == 1


async def test_a_carrier_that_answers_and_closes_at_once_is_not_asked_all_the_time(house_with: OpenWith) -> None:
    house = await house_with()

    def answers_and_closes(request: Request) -> bytes:
        house.clock.call_later(0.01, lambda: house.endpoint.connection_ended(CARRIER))
        return granted(request, 3600)

    house.carrier.on_register = answers_and_closes
    await house.run(600.0)
    assert 5 <= len(house.carrier.registers) <= 12
    assert state(house) == (True, "registered, but the connection ended")


async def test_the_connection_that_counts_is_the_one_that_the_binding_was_made_over(house_with: OpenWith) -> None:
    """A refresh that is refused elsewhere leaves the binding where it was."""
    house = await house_with(lambda one: granted(one, 3600))
    other = TransportAddress("udp", "203.0.113.2", 5060)
    elsewhere = house.carrier_at(other.host)
    elsewhere.on_register = status(500)
    await house.run(1.0)
    house.trunks.resolved(house.trunk(), [other])
    await house.run(3050.0)
    assert elsewhere.registers
    before = state(house)
    house.endpoint.connection_ended(other)
    assert state(house) == before != (True, "registered, but the connection ended")
    house.endpoint.connection_ended(CARRIER)
    assert state(house) == (True, "registered, but the connection ended")


async def test_a_connection_that_ends_while_it_is_taken_back_changes_nothing(house_with: OpenWith) -> None:
    house = await house_with(granted, silent)
    await house.run(1.0)
    house.switch.unregister(lambda: None)
    house.endpoint.connection_ended(CARRIER)
    await house.run(100.0)
    assert state(house) == (False, "registration taken back")
    assert {one.headers.get("Expires") for one in house.carrier.registers[1:]} == {"0"}


async def test_it_is_taken_back_at_the_end(house_with: OpenWith) -> None:
    house = await house_with(granted)
    await house.run(1.0)
    over: list[float] = []
    house.switch.unregister(lambda: over.append(house.clock.time()))
    await house.run(0.1)
    assert [one.headers.get("Expires") for one in house.carrier.registers] == ["3600", "0"]
    assert len(over) == 1
    await house.run(100.0)
    assert len(house.carrier.registers) == 2, "and not made again"


async def test_the_end_does_not_wait_for_a_registrar_that_says_nothing(house_with: OpenWith) -> None:
    house = await house_with(granted, silent)
    await house.run(1.0)
    began, over = house.clock.time(), []
    house.switch.unregister(lambda: over.append(house.clock.time()))
    await house.run(20.0)
    assert over == [began + GIVE_UP_S]


async def test_without_registrations_the_end_comes_at_once(house: House) -> None:
    over: list[bool] = []
    house.switch.unregister(lambda: over.append(True))
    assert over == [True]


async def test_trunk_case_18_a_call_of_the_trunk_s_must_prove_the_password(house_with: OpenWith) -> None:
    """Hard case 18, from the carrier's gateway: 401 in the realm of the trunk's domain, nothing is told or counted."""
    house = await house_with(
        granted, trunk=TRUNK + 'challenge_username = "carrier"\nchallenge_password = "its-secret"\n'
    )
    house.carrier.send(
        b"INVITE sip:+917969002802@192.0.2.1:5060 SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bKcase18\r\nMax-Forwards: 70\r\n"
        b"From: <sip:+919876543210@203.0.113.1>;tag=a\r\nTo: <sip:+917969002802@192.0.2.1>\r\n"
        b"Call-ID: case-18\r\nCSeq: 1 INVITE\r\nContact: <sip:gw@203.0.113.1:5060>\r\nContent-Length: 0\r\n\r\n"
    )
    await house.run(0.1)
    [response] = house.carrier.answers
    assert response.status == 401
    assert re.findall(r'realm="([^"]+)"', response.headers.get("WWW-Authenticate") or "") == ["ims.carrier.example"]
    assert house.switch.live_calls() == 0
    assert house.user_agent.counters["calls challenged"] == 1
