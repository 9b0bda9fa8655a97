"""Trunks with names: found at the start, looked for again by TTL, kept when DNS fails, known by their old addresses."""

import asyncio
from collections.abc import Awaitable

import pytest

from b2bua.sip.location import Choice, Choices, Question, Target, Way
from b2bua.sip.routing import TransportAddress
from b2bua.switch import locating as locating_module
from b2bua.switch.locating import LOST_AGAIN_S, Locating, target_of, ways_of
from b2bua.switch.trunks import FOUND_HOSTS_LIFE_S, FOUND_HOSTS_LIMIT, Trunks
from b2bua.transport.resolver import Located
from tests.support.configurations import config_of
from tests.support.manual_clock import ManualClock


def udp(host: str, port: int = 5060) -> TransportAddress:
    return TransportAddress("udp", host, port)


def trunks_at(*uris: str, clock: ManualClock | None = None) -> Trunks:
    text = "".join(f'[[trunks]]\nname = "t{index}"\nuri = "{uri}"\n' for index, uri in enumerate(uris))
    return Trunks(config_of(text).trunks, clock or ManualClock())


class Zone:
    """Stands in for the resolver."""

    def __init__(self, *results: Located) -> None:
        self.results = list(results)
        self.asked: list[Target] = []
        self.asked_again = asyncio.Event()

    async def locate(self, target: Target) -> Located:
        """The results in turn, the last one for ever."""
        self.asked.append(target)
        self.asked_again.set()
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]

    async def until_asked(self, times: int) -> None:
        """Wait for so many questions."""
        async with asyncio.timeout(5):
            while len(self.asked) < times:
                self.asked_again.clear()
                await self.asked_again.wait()


def test_what_a_trunk_s_uri_says_of_where_it_is() -> None:
    uris = ["sip:h.example", "sip:h.example:5060", "sip:h.example;transport=tcp", "sips:h.example;transport=tcp"]
    assert [target_of(trunk.next_hop) for trunk in trunks_at(*uris)] == [
        Target("h.example"),
        Target("h.example", 5060),
        Target("h.example", None, "tcp"),
        Target("h.example", None, "tls", secure=True),
    ]


def test_listeners_are_the_ways_out() -> None:
    config = config_of("[sip]\nlisten = ['udp://127.0.0.1:5060', 'udp://[::1]:5060', 'udp://127.0.0.2:5060']")
    assert ways_of(config.sip.listen) == (Way("udp", 4), Way("udp", 6))


async def test_the_start_waits_for_what_is_found_and_asks_for_names_alone() -> None:
    trunks = trunks_at("sip:h.example", "sip:192.0.2.1")
    zone = Zone(Located((udp("192.0.2.7"), udp("192.0.2.8", 5080)), 60))
    locating = Locating(trunks, zone)
    await locating.start()
    named, literal = trunks
    assert named.destinations == (udp("192.0.2.7"), udp("192.0.2.8", 5080))
    assert literal.destinations == (udp("192.0.2.1"),)
    assert len(zone.asked) == 1
    await locating.close()


async def test_what_a_call_draws_its_order_from_is_kept_with_the_trunk() -> None:
    (trunk,) = trunks = trunks_at("sip:h.example")
    there, also = udp("192.0.2.7"), udp("192.0.2.8")
    both: Choices = ((Choice(1, (there,)), Choice(1, (also,))),)
    zone = Zone(Located((there, also), 0.01, both), Located((there,), 300, (both[0][:1],)))
    locating = Locating(trunks, zone)
    await locating.start()
    assert trunk.choices == both
    await zone.until_asked(2)
    await asyncio.sleep(0)
    assert trunk.destinations == (there,)
    assert not trunk.choices, "there is nothing to be drawn"
    await locating.close()


async def test_a_slow_name_does_not_hold_up_the_start(monkeypatch: object) -> None:
    class Slow:
        async def locate(self, target: Target) -> Located:
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr(locating_module, "FIRST_LOOK_S", 0.01)  # type: ignore[attr-defined]  # pytest hands it on
    (trunk,) = trunks = trunks_at("sip:h.example")
    locating = Locating(trunks, Slow())
    await locating.start()
    assert trunk.destination is None
    await locating.close()


async def test_it_is_looked_for_again_when_the_answer_is_old_and_what_was_found_stays_when_dns_fails() -> None:
    (trunk,) = trunks = trunks_at("sip:h.example")
    zone = Zone(Located((udp("192.0.2.7"),), 0.01), Located((), 0.01))
    locating = Locating(trunks, zone)
    await locating.start()
    await zone.until_asked(2)
    await asyncio.sleep(0)
    assert trunk.destination == udp("192.0.2.7")
    assert trunk.up
    await locating.close()


NAPTR = Question("h.example", "NAPTR")
FAILED = Located((), 30, (), (NAPTR,))


async def test_what_was_found_stays_when_a_query_fails_and_is_looked_for_again_soon(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locating_module, "LOST_AGAIN_S", 0.01)
    (trunk,) = trunks = trunks_at("sip:h.example")
    zone = Zone(Located((udp("192.0.2.7"),), 0.01), FAILED)
    locating = Locating(trunks, zone)
    await locating.start()
    await zone.until_asked(4)
    await asyncio.sleep(0)
    assert (trunk.destination, trunk.up) == (udp("192.0.2.7"), True)
    assert "trunk t0: DNS fails to answer NAPTR h.example; it stays at udp:192.0.2.7:5060" in caplog.messages
    await locating.close()


async def test_a_trunk_whose_name_dns_fails_to_answer_for_is_down_until_it_does(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locating_module, "LOST_AGAIN_S", 0.01)
    (trunk,) = trunks = trunks_at("sip:h.example")
    zone = Zone(FAILED, FAILED, Located((udp("192.0.2.7"),), 300))
    locating = Locating(trunks, zone)
    await locating.start()
    assert (trunk.destinations, trunk.up, trunk.reason) == ((), False, "DNS fails to answer for its name")
    assert "trunk t0: DNS fails to answer NAPTR h.example; where it is is not known" in caplog.messages
    await zone.until_asked(3)
    await asyncio.sleep(0)
    assert (trunk.destination, trunk.up) == (udp("192.0.2.7"), True)
    await locating.close()


async def test_the_hosts_that_dns_does_answer_for_are_used(caplog: pytest.LogCaptureFixture) -> None:
    (trunk,) = trunks = trunks_at("sip:h.example")
    unanswered = (Question("b.h.example", "A"), Question("b.h.example", "AAAA"))
    locating = Locating(trunks, Zone(Located((udp("192.0.2.7"),), 30, (), unanswered)))
    await locating.start()
    assert (trunk.destination, trunk.up) == (udp("192.0.2.7"), True)
    assert (
        "trunk t0: DNS fails to answer A b.h.example, AAAA b.h.example; what else it tells is used" in caplog.messages
    )
    await locating.close()


async def test_a_trunk_that_goes_down_is_looked_for_at_once() -> None:
    (trunk,) = trunks = trunks_at("sip:h.example")
    zone = Zone(Located((udp("192.0.2.7"),), 300), Located((udp("192.0.2.8"),), 300))
    locating = Locating(trunks, zone)
    await locating.start()
    trunks.probe_failed(trunk, "timeout")
    trunks.probe_failed(trunk, "timeout")
    await zone.until_asked(2)
    await asyncio.sleep(0)
    assert trunk.destination == udp("192.0.2.8")
    await locating.close()


async def test_a_trunk_that_stays_down_is_looked_for_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long before its last answer is old: the carrier may have moved where nobody answers yet."""
    monkeypatch.setattr(locating_module, "LOST_AGAIN_S", 0.01)
    (trunk,) = trunks = trunks_at("sip:h.example")
    zone = Zone(Located((udp("192.0.2.7"),), 300))
    locating = Locating(trunks, zone)
    await locating.start()
    trunks.probe_answered(trunk, 503, 0.1)
    await zone.until_asked(4)
    assert not trunk.up
    await locating.close()


async def test_where_a_trunk_is_is_told_when_it_has_moved(caplog: pytest.LogCaptureFixture) -> None:
    there, elsewhere = Located((udp("192.0.2.7"),), 0.01), Located((udp("192.0.2.8"),), 300)
    zone = Zone(there, there, there, elsewhere)
    locating = Locating(trunks_at("sip:h.example"), zone)
    with caplog.at_level("INFO"):
        await locating.start()
        await zone.until_asked(4)
        await asyncio.sleep(0)
    assert caplog.messages == ["trunk t0 is at udp:192.0.2.7:5060", "trunk t0 is at udp:192.0.2.8:5060"]
    await locating.close()


@pytest.mark.parametrize(("found", "wait_s"), [((udp("192.0.2.7"),), 300), ((), LOST_AGAIN_S)])
async def test_a_part_that_dns_never_answers_for_is_no_reason_to_look_again_soon(
    found: tuple[TransportAddress, ...], wait_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def noted(awaitable: Awaitable[object], timeout: float) -> object:  # noqa: ASYNC109 - as in asyncio
        waits.append(timeout)
        return await awaitable

    locating = Locating(trunks_at("sip:h.example"), Zone(Located(found, 300, (), (Question("h.example", "AAAA"),))))
    monkeypatch.setattr(asyncio, "wait_for", noted)
    await locating.start()
    await asyncio.sleep(0)
    assert waits == [wait_s]
    await locating.close()


def test_sources_a_name_led_to_before_stay_its_own_for_longer_than_a_call() -> None:
    clock = ManualClock()
    trunks = trunks_at("sip:h.example", clock=clock)
    (trunk,) = trunks
    trunks.resolved(trunk, [udp("192.0.2.7")])
    trunks.resolved(trunk, [udp("192.0.2.8")])
    assert trunks.is_peer(udp("192.0.2.7"))
    assert trunks.is_peer(udp("192.0.2.8"))
    clock.advance(FOUND_HOSTS_LIFE_S)
    trunks.resolved(trunk, [udp("192.0.2.8")])
    assert not trunks.is_peer(udp("192.0.2.7"))
    for number in range(200):
        trunks.resolved(trunk, [udp(f"198.51.100.{number}")])
    assert len(trunk.found_hosts) == FOUND_HOSTS_LIMIT


def test_a_source_belongs_to_the_trunk_whose_destination_it_is() -> None:
    trunks = trunks_at("sip:one.example", "sip:two.example")
    one, two = trunks
    trunks.resolved(one, [udp("192.0.2.7", 5070)])
    trunks.resolved(two, [udp("192.0.2.7", 5080)])
    assert trunks.owner(udp("192.0.2.7", 5080)) is two
    assert trunks.owner(udp("192.0.2.7", 5070)) is one


async def test_a_query_that_always_fails_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Some servers never answer for AAAA, and the trunk works all the same."""
    (trunk,) = trunks = trunks_at("sip:h.example")
    found, failed = (udp("192.0.2.7"),), (Question("h.example", "AAAA"),)
    half, whole = Located(found, 0.01, (), failed), Located(found, 0.01)
    zone = Zone(half, half, half, whole, half, half)
    locating = Locating(trunks, zone)
    await locating.start()
    await zone.until_asked(7)
    await locating.close()
    assert trunk.destination == udp("192.0.2.7")
    line = "trunk t0: DNS fails to answer AAAA h.example; what else it tells is used"
    assert [each.message for each in caplog.records if each.levelname == "WARNING"] == [line, line]


async def test_a_defect_in_a_look_up_is_told_and_the_name_is_looked_for_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Breaks(Zone):
        async def locate(self, target: Target) -> Located:
            found = await super().locate(target)
            if len(self.asked) <= 2:
                raise ZeroDivisionError("a defect")
            return found

    monkeypatch.setattr(locating_module, "LOST_AGAIN_S", 0.01)
    (trunk,) = trunks = trunks_at("sip:h.example")
    zone = Breaks(Located((udp("192.0.2.7"),), 300))
    locating = Locating(trunks, zone)
    async with asyncio.timeout(locating_module.FIRST_LOOK_S / 2):
        await locating.start()
    await zone.until_asked(3)
    await asyncio.sleep(0)
    assert (trunk.destination, trunk.up) == (udp("192.0.2.7"), True)
    told = [record.getMessage() for record in caplog.records if record.exc_info]
    assert told == ["trunk t0: h.example could not be looked up"] * 2
    await locating.close()
