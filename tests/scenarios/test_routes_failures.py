"""How B's failures, our own and broken requests of A's end a routed call: each with the status that A can act on."""

import re
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from b2bua.redaction import redact_text
from b2bua.sip.events import IncomingInvite
from media.engine import MediaEngine
from media.errors import MediaOverloaded
from storage.units import UnitOfWork
from tests.support.agents import request_from_peer
from tests.support.house import ORG, OURS, House
from tests.support.routes import BILLED, DIALLED, EAST, PASSED, RELAYED, WEST, peer, route
from tests.support.scripted_phone import ALICE, BOB, Phone, answers, nothing, rejects, rings


@pytest.fixture
async def relay(open_house: Any) -> House:
    """A house that relays Alice's calls to Bob."""
    house: House = await open_house(trunks=RELAYED)
    return house


KEPT = (400, 402, 403, 404, 408, 410, 415, 480, 482, 483, 484, 486, 487, 488, 500, 501, 502, 503, 504, 513)
KEPT_GLOBAL = (600, 603, 604, 606, 607, 608, 699)


@pytest.mark.parametrize("status", [*KEPT, *KEPT_GLOBAL])
async def test_a_final_failure_keeps_its_status(relay: House, status: int) -> None:
    relay.bob.on_invite = rejects(status)
    call = await relay.arrive(DIALLED)
    end = await relay.relayed(call)
    assert relay.alice.rejected.status == status
    assert end.status == "failed"
    assert [leg.sip_status for leg in end.legs] == [status, status]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        *((401, 503), (407, 503), (420, 502), (421, 502), (422, 502), (423, 502), (494, 502)),
        *((300, 480), (302, 480), (380, 480)),
    ],
)
async def test_what_a_could_not_act_on_is_told_otherwise(relay: House, status: int, told: int) -> None:
    def refuse(phone: Phone, event: IncomingInvite) -> None:
        contact = ("Contact", f"<sip:{BOB.number}@{BOB.sip.host}:{BOB.sip.port}>")
        phone.endpoint.respond(event.transaction, status, headers=(contact, ("Unsupported", "bobby-option")))

    relay.bob.on_invite = refuse
    call = await relay.arrive(DIALLED)
    await relay.relayed(call)
    assert relay.alice.rejected.status == told
    assert "Contact" not in relay.alice.rejected.headers


@pytest.mark.parametrize(
    ("given", "masked", "passed"),
    [
        ('Q.850;cause=17;text="User busy"', 'Q.850;cause=17;text="User busy"', 'Q.850;cause=17;text="User busy"'),
        (
            f'Q.850;cause=17;text="{BOB.number} is busy"',
            'Q.850;cause=17;text="User busy"',
            f'Q.850;cause=17;text="{BOB.number} is busy"',
        ),
        ("Q.850;cause=99", "Q.850;cause=99", "Q.850;cause=99"),
        (
            'SIP;cause=486;text="bobby talks", Q.850;cause=17',
            'SIP;cause=486;text="Busy Here", Q.850;cause=17;text="User busy"',
            'SIP;cause=486;text="bobby talks", Q.850;cause=17',
        ),
        ("X-Own;cause=7", None, None),
        ("Q.850;cause=1234567", None, None),
        ("Q.850;cause=773, SIP;cause=849, Q.850;cause=012", "Q.850;cause=12", "Q.850;cause=12"),
        (
            "Q.850;cause=99, q.850;cause=17, SIP;cause=486, SIP;cause=600",
            'Q.850;cause=99, SIP;cause=486;text="Busy Here"',
            "Q.850;cause=99, SIP;cause=486",
        ),
        (";;;", None, None),
        ("Q.850;cause=17;text=User busy, SIP;cause=486", 'SIP;cause=486;text="Busy Here"', "SIP;cause=486"),
    ],
)
@pytest.mark.parametrize("caller", ["masked", "pass"])
async def test_a_reason_keeps_its_cause_and_its_own_words_only_where_callers_are_shown(
    open_house: Any, caller: str, given: str, masked: str | None, passed: str | None
) -> None:
    house: House = await open_house(trunks=RELAYED if caller == "masked" else PASSED)
    _show_all(house, caller)

    def refuse(_phone: Phone, event: IncomingInvite) -> None:
        house.bob.endpoint.respond(event.transaction, 486, headers=(("Reason", given),))

    house.bob.on_invite = refuse
    call = await house.arrive(DIALLED)
    await house.relayed(call)
    assert house.alice.rejected.status == 486
    assert house.alice.rejected.headers.get("Reason") == (masked if caller == "masked" else passed)


def _show_all(house: House, caller: str) -> None:
    if caller == "pass":
        house.may_see[BOB] = {ALICE.number.encode(), ALICE.word.encode()}
        house.may_see[ALICE] = {BOB.number.encode(), BOB.word.encode()}


async def test_no_answer_at_all_is_a_timeout(relay: House) -> None:
    """RFC 3261 8.1.3.1: no final response within the time is taken for a 408."""
    relay.bob.raw = lambda message, source: None
    call = await relay.arrive(DIALLED)
    await relay.run(4.1)
    assert relay.alice.rejected.status == 408
    assert (await relay.relayed(call)).hangup_cause == "b_unreachable"


async def test_a_destination_that_cannot_be_reached_is_a_503(relay: House) -> None:
    relay.network.detach(BOB.sip)
    call = await relay.arrive(DIALLED)
    assert (await relay.relayed(call)).hangup_cause == "b_unreachable"
    assert relay.alice.rejected.status == 503


@pytest.mark.parametrize("behaviour", [nothing, rings(), rings(183, sdp=True)])
async def test_trunk_case_24_b_rings_without_an_answer(open_house: Any, behaviour: Any) -> None:
    house: House = await open_house("[calls]\nring_timeout_s = 10", trunks=RELAYED)
    house.bob.on_invite = behaviour
    call = await house.arrive(DIALLED)
    await house.run(10.1)
    assert house.alice.rejected.status == 480
    assert house.alice.rejected.headers.get("Reason") == 'Q.850;cause=19;text="No answer from user"'
    await house.relayed(call)
    assert house.bob.was_cancelled


@pytest.mark.parametrize("body", ["v=0\r\nm=audio 4000 RTP/AVP 18\r\n", "rubbish", ""])
async def test_trunk_case_08_b_s_broken_answer_is_a_bad_gateway_to_a(relay: House, body: str) -> None:
    """Hard case 8: it is B's failure and no 488 to A."""

    def behave(phone: Phone, event: IncomingInvite) -> None:
        phone.respond(200, body.encode(), to=event)

    relay.bob.on_invite = behave
    call = await relay.arrive(DIALLED)
    await relay.relayed(call)
    assert relay.alice.rejected.status == 502
    assert relay.bob.methods() == ["INVITE", "ACK", "BYE"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("rubbish", 400),
        ("v=1\r\no=- 1 1 IN IP4 203.0.113.21\r\nm=audio 1 RTP/AVP 8\r\n", 400),
        ("v=0\r\no=- 1 1 IN IP4 203.0.113.21\r\ns=-\r\nt=0 0\r\n", 400),
        (ALICE.sdp().decode().replace("RTP/AVP 8 101", "RTP/AVP 18 101"), 488),
        (ALICE.sdp().decode().replace("m=audio", "m=video"), 488),
        (ALICE.sdp().decode().replace("m=audio 41000", "m=audio 0"), 488),
    ],
)
async def test_a_s_broken_offer_is_refused_before_b_is_called(relay: House, body: str, status: int) -> None:
    answer = await relay.refused(DIALLED, body=body.encode())
    assert answer.status == status
    assert relay.bob.received == []


async def test_the_refusal_of_an_offer_says_why(relay: House) -> None:
    """RFC 3261 13.3.1.3."""
    answer = await relay.refused(DIALLED, body=ALICE.sdp().replace(b"RTP/AVP 8 101", b"RTP/AVP 18 101"))
    why = '399 maskbridge "the SDP has no codec in common with ours (PCMA, PCMU)"'
    assert (answer.status, answer.headers.get("Warning")) == (488, why)


@pytest.mark.parametrize(("body", "status"), [(b"rubbish", 400), (ALICE.sdp().replace(b"m=audio", b"m=video"), 488)])
async def test_the_log_tells_of_many_offers_refused_once_a_second(
    relay: House, caplog: pytest.LogCaptureFixture, body: bytes, status: int
) -> None:
    with caplog.at_level("INFO", "b2bua.switch"):
        for wait_s in (0.0, 0.0, 0.0, 1.0):
            await relay.run(wait_s)
            relay.alice.events.clear()
            assert (await relay.refused(DIALLED, body=body)).status == status
    first, then = caplog.messages
    assert re.fullmatch(rf"leg [0-9a-f-]{{36}}/a is refused with {status}: its offer: .+[^)]", first)
    assert then.endswith(" (2 more were, since the last one told)")


async def test_hops_are_counted_down_and_end(relay: House) -> None:
    relay.bob.on_invite = rings()
    call = await relay.arrive(DIALLED, max_forwards=7)
    assert relay.bob.invite is not None
    assert relay.bob.invite.max_forwards == 6
    relay.alice.hang_up()
    await relay.relayed(call)
    relay.alice.events.clear()
    assert (await relay.refused(DIALLED, max_forwards=0)).status == 483


async def test_the_trunk_of_the_route_is_down_or_full(open_house: Any) -> None:
    house: House = await open_house(trunks=WEST + peer("east", BOB, more="max_calls = 1") + route())
    house.bob.on_invite = rings()
    call = await house.arrive(DIALLED)
    held = house.alice.usage
    answer = await house.refused(DIALLED)
    assert (answer.status, answer.headers.get("Retry-After")) == (503, "5")
    assert [trunk.live_calls for trunk in house.trunks] == [1, 1]
    house.alice.endpoint.hang_up(held or 0)
    await house.relayed(call)
    house.trunks.held_off(house.trunk("east"), 60.0)
    house.alice.events.clear()
    assert (await house.refused(DIALLED)).status == 503


async def test_a_call_that_goes_out_by_the_trunk_it_came_by_takes_two_places_there(open_house: Any) -> None:
    house: House = await open_house(trunks=peer("west", ALICE, more="max_calls = 1") + route(via="west"))
    assert (await house.refused(DIALLED)).status == 503
    assert [(trunk.live_calls, trunk.promised) for trunk in house.trunks] == [(0, 0)]


async def test_a_call_that_goes_out_by_the_trunk_it_came_by_takes_no_more_than_two(open_house: Any) -> None:
    house: House = await open_house(trunks=peer("west", ALICE, more="max_calls = 2") + route(via="west"))
    house.bob.on_invite = rings()
    call = await house.arrive(DIALLED)
    assert [(trunk.live_calls, trunk.promised) for trunk in house.trunks] == [(2, 0)]
    house.alice.hang_up()
    await house.relayed(call)


@pytest.mark.parametrize("verb", ["open_leg", "answer_offer"])
@pytest.mark.parametrize(
    ("error", "status"), [(MediaOverloaded("too much"), 503), (ZeroDivisionError("a defect"), 500)]
)
async def test_media_that_fail_while_a_call_is_taken_keep_no_place(
    relay: House, monkeypatch: pytest.MonkeyPatch, verb: str, error: Exception, status: int
) -> None:
    def fails(self: MediaEngine, *arguments: object, **named: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(MediaEngine, verb, fails)
        with suppress(ZeroDivisionError):  # goes on to the event loop, which logs it
            await relay.refused(DIALLED)
        await relay.until(lambda: "Rejected" in relay.alice.kinds())
    assert relay.alice.rejected.status == status
    assert relay.alice.rejected.headers.get("Retry-After") == ("5" if status == 503 else None)
    assert relay.switch.counters()["inbound_refused_total"] == 1
    assert [(trunk.live_calls, trunk.promised) for trunk in relay.trunks] == [(0, 0), (0, 0)]


async def test_the_limit_of_calls_is_reached(open_house: Any) -> None:
    house: House = await open_house("[calls]\nmax_concurrent = 1", trunks=RELAYED)
    house.bob.on_invite = rings()
    call = await house.arrive(DIALLED)
    held = house.alice.usage
    answer = await house.refused(DIALLED)
    assert (answer.status, answer.headers.get("Retry-After")) == (503, "5")
    house.alice.endpoint.hang_up(held or 0)
    await house.relayed(call)


async def test_no_media_port_is_left(open_house: Any) -> None:
    house: House = await open_house(trunks=RELAYED, media='ports = "40000-40003"\nport_rest_s = 1')
    house.bob.on_invite = rings()
    call = await house.arrive(DIALLED)
    held = house.alice.usage
    answer = await house.refused(DIALLED)
    assert (answer.status, answer.headers.get("Retry-After")) == (503, "5")
    house.alice.endpoint.hang_up(held or 0)
    await house.relayed(call)


async def test_what_no_route_and_no_number_is_for_is_not_found(relay: House) -> None:
    assert (await relay.refused("12345")).status == 404
    relay.alice.events.clear()
    assert (await relay.refused(f"9{DIALLED}")).status == 404, "the pattern is for the whole user part"
    assert relay.switch.counters()["inbound_refused_total"] == 2


async def test_the_log_tells_why_a_call_was_refused_before_it_was_one(
    open_house: Any, caplog: pytest.LogCaptureFixture
) -> None:
    house: House = await open_house(
        trunks=WEST + peer("east", BOB, more="max_calls = 1") + route(more='trunk = "west"')
    )
    house.bob.on_invite = rings()
    with caplog.at_level("INFO", "b2bua.switch.arrivals"):
        assert (await house.refused("07969002802")).status == 404
        house.alice.events.clear()
        call = await house.arrive(DIALLED)
        held = house.alice.usage
        assert (await house.refused(DIALLED)).status == 503
    unmatched, full = caplog.messages
    assert unmatched.startswith("trunk west: a call to '07******02' is refused with 404: no route matches that")
    assert full.startswith(f"trunk west: a call to '{redact_text(DIALLED)}' is refused with 503: ")
    assert "down or full" in full
    house.alice.endpoint.hang_up(held or 0)
    await house.relayed(call)


async def test_the_log_tells_of_many_refused_calls_once_a_second(
    relay: House, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "b2bua.switch.arrivals"):
        for wait_s in (0.0, 0.0, 0.0, 1.0):
            await relay.run(wait_s)
            relay.alice.events.clear()
            assert (await relay.refused("x" * 300)).status == 404
    first, then = caplog.messages
    assert first.startswith(f"trunk west: a call to '{'x' * 64}' is refused with 404: no route")
    assert "more" not in first
    assert then.endswith(" (2 more were, since the last one told)")


async def test_a_route_is_for_its_trunk_alone(open_house: Any) -> None:
    house: House = await open_house(trunks=RELAYED)
    answer = await house.refused(DIALLED, house.bob)
    assert answer.status == 404


async def test_an_organisation_that_does_not_exist(open_house: Any) -> None:
    house: House = await open_house(trunks=WEST + EAST + route(more='org = "nobody"'))
    assert (await house.refused(DIALLED)).status == 503
    assert house.bob.received == []


async def test_an_organisation_without_money(open_house: Any) -> None:
    house: House = await open_house(trunks=BILLED, paise=0)
    answer = await house.refused(DIALLED)
    assert (answer.status, answer.headers.get("Reason")) == (480, 'Q.850;cause=21;text="Call rejected"')
    assert house.bob.received == []


async def test_an_address_that_only_a_route_knows_is_heard_and_makes_no_calls(open_house: Any) -> None:
    """Its responses and requests in dialogs are those of the peer; a call of its own belongs to no trunk."""
    carrier = peer("east", BOB).replace(f"{BOB.sip.host}:{BOB.sip.port}", "203.0.113.99:5060")
    house: House = await open_house(trunks=WEST + carrier + route())
    house.bob.on_invite = answers(1.0)
    call = await house.arrive(DIALLED)
    await house.until(lambda: house.alice.is_connected)
    house.bob.hang_up()
    assert (await house.relayed(call)).hangup_party == "b"
    assert (await house.refused(DIALLED, house.bob)).status == 403


async def test_a_stranger_gets_silence(relay: House) -> None:
    relay.carrier.send(_invite_from_nowhere())
    await relay.run(5.0)
    assert relay.carrier.answers == []
    assert relay.bob.received == []


def _invite_from_nowhere() -> bytes:
    return request_from_peer("INVITE", uri=f"sip:{DIALLED}@{OURS.host}")


ELSEWHERE = WEST + peer("east", BOB).replace(f"{BOB.sip.host}:{BOB.sip.port}", "203.0.113.99:5060") + route()


async def test_an_address_of_a_route_that_asks_to_be_left_alone_is(open_house: Any) -> None:
    """RFC 3261 21.5.4, as where the address is the trunk's own; which says nothing of the trunk."""
    house: House = await open_house(trunks=ELSEWHERE)

    def overloaded(phone: Phone, event: IncomingInvite) -> None:
        phone.endpoint.respond(event.transaction, 503, headers=(("Retry-After", "120"),))

    house.bob.on_invite = overloaded
    await house.relayed(await house.arrive(DIALLED))
    house.alice.events.clear()
    assert (await house.refused(DIALLED)).headers.get("Retry-After") == "5"
    assert len(house.bob.invites) == 1
    assert house.trunk("east").up
    house.bob.on_invite = rejects(486)
    await house.run(120.0)
    await house.relayed(await house.arrive(DIALLED))
    assert len(house.bob.invites) == 2


@pytest.mark.parametrize("to", [f"{BOB.sip.host}:{BOB.sip.port}", "bob.example"])
async def test_that_a_trunk_is_down_says_nothing_of_where_else_its_profile_is_used(open_house: Any, to: str) -> None:
    east = peer("east", BOB).replace(f"{BOB.sip.host}:{BOB.sip.port}", "203.0.113.99:5060")
    again = "[[routes]]\nmatch = '1'\nto = 'sip:1@203.0.113.99:5060'\nvia = 'east'\n"
    asked = WEST + east.replace("interval_s = 0", "interval_s = 5") + route(to=f"sip:{{user}}@{to}") + again
    house: House = await open_house(trunks=asked)
    for host in house.trunks.route_hosts:
        house.trunks.resolved(host, (BOB.sip,))
    await house.until(lambda: not house.trunk("east").up)
    house.switch._probing.stop()
    house.bob.on_invite = rejects(486)
    await house.relayed(await house.arrive(DIALLED))
    assert house.alice.rejected.status == 486
    house.alice.events.clear()
    assert (await house.refused("1")).status == 503, "but of the trunk itself"


async def test_an_address_of_a_route_that_answers_no_call_is_left_alone_from_the_third_on(open_house: Any) -> None:
    other = "203.0.113.98"
    house: House = await open_house(trunks=ELSEWHERE + route(match="1", to=f"sip:1@{other}"))
    house.carrier_at(other).status = 0
    house.bob.raw = lambda message, source: None
    for times in (1, 2, 3, 4, 4):  # 45 s apart: after the third it is left alone for 30 s, then for 60
        house.alice.call(DIALLED, OURS)
        house.alice.call("1", OURS)
        await house.run(45.0)
        for invites in (house.bob.requests("INVITE"), house.carrier_at(other).invites):
            assert len({invite.call_id for invite in invites}) == times, "what is known of one takes nothing of another"


@pytest.mark.parametrize("more", ["", 'org = "org-1"'], ids=["nobody's", "an organisation's"])
async def test_the_last_ports_are_for_a_call_that_they_are_enough_for(open_house: Any, more: str) -> None:
    """The other leg of one that is being admitted is promised already, and takes no more than its own."""
    house: House = await open_house(
        trunks=WEST + EAST + route(more=more), media='ports = "30000-30007"\nport_rest_s = 0'
    )
    house.bob.on_invite = rejects(486)
    for _ in range(2):
        house.alice.call(DIALLED, OURS)
    await house.run(2.0)
    assert house.alice.statuses() == [486, 486]
    assert len(house.bob.invites) == 2


async def test_an_organisation_at_its_limit_is_busy_for_calls_by_its_route_too(open_house: Any) -> None:
    house: House = await open_house(trunks=BILLED)

    def limit(unit: UnitOfWork) -> None:
        organisation = unit.accounts.organisation(ORG)
        unit.accounts.change_organisation(replace(organisation, max_concurrent_calls=1))

    await house.store.run(limit)
    house.bob.on_invite = rings()
    call = await house.arrive(DIALLED)
    answer = await house.refused(DIALLED)
    assert (answer.status, answer.headers.get("Retry-After")) == (486, None)
    assert len(house.bob.invites) == 1
    await house.switch.hang_up(ORG, call.call_id)
    await house.ended(call)
