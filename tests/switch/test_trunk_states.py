"""What is said of a trunk's state, and whether it may be called, over all that the two depend on."""

from itertools import product

import pytest

from b2bua.sip.routing import TransportAddress
from b2bua.switch.health import ASKED_TO_BE_LEFT_ALONE
from b2bua.switch.trunk import Trunk
from b2bua.switch.trunks import Trunks
from tests.support.configurations import config_of
from tests.support.manual_clock import ManualClock

ADDRESS = TransportAddress("udp", "192.0.2.1", 5060)
PROBED, REGISTRATION = "OPTIONS answered 200", "registered until noon"


def trunk_of(options_interval_s: int, clock: ManualClock) -> tuple[Trunks, Trunk]:
    text = f'[[trunks]]\nname = "t"\nuri = "sip:192.0.2.1"\noptions_interval_s = {options_interval_s}\n'
    trunks = Trunks(config_of(text).trunks, clock)
    (trunk,) = trunks
    return trunks, trunk


@pytest.mark.parametrize(
    ("registered", "up", "probes", "left_alone"),
    list(product([None, False, True], [False, True], [0, 60], [False, True])),
)
def test_what_stands_in_the_way_is_what_is_said(
    registered: bool | None, up: bool, probes: int, left_alone: bool
) -> None:
    clock = ManualClock()
    trunks, trunk = trunk_of(probes, clock)
    trunk.registered, trunk.registration, trunk.up, trunk.reason = registered, REGISTRATION, up, PROBED
    if left_alone:
        trunks.held_off(trunk, 30)
    [state] = trunks.states()
    assert state.up == (up and registered is not False and not left_alone)
    if left_alone:
        assert state.reason == ASKED_TO_BE_LEFT_ALONE
    elif registered is None or (registered and not up):
        assert state.reason == PROBED, "its OPTIONS say it"
    elif not registered or not probes:
        assert state.reason == REGISTRATION, "nothing else matters, or nothing else is known"
    else:
        assert state.reason == f"{REGISTRATION}, {PROBED}"
    clock.advance(30)
    [state] = trunks.states()
    assert state.up == (up and registered is not False), "to the second"
    assert state.reason != ASKED_TO_BE_LEFT_ALONE


def test_a_trunk_whose_destinations_are_not_known_yet_has_a_state() -> None:
    trunks, trunk = trunk_of(60, ManualClock())
    trunk.destinations = ()
    [state] = trunks.states()
    assert (state.up, state.reason) == (False, "not probed yet")


def test_of_several_destinations_that_are_closed_the_next_to_open_says_why() -> None:
    clock = ManualClock()
    trunks, trunk = trunk_of(60, clock)
    other = ADDRESS._replace(host="192.0.2.2")
    trunks.resolved(trunk, [ADDRESS, other])
    trunks.unavailable(trunk, ADDRESS, 10)
    for _ in range(3):
        trunks.unanswered(trunk, other, "timeout")
    assert trunks.states()[0].reason == ASKED_TO_BE_LEFT_ALONE
    trunks.unavailable(trunk, ADDRESS, 120)
    assert trunks.states()[0].reason == "calls unanswered"


def test_a_destination_is_down_with_its_second_silence_not_with_its_first() -> None:
    trunks, trunk = trunk_of(60, ManualClock())
    other = ADDRESS._replace(host="192.0.2.2")
    trunks.resolved(trunk, [ADDRESS, other])
    trunks.probe_failed(trunk, "timeout", other)
    assert trunks.states()[0].reason == "not probed yet"
    trunks.probe_failed(trunk, "timeout", other)
    assert trunks.states()[0].reason.startswith("1 of 2 destinations down: OPTIONS unanswered")
