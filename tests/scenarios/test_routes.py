"""Calls that arrive and go on by a route: who is shown, what is passed on, and that nothing of it needs the store."""

from typing import Any

import pytest

from b2bua.sip.events import Provisional
from tests.support.house import House
from tests.support.routes import DIALLED, EAST, RELAYED, SHOWN, WEST, peer, route
from tests.support.scripted_phone import BOB, answers, rings


async def test_a_call_is_relayed_from_the_first_ring_to_the_bye(open_house: Any) -> None:
    house: House = await open_house(trunks=RELAYED)
    house.bob.on_invite = answers(3.0)
    call = await house.arrive(DIALLED)
    await house.until(lambda: house.alice.is_connected)
    house.alice.speak()
    house.bob.speak()
    await house.run(10.0)
    assert house.state(call) == "bridged"
    assert len(house.alice.heard()) > 20
    assert len(house.bob.heard()) > 20
    house.alice.hang_up()
    end = await house.relayed(call)
    assert (end.status, end.hangup_cause, end.hangup_party) == ("completed", "normal", "a")
    assert house.alice.statuses() == [180, 200]
    assert house.bob.methods() == ["INVITE", "ACK", "BYE"]
    assert house.bob.was_hung_up
    invite = house.bob.invite
    assert invite is not None
    assert invite.request_uri == f"sip:{DIALLED}@{BOB.sip.host}:{BOB.sip.port}"
    assert invite.from_.uri.user == f"+{SHOWN}"
    assert house.recorder.paths == {}


async def test_a_relayed_call_never_touches_the_store(open_house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    house: House = await open_house(trunks=RELAYED)
    house.switch._heartbeat.clear()
    await house.run(1.0)

    def touched(*_arguments: object) -> None:
        raise AssertionError("the store was touched")

    with monkeypatch.context() as patched:
        for name in ("run", "read"):
            patched.setattr(house.store, name, touched)
        patched.setattr(house.journal, "add", touched)
        house.bob.on_invite = answers(1.0)
        await house.arrive(DIALLED)
        await house.run(120.0)
        house.bob.hang_up()
        await house.run(1.0)
        assert house.switch.live_calls() == 0


async def test_a_call_that_waits_for_its_turn_goes_to_the_route_s_own_destination(open_house: Any) -> None:
    """The destination is none of the trunk's: that it had to wait for the call rate is no reason to give it up."""
    east = peer("east", BOB, more="cps = 1").replace(f"{BOB.sip.host}:{BOB.sip.port}", "203.0.113.99:5060")
    house: House = await open_house(trunks=WEST + east + route())
    house.bob.on_invite = rings()
    calls = [await house.arrive(DIALLED), await house.arrive(DIALLED)]
    assert len(house.bob.invites) == 1
    await house.run(1.5)
    assert len(house.bob.invites) == 2
    for usage in [event.usage for event in house.alice.events if isinstance(event, Provisional)]:
        house.alice.endpoint.hang_up(usage)
    for call in calls:
        await house.relayed(call)


@pytest.mark.parametrize("uri", ["sip:192.0.2.1", "sip:;x@192.0.2.1"])
async def test_where_nothing_was_dialled_a_route_has_nobody_to_call(open_house: Any, uri: str) -> None:
    house: House = await open_house(trunks=WEST + EAST + route(match=".*", more='org = "org-1"'))
    told = await house.refused("", request_uri=uri, to_uri="sip:192.0.2.1")
    assert (told.status, told.headers.get("Reason")) == (404, 'Q.850;cause=1;text="Unallocated number"')
    assert not house.bob.received
    assert not [line for line in house.log.lines if line.startswith("ERROR")]


async def test_a_route_to_one_user_needs_nothing_dialled(open_house: Any) -> None:
    at = f"{BOB.sip.host}:{BOB.sip.port}"
    house: House = await open_house(trunks=WEST + EAST + route(match=".*", to=f"sip:desk@{at}"))
    house.bob.on_invite = rings()
    call = await house.arrive("", request_uri="sip:192.0.2.1", to_uri="sip:192.0.2.1")
    house.alice.hang_up()
    await house.relayed(call)
    assert [invite.request_uri for invite in house.bob.invites] == [f"sip:desk@{at}"]
