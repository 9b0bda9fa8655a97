"""Calls that arrive and go on by a route: who is shown, what is passed on, and that nothing of it needs the store."""

from typing import Any

import pytest

from tests.support.house import House
from tests.support.routes import DIALLED, RELAYED, SHOWN
from tests.support.scripted_phone import BOB, answers


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
