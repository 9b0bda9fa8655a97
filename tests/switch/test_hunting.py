"""The places that one leg's attempts hold on trunks: never two at once, none when it is over."""

import pytest

from b2bua.call.failover import Onward
from b2bua.sip.location import Choice, Choices, drawn
from b2bua.sip.routing import TransportAddress
from b2bua.switch.hunting import MOST_ATTEMPTS, Attempt, Hunt
from b2bua.switch.redirection import Redirection
from b2bua.switch.trunk import Trunk
from b2bua.switch.trunks import Trunks
from tests.support.configurations import config_of
from tests.support.manual_clock import ManualClock
from tests.support.seeded_tokens import SeededTokens

MASKED = "917969002802"
STEPS = (Onward.NEXT, Onward.NEXT, Onward.NEXT_TRUNK)


def some_trunks(clock: ManualClock, chance: SeededTokens) -> Trunks:
    """Up to five trunks of up to four destinations, some with caps, some not fit for the number."""
    text = ""
    for at in range(1 + chance.integer(2)):
        number = MASKED if chance.integer(2) else "917969002803"
        text += f'[[trunks]]\nname = "t{at}"\nuri = "sip:192.0.2.{at + 1}"\nnumbers = ["{number if at else MASKED}"]\n'
        text += f"max_calls = {(0, 0, 2, 3)[chance.integer(2)]}\ncps = {(0, 2)[chance.integer(1)]}\n"
        text += f"priority = {chance.integer(1)}\n"
    trunks = Trunks(config_of(text).trunks, clock)
    for at, trunk in enumerate(trunks):
        count = 1 + chance.integer(2)
        trunks.resolved(trunk, [TransportAddress("udp", f"192.0.{at + 2}.{n}", 5060) for n in range(count)])
    return trunks


@pytest.mark.parametrize("seed", range(60))
def test_places_are_counted_exactly_whatever_happens(seed: int) -> None:
    clock, chance = ManualClock(), SeededTokens(f"hunt {seed}")
    trunks = some_trunks(clock, chance)
    first = next(iter(trunks))
    booked = bool(chance.integer(1))
    first.promise(legs=1, calls=int(booked))
    hunt = Hunt(trunks, first, MASKED if chance.integer(2) else None, clock.monotonic, booked=booked)
    made: list[tuple[str, TransportAddress]] = []
    while chance.integer(4):
        attempt = hunt.next(STEPS[chance.integer(1)] if made else Onward.NEXT)
        held = [(trunk.live_calls, trunk.promised) for trunk in trunks]
        if attempt is None:
            assert sum(live + promised for live, promised in held) == 0
            break
        assert sum(live for live, _promised in held) == 1
        assert sum(promised for _live, promised in held) == 0
        assert (attempt.trunk.live_calls, hunt.trunk) == (1, attempt.trunk)
        assert MASKED in attempt.trunk.config.numbers
        made.append((attempt.trunk.name, attempt.destination))
        happens = chance.integer(2)
        if happens == 0:
            trunks.unavailable(attempt.trunk, attempt.destination, None)
        elif happens == 1:
            trunks.unavailable(attempt.trunk, attempt.destination, 30)
        elif happens == 2:
            attempt.trunk.up = False
    hunt.give_up()
    hunt.give_up()
    assert len(made) == len(set(made)) <= MOST_ATTEMPTS, "nothing is tried twice"
    assert [(t.live_calls, t.promised, t.rate.booked) for t in trunks] == [(0, 0, 0)] * len(trunks)


def test_what_two_redirections_name_is_called_once() -> None:
    trunks = Trunks(config_of('[[trunks]]\nname = "t"\nuri = "sip:192.0.2.1"\n').trunks, ManualClock())
    (trunk,) = trunks
    trunk.promise(legs=1)
    hunt = Hunt(trunks, trunk, None, ManualClock().monotonic, booked=True)
    x, y, z = (Redirection(f"sip:{user}@192.0.2.1", None) for user in "xyz")
    assert hunt.next() is not None
    assert hunt.redirect("sip:first@192.0.2.1", [x, y])
    called = [hunt.next()]
    assert hunt.redirect(x.request_uri, [y, z])
    called += [hunt.next(), hunt.next()]
    assert [each.request_uri for each in called if each is not None] == [x.request_uri, z.request_uri, y.request_uri]
    assert hunt.next() is None
    hunt.give_up()


def test_who_is_expected_where_a_redirection_leads_is_the_trunk() -> None:
    text = '[[trunks]]\nname = "t"\nuri = "sips:192.0.2.1"\ndomain = "t.example"\n'
    trunks = Trunks(config_of(text).trunks, ManualClock())
    (trunk,) = trunks
    trunk.promise(legs=1)
    hunt = Hunt(trunks, trunk, None, ManualClock().monotonic, booked=True)
    there = TransportAddress("tls", "192.0.2.1", 5071)
    assert hunt.next() == Attempt(trunk, trunk.destinations[0])
    assert hunt.redirect("sip:x@192.0.2.1", [Redirection("sip:y@192.0.2.1:5071", there)])
    assert hunt.next() == Attempt(trunk, there._replace(expected="t.example"), "sip:y@192.0.2.1:5071")
    hunt.give_up()


def test_a_redirection_to_where_a_host_of_a_route_leads_has_tried_that() -> None:
    """It is one place with who is expected there, whose Retry-After counts for later calls as well."""
    config = config_of(
        '[[trunks]]\nname = "t"\nuri = "sips:192.0.2.1"\naddresses = ["192.0.2.0/24"]\n'
        '[[routes]]\nmatch = ".*"\nto = "sip:{user}@h.example"\nvia = "t"\n'
    )
    trunks = Trunks(config.trunks, ManualClock(), config.routes)
    (trunk,), (host,) = trunks, trunks.route_hosts
    places = [TransportAddress("tls", f"192.0.2.{last}", 5061) for last in (7, 8)]
    trunks.resolved(host, places)
    trunk.promise(legs=1)
    hunt = Hunt(trunks, trunk, None, ManualClock().monotonic, booked=True, only=host)
    there, also = host.destinations
    assert hunt.next() == Attempt(trunk, there)
    assert hunt.redirect("sip:x@h.example", [Redirection("sip:y@192.0.2.8", places[1])])
    assert hunt.next() == Attempt(trunk, also, "sip:y@192.0.2.8")
    assert hunt.next() is None


def test_what_was_promised_and_went_down_is_left_for_one_that_is_up() -> None:
    clock = ManualClock()
    text = "".join(f'[[trunks]]\nname = "t{at}"\nuri = "sip:192.0.2.{at}"\nnumbers = ["{MASKED}"]\n' for at in (1, 2))
    trunks = Trunks(config_of(text).trunks, clock)
    first, second = trunks
    first.promise(legs=1, calls=0)
    first.up = False
    hunt = Hunt(trunks, first, MASKED, clock.monotonic, booked=False)
    attempt = hunt.next()
    assert attempt is not None
    assert attempt.trunk is second
    assert (first.promised, second.live_calls) == (0, 1)
    first.up = True
    further = hunt.next()
    assert further is not None
    assert further.trunk is first, "which has not been tried"
    hunt.give_up()


def test_a_promised_trunk_that_is_down_is_tried_where_there_is_no_other() -> None:
    clock = ManualClock()
    trunks = Trunks(config_of(f'[[trunks]]\nname = "t"\nuri = "sip:192.0.2.1"\nnumbers = ["{MASKED}"]').trunks, clock)
    (trunk,) = trunks
    trunk.promise(legs=1, calls=0)
    trunk.up = False
    hunt = Hunt(trunks, trunk, MASKED, clock.monotonic, booked=False)
    assert hunt.next() is not None
    assert hunt.next() is None
    assert (trunk.live_calls, trunk.promised) == (0, 0)


def udp(host: str) -> TransportAddress:
    return TransportAddress("udp", host, 5060)


EAST, WEST, THIRD, SPARE = udp("192.0.2.1"), udp("192.0.2.2"), udp("192.0.2.3"), udp("192.0.2.9")
TWO_AND_A_SPARE = ((Choice(1, (EAST,)), Choice(1, (WEST, THIRD))), (Choice(1, (SPARE,)),))


def spread_trunk(clock: ManualClock, choices: Choices = TWO_AND_A_SPARE) -> tuple[Trunks, Trunk]:
    """A trunk whose name leads to several hosts."""
    text = '[[trunks]]\nname = "t"\nuri = "sip:h.example"\n'
    trunks = Trunks(config_of(text).trunks, clock, tokens=SeededTokens("spread"))
    (trunk,) = trunks
    trunks.resolved(trunk, drawn(choices, SeededTokens()), choices=choices)
    return trunks, trunk


def attempts_of_a_call(trunks: Trunks, trunk: Trunk, clock: ManualClock) -> list[TransportAddress]:
    """Where a call that is answered nowhere is sent, in order."""
    trunk.promise(legs=1)
    hunt = Hunt(trunks, trunk, None, clock.monotonic, booked=True)
    made: list[TransportAddress] = []
    while (attempt := hunt.next()) is not None:
        made.append(attempt.destination)
    return made


def test_calls_are_spread_by_weight_over_the_hosts_of_a_priority() -> None:
    trunks, trunk = spread_trunk(clock := ManualClock())
    calls = [attempts_of_a_call(trunks, trunk, clock) for _ in range(200)]
    assert all(sorted(call) == sorted({EAST, WEST, THIRD, SPARE}) for call in calls), "each once"
    assert all(call[3] == SPARE for call in calls), "of the next priority"
    assert {tuple(call[:3]) for call in calls} == {(EAST, WEST, THIRD), (WEST, THIRD, EAST)}
    assert 70 < sum(call[0] == EAST for call in calls) < 130


def test_a_host_that_is_closed_is_passed_over_by_every_drawing() -> None:
    trunks, trunk = spread_trunk(clock := ManualClock())
    trunks.unavailable(trunk, EAST, 30)
    trunks.unavailable(trunk, WEST, None)
    for _ in range(20):
        assert attempts_of_a_call(trunks, trunk, clock) == [THIRD, SPARE, WEST], "who has just said 503 comes last"


def test_where_a_call_has_been_is_not_tried_again_although_its_trunk_is_found_anew() -> None:
    trunks, trunk = spread_trunk(clock := ManualClock())
    moved = udp("192.0.2.4")
    for _ in range(20):
        trunk.promise(legs=1)
        hunt = Hunt(trunks, trunk, None, clock.monotonic, booked=True)
        first = hunt.next()
        assert first is not None
        trunks.resolved(trunk, (EAST, moved), choices=((Choice(1, (EAST,)), Choice(1, (moved,))),))
        then: set[TransportAddress] = set()
        while (attempt := hunt.next()) is not None:
            then.add(attempt.destination)
        assert then == {EAST, moved} - {first.destination}


def test_a_trunk_with_one_host_draws_nothing() -> None:
    class Never(SeededTokens):
        def integer(self, bits: int) -> int:
            raise AssertionError

    clock = ManualClock()
    trunks = Trunks(config_of('[[trunks]]\nname = "t"\nuri = "sip:h.example"\n').trunks, clock, tokens=Never())
    (trunk,) = trunks
    trunks.resolved(trunk, (WEST, THIRD, SPARE), choices=((Choice(1, (WEST, THIRD)),), (Choice(1, (SPARE,)),)))
    assert attempts_of_a_call(trunks, trunk, clock) == [WEST, THIRD, SPARE]
    assert trunks.order_for_a_call(trunk) is trunk.destinations


OVER_TCP = TransportAddress("tcp", EAST.host, 5060)


def test_what_is_too_large_for_udp_goes_by_tcp_only_where_that_is_open() -> None:
    clock = ManualClock()
    trunks, trunk = spread_trunk(clock, ((Choice(1, (EAST, OVER_TCP)),),))
    trunk.promise(legs=1)
    hunt = Hunt(trunks, trunk, None, clock.monotonic, booked=True)
    attempt = hunt.next()
    assert attempt is not None
    assert attempt.destination == EAST
    assert hunt.large_destination(attempt) == OVER_TCP
    trunks.unavailable(trunk, OVER_TCP, 30)
    assert hunt.large_destination(attempt) is None
    clock.advance(31)
    assert hunt.large_destination(attempt) == OVER_TCP


def test_a_redirection_of_a_redirection_comes_before_what_the_first_left_and_takes_none_of_it_away() -> None:
    trunks, trunk = spread_trunk(clock := ManualClock())
    trunk.promise(legs=1)
    hunt = Hunt(trunks, trunk, None, clock.monotonic, booked=True)
    first, second, third, inner = (Redirection(f"sip:{user}@192.0.2.1", None) for user in ("1", "2", "3", "inner"))
    assert hunt.next() is not None
    assert hunt.redirect("sip:called@192.0.2.1", [first, second, third])
    called = [hunt.next()]
    assert hunt.redirect(first.request_uri, [inner])
    called += [hunt.next(), hunt.next(), hunt.next()]
    assert [each.request_uri for each in called if each is not None] == [
        each.request_uri for each in (first, inner, second, third)
    ]
    hunt.give_up()


def test_three_redirections_of_a_call_are_followed_and_only_those_that_name_something_new_count() -> None:
    trunks, trunk = spread_trunk(clock := ManualClock())
    trunk.promise(legs=1)
    hunt = Hunt(trunks, trunk, None, clock.monotonic, booked=True)
    hops = [Redirection(f"sip:{number}@192.0.2.1", None) for number in range(5)]
    assert hunt.next() is not None
    called = "sip:called@192.0.2.1"
    for hop in hops[:3]:
        assert not hunt.redirect(called, []), "nothing of it may be followed"
        assert not hunt.redirect(called, [Redirection(called, None)]), "it names itself"
        assert hunt.redirect(called, [hop])
        attempt = hunt.next()
        assert attempt is not None
        assert attempt.request_uri == hop.request_uri
        called = hop.request_uri
    assert not hunt.redirect(called, hops[3:]), "the fourth"
    attempt = hunt.next()
    assert attempt is not None
    assert attempt.request_uri is None
    hunt.give_up()


@pytest.mark.parametrize("full", [False, True])
def test_a_call_moves_from_a_trunk_that_went_down_to_none_that_is_full(full: bool) -> None:
    clock = ManualClock()
    text = "".join(
        f'[[trunks]]\nname = "t{at}"\nuri = "sip:192.0.2.{at}"\nnumbers = ["{MASKED}"]\nmax_calls = 1\n'
        for at in (1, 2)
    )
    trunks = Trunks(config_of(text).trunks, clock)
    first, second = trunks
    first.promise(legs=1, calls=0)
    first.up = False
    if full:
        second.promise(legs=1, calls=0)
        second.take(booked=False)
    hunt = Hunt(trunks, first, MASKED, clock.monotonic, booked=False)
    attempt = hunt.next()
    assert attempt is not None
    assert attempt.trunk is (first if full else second)
    assert [trunk.live_calls for trunk in trunks] == ([1, 1] if full else [0, 1])
    hunt.give_up()
