"""A trunk whose name leads to several registrars: where our binding and calls go, and when it is made elsewhere."""

import pytest

from b2bua.sip.location import Choice
from tests.support.house import CARRIER
from tests.support.registrar import TRUNK, OpenWith, granted, registrar, silent, state, status
from tests.support.scripted_phone import answers


@pytest.mark.parametrize("code", [408, 500, 502, 504])
async def test_a_failure_that_is_the_server_s_own_is_no_word_of_the_next_one_s(house_with: OpenWith, code: int) -> None:
    """A proxy that lives answers so for a registrar behind it that is dead. Calls go on to the next as well."""
    house = await house_with(registrar(granted, status(code)))
    other = house.carrier_at("203.0.113.2")
    other.on_register = granted
    house.trunks.resolved(house.trunk(), [CARRIER, other.address])
    await house.run(90.0)
    assert state(house) == (True, "registered for 60 s")
    assert (len(house.carrier.registers), len(other.registers)) == (2, 3)


async def test_where_all_servers_fail_they_are_tried_again_after_a_while(house_with: OpenWith) -> None:
    house = await house_with(status(500, "Retry-After: 100"))
    other = house.carrier_at("203.0.113.2")
    other.on_register = status(504)
    house.trunks.resolved(house.trunk(), [CARRIER, other.address])
    await house.run(29.0)
    assert (len(house.carrier.registers), len(other.registers)) == (1, 1)
    assert state(house) == (False, "registration answered 504")
    await house.run(69.0)
    assert len(house.carrier.registers) == 1
    assert len(other.registers) == 2
    other.on_register = status(403)
    house.carrier.on_register = granted
    await house.run(60.0)
    assert state(house) == (True, "registered for 60 s")


async def test_calls_go_to_the_registrar_that_has_our_binding(house_with: OpenWith) -> None:
    """The servers of a name may not share what is bound, and such a one refuses the calls of who is unknown to it: they
    go the way of the REGISTER (as over a flow of RFC 5626), whatever the order of the name is."""
    house = await house_with(silent)
    other = house.carrier_at("203.0.113.2")
    other.on_register = lambda one: granted(one, 3600)
    equals = (Choice(1, (CARRIER,)), Choice(1, (other.address,)))
    house.trunks.resolved(house.trunk(), [CARRIER, other.address], choices=(equals,))
    await house.run(33.0)
    assert state(house)[0]
    house.carrier.status = 403
    house.alice.on_invite = house.bob.on_invite = answers(1.0)
    for _ in range(4):
        assert (await house.ended(await house.place(max_duration_s=10))).status == "completed"
    assert house.carrier.invites == []


async def test_calls_go_elsewhere_where_the_registrar_that_has_our_binding_does_not_answer(
    house_with: OpenWith,
) -> None:
    house = await house_with(silent)
    other = house.carrier_at("203.0.113.2")
    other.on_register = lambda one: granted(one, 3600)
    house.trunks.resolved(house.trunk(), [CARRIER, other.address])
    await house.run(33.0)
    other.status = 0
    house.alice.on_invite = house.bob.on_invite = answers(1.0)
    assert (await house.ended(await house.place(max_duration_s=10))).status == "completed"
    assert len(house.carrier.invites) == len(other.invites) == 2


async def test_the_options_that_are_told_are_of_the_registrar_that_gets_the_calls(house_with: OpenWith) -> None:
    house = await house_with(silent, trunk=TRUNK.replace("options_interval_s = 0", "options_interval_s = 5"))
    other = house.carrier_at("203.0.113.2")
    other.on_register, other.options_status = granted, 405
    house.trunks.resolved(house.trunk(), [CARRIER, other.address])
    await house.run(45.0)
    [told] = house.switch.trunk_states()
    assert (told.up, told.last_options_status) == (True, 405)


async def test_where_the_binding_is_gone_calls_go_by_the_order_of_the_name(house_with: OpenWith) -> None:
    house = await house_with(silent)
    other = house.carrier_at("203.0.113.2")
    other.on_register = registrar(lambda one: granted(one, 3600), status(403))
    house.trunks.resolved(house.trunk(), [CARRIER, other.address])
    await house.run(33.0)
    assert house.trunks.order_for_a_call(house.trunk()) == (other.address, CARRIER)
    await house.run(3400.0)
    assert state(house) == (False, "registration refused 403")
    assert house.trunks.order_for_a_call(house.trunk()) == (CARRIER, other.address)


@pytest.mark.parametrize("deaf", [None, 503])
async def test_a_binding_at_a_registrar_that_falls_silent_is_made_elsewhere_at_once(
    house_with: OpenWith, deaf: int | None
) -> None:
    """The carrier's calls would not reach us until the refresh, most of an hour (RFC 5626 4.4: the flow has failed)."""
    house = await house_with(
        lambda one: granted(one, 3600), trunk=TRUNK.replace("options_interval_s = 0", "options_interval_s = 5")
    )
    other = house.carrier_at("203.0.113.2")
    other.on_register = lambda one: granted(one, 3600)
    house.trunks.resolved(house.trunk(), [CARRIER, other.address])
    await house.run(20.0)
    assert other.registers == []
    house.carrier.options_status, house.carrier.on_register = deaf, silent
    await house.run(45.0)
    assert len(other.registers) == 1
    assert len(house.carrier.registers) == 1, "who is known to be silent is not asked first"
    assert state(house)[0]
    assert house.trunk().registration == "registered for 3600 s"
    await house.run(600.0)
    assert len(other.registers) == 1


async def test_a_registrar_that_answers_no_calls_any_more_is_left_for_another(house_with: OpenWith) -> None:
    house = await house_with(registrar(lambda one: granted(one, 3600), silent))
    other = house.carrier_at("203.0.113.2")
    other.on_register = lambda one: granted(one, 3600)
    house.trunks.resolved(house.trunk(), [CARRIER, other.address])
    await house.run(1.0)
    house.carrier.status = 0
    house.alice.on_invite = house.bob.on_invite = answers(1.0)
    for _ in range(2):
        assert (await house.ended(await house.place(max_duration_s=10))).status == "completed"
    await house.run(2.0)
    assert (len(house.carrier.registers), len(other.registers)) == (1, 1)
    assert house.trunks.order_for_a_call(house.trunk()) == (other.address, CARRIER)


async def test_a_binding_stays_where_it_is_while_nobody_else_answers(house_with: OpenWith) -> None:
    house = await house_with(
        lambda one: granted(one, 3600), trunk=TRUNK.replace("options_interval_s = 0", "options_interval_s = 5")
    )
    other = house.carrier_at("203.0.113.2")
    house.trunks.resolved(house.trunk(), [CARRIER, other.address])
    house.carrier.options_status = other.options_status = None
    await house.run(300.0)
    assert other.registers == []
    assert len(house.carrier.registers) <= 2, "nor is it asked all the time"


async def test_a_binding_moves_with_the_name_of_the_trunk(house_with: OpenWith) -> None:
    """A server that is taken out of its name goes away: calls to us must not wait for the refresh, nor ours go where
    nobody knows us."""
    house = await house_with(lambda one: granted(one, 3600))
    other = house.carrier_at("203.0.113.2")
    other.on_register = lambda one: granted(one, 3600)
    house.trunks.resolved(house.trunk(), [CARRIER])
    await house.run(60.0)
    house.trunks.resolved(house.trunk(), [other.address])
    assert state(house) == (True, "registered, but its name leads elsewhere")
    await house.run(2.0)
    assert state(house) == (True, "registered for 3600 s")
    assert (len(house.carrier.registers), len(other.registers)) == (1, 1)
    house.trunks.resolved(house.trunk(), [CARRIER, other.address])
    await house.run(60.0)
    assert (len(house.carrier.registers), len(other.registers)) == (1, 1)


async def test_a_registrar_that_the_name_has_moved_to_does_not_wait_for_the_failures_of_the_last(
    house_with: OpenWith,
) -> None:
    house = await house_with(silent)
    house.trunks.resolved(house.trunk(), [CARRIER])
    await house.run(2000.0)
    assert not state(house)[0]
    other = house.carrier_at("203.0.113.2")
    other.on_register = granted
    house.trunks.resolved(house.trunk(), [other.address])
    await house.run(33.0)  # a REGISTER to the last may be open: nothing is sent meanwhile (RFC 3261 10.2)
    assert state(house) == (True, "registered for 60 s")


async def test_a_refusal_is_no_reason_to_ask_at_each_look_at_a_name(house_with: OpenWith) -> None:
    house = await house_with(status(403))
    other = house.carrier_at("203.0.113.2")
    other.on_register = status(403)
    for _ in range(60):
        house.trunks.resolved(house.trunk(), [CARRIER])
        await house.run(5.0)
        house.trunks.resolved(house.trunk(), [other.address])
        await house.run(5.0)
    assert len({one.cseq.number for one in (*house.carrier.registers, *other.registers)}) <= 8


async def test_a_name_that_leads_to_others_at_each_look_makes_no_flood(house_with: OpenWith) -> None:
    house = await house_with(lambda one: granted(one, 3600))
    other = house.carrier_at("203.0.113.2")
    other.on_register = lambda one: granted(one, 3600)
    for _ in range(60):
        house.trunks.resolved(house.trunk(), [CARRIER])
        await house.run(5.0)
        house.trunks.resolved(house.trunk(), [other.address])
        await house.run(5.0)
    assert len(house.carrier.registers) + len(other.registers) <= 15
    assert state(house)[0]


async def test_a_binding_is_taken_back_where_it_is_though_others_answer(house_with: OpenWith) -> None:
    """Who refuses OPTIONS may be about to go, and still sends us calls."""
    house = await house_with(
        lambda one: granted(one, 3600), trunk=TRUNK.replace("options_interval_s = 0", "options_interval_s = 5")
    )
    other = house.carrier_at("203.0.113.2")
    house.trunks.resolved(house.trunk(), [CARRIER, other.address])
    await house.run(2.0)
    house.carrier.options_status = 503
    await house.until(lambda: state(house)[1].startswith("registered, but"))
    house.switch.unregister(lambda: None)
    await house.run(10.0)
    assert [one.headers.get("Expires") for one in house.carrier.registers] == ["3600", "0"]
    assert other.registers == []
