"""A trunk that answers 503 with Retry-After is left alone so long."""

from typing import Any

import pytest

from b2bua.call.errors import CapacityExhausted
from b2bua.sip.events import IncomingInvite
from tests.support.house import House
from tests.support.scripted_phone import Phone, answers


def overloaded(retry_after: str | None) -> Any:
    def answer(phone: Phone, event: IncomingInvite) -> None:
        headers = () if retry_after is None else (("Retry-After", retry_after),)
        phone.endpoint.respond(event.transaction, 503, headers=headers)

    return answer


@pytest.mark.parametrize(("retry_after", "held_s"), [("20", 20), ("20 (so sorry);duration=5", 20), ("99999", 300)])
async def test_it_is_asked_again_when_it_said(house: House, retry_after: str, held_s: int) -> None:
    house.alice.on_invite = overloaded(retry_after)
    call = await house.place()
    assert (await house.over(call)).hangup_cause == "network_error"
    await house.run(min(held_s, 200) - 1)
    with pytest.raises(CapacityExhausted):
        await house.place()
    house.alice.on_invite = house.bob.on_invite = answers(1.0)
    await house.run(max(2, held_s - 198))
    assert await house.bridged()
    house.bob.hang_up()


@pytest.mark.parametrize("retry_after", [None, "soon", "0"])
async def test_without_a_time_it_is_asked_at_once(house: House, retry_after: str | None) -> None:
    house.alice.on_invite = overloaded(retry_after)
    call = await house.place()
    assert (await house.ended(call)).hangup_cause == "network_error"
    house.alice.on_invite = house.bob.on_invite = answers(1.0)
    assert await house.bridged()
    house.bob.hang_up()
