"""Hard case 14: a leg behind NAT whose SDP moves, while packets from where it was before are still on their way."""

from typing import Any

import pytest

from media.packet_path.gate import LATCH_WINDOW_S, LEFT_S
from tests.support.relay_bed import Party, RelayBed
from tests.support.srtp_party import SecureParty, secure_party

pytestmark = pytest.mark.usefixtures("each_table")

BEFORE, AFTER = ("203.0.113.9", 62000), ("203.0.113.9", 62010)


def latched() -> tuple[RelayBed, Party, Party]:
    """A bridged leg that has shown its address."""
    bed = RelayBed()
    a, b = bed.party("a", nat=True), bed.party("b")
    bed.table.bridge(a.stream, b.stream, bed.now)
    assert taken(a, b, BEFORE)
    return bed, a, b


def taken(party: Party, other: Party, source: tuple[str, int]) -> bool:
    party.send(source=source)
    return len(other.heard()) == 1


def wait(bed: RelayBed, other: Party, seconds: float) -> None:
    bed.run(seconds)
    other.heard()


def test_what_is_still_on_its_way_from_before_is_not_latched() -> None:
    """The peer sends from its old port until it has our answer."""
    bed, a, b = latched()
    bed.connect(a, renewed=True)
    for _ in range(10):
        assert not taken(a, b, BEFORE)
        wait(bed, b, 0.02)
    assert (a.wire.target, a.wire.exclusive) == (a.address, False)
    assert taken(a, b, AFTER)
    assert (a.wire.target, a.wire.exclusive) == (AFTER, True)
    assert not taken(a, b, BEFORE)


@pytest.mark.parametrize(("after_s", "is_taken"), [(LEFT_S - 0.1, False), (LEFT_S + 0.1, True)])
def test_who_sends_from_there_all_the_same_is_taken_after_a_while(after_s: float, is_taken: bool) -> None:
    bed, a, b = latched()
    bed.connect(a, renewed=True)
    wait(bed, b, after_s)
    assert taken(a, b, BEFORE) == is_taken
    wait(bed, b, LEFT_S)
    assert taken(a, b, BEFORE)
    assert (a.wire.target, a.wire.exclusive) == (BEFORE, False)
    wait(bed, b, LATCH_WINDOW_S)
    assert taken(a, b, BEFORE)
    assert (a.wire.target, a.wire.exclusive) == (BEFORE, True)
    assert not taken(a, b, AFTER)


def test_it_gives_way_to_where_the_sdp_meant() -> None:
    """Our answer was lost, and sent again."""
    bed, a, b = latched()
    bed.connect(a, renewed=True)
    wait(bed, b, 2 * LEFT_S)
    assert taken(a, b, BEFORE)
    assert taken(a, b, BEFORE)
    assert taken(a, b, AFTER)
    assert (a.wire.target, a.wire.exclusive) == (AFTER, True)
    assert not taken(a, b, BEFORE)


def test_where_the_sdp_meant_is_taken_outside_the_declared_networks_too() -> None:
    """As it is where nothing comes from where the leg was before."""
    bed = RelayBed()
    a, b = bed.party("a", nat=True, networks=((4, 0xCB007100, 0xCB0071FF),)), bed.party("b")
    bed.table.bridge(a.stream, b.stream, bed.now)
    assert taken(a, b, BEFORE)
    a.address = ("198.51.100.7", 4010)
    bed.connect(a, renewed=True)
    wait(bed, b, LEFT_S + 0.1)
    assert taken(a, b, BEFORE)
    assert not taken(a, b, ("198.51.100.7", 4012))
    assert taken(a, b, a.address)
    assert (a.wire.target, a.wire.exclusive) == (a.address, True)


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "secured"])
def test_where_it_was_outside_the_declared_networks_is_taken_after_a_while_too(secured: bool) -> None:
    bed = RelayBed()
    of_a: dict[str, Any] = {"nat": True, "networks": ((4, 0xCB007100, 0xCB0071FF),)}
    a = secure_party(bed, "a", **of_a) if secured else bed.party("a", **of_a)
    b = bed.party("b")
    bed.table.bridge(a.stream, b.stream, bed.now)
    before = a.address
    assert taken(a, b, before)
    a.address = ("198.51.100.7", 4010)
    if isinstance(a, SecureParty):
        a.connect(renewed=True)
    else:
        bed.connect(a, renewed=True)
    assert not taken(a, b, before)
    wait(bed, b, LEFT_S + 0.1)
    assert taken(a, b, before)
    assert (a.wire.target, a.wire.exclusive) == (before, False)
    assert taken(a, b, a.address)
    assert (a.wire.target, a.wire.exclusive) == (a.address, True)


def test_an_sdp_that_names_where_it_was_heard_from_is_believed_at_once() -> None:
    bed, a, b = latched()
    a.address = BEFORE
    bed.connect(a, renewed=True)
    assert taken(a, b, BEFORE)
    assert not taken(a, b, AFTER)


def test_the_sdps_address_that_was_all_that_was_left_is_left_too() -> None:
    bed = RelayBed()
    a, b = bed.party("a", nat=True), bed.party("b")
    bed.table.bridge(a.stream, b.stream, bed.now)
    wait(bed, b, LATCH_WINDOW_S + 0.1)
    before = a.address
    assert taken(a, b, before)
    a.address = ("192.0.2.77", 4010)
    bed.connect(a, renewed=True)
    assert not taken(a, b, before)
    assert taken(a, b, AFTER)


def test_an_address_that_nothing_has_come_from_yet_is_left_as_well() -> None:
    bed = RelayBed()
    a, b = bed.party("a", nat=True), bed.party("b")
    bed.table.bridge(a.stream, b.stream, bed.now)
    before, a.address = a.address, ("192.0.2.77", 4010)
    bed.connect(a, renewed=True)
    assert not taken(a, b, before)
    assert taken(a, b, a.address)


def test_a_second_move_at_once_leaves_both_behind() -> None:
    bed, a, b = latched()
    bed.connect(a, renewed=True)
    assert not taken(a, b, BEFORE)
    bed.connect(a, renewed=True)
    assert not taken(a, b, BEFORE)
    assert taken(a, b, AFTER)


def test_whose_sdp_comes_from_elsewhere_with_the_same_address_is_learnt_anew() -> None:
    """Its NAT began anew, of which a phone with a private address in its SDP knows nothing."""
    bed, a, b = latched()
    bed.connect(a, renewed=False, elsewhere=True)
    assert (a.wire.target, a.wire.exclusive) == (BEFORE, False)
    assert taken(a, b, AFTER)
    assert (a.wire.target, a.wire.exclusive) == (AFTER, True)
    assert not taken(a, b, BEFORE)


def test_whose_signalling_alone_comes_from_elsewhere_is_heard_on_and_nobody_takes_its_place() -> None:
    bed, a, b = latched()
    bed.connect(a, renewed=False, elsewhere=True)
    assert taken(a, b, BEFORE)
    assert (a.wire.target, a.wire.exclusive) == (BEFORE, True)
    assert not taken(a, b, AFTER)


def test_who_is_silent_hears_on_where_it_was_though_its_sdp_comes_from_elsewhere() -> None:
    bed, a, b = latched()
    bed.connect(a, renewed=False, elsewhere=True)
    wait(bed, b, LATCH_WINDOW_S + 0.1)
    assert a.wire.target == BEFORE
    assert not taken(a, b, AFTER)
    assert taken(a, b, BEFORE)
    assert (a.wire.target, a.wire.exclusive) == (BEFORE, True)
