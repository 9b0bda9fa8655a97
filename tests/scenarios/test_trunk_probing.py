"""OPTIONS to trunks, of which several may be open at once."""

from functools import partial

import pytest

from b2bua.sip.parser import parse_message
from b2bua.sip.routing import TransportAddress
from b2bua.sip.transaction_layer import TransactionLayer
from b2bua.switch.probing import ASKED_AGAIN_S
from b2bua.switch.trunk import UNANSWERED
from tests.scenarios.conftest import OpenHouse
from tests.support.agents import answer_to
from tests.support.house import CARRIER, ONE_TRUNK, OURS, House


class SlowGateway:
    """A gateway that answers each OPTIONS after so many seconds."""

    def __init__(self, house: House, address: TransportAddress, after_s: float) -> None:
        self.house = house
        self.after_s = after_s
        self.asked: set[str] = set()
        self._wire = house.network.attach(address, self._arrived)

    def _arrived(self, content: bytes, _source: TransportAddress, _local: TransportAddress) -> None:
        request = parse_message(content)
        if request.call_id not in self.asked:
            self.asked.add(request.call_id)
            answer = answer_to(request, 200, to_tag="gw")  # type: ignore[arg-type]  # it is a request
            self.house.clock.call_later(self.after_s, partial(self._wire.send, answer, OURS))


async def test_where_no_options_can_be_sent_none_are_told_of(open_house: OpenHouse) -> None:
    """The state says why there are none, and not that they went unanswered."""
    house = await open_house(
        trunks=ONE_TRUNK.replace(CARRIER.host, "sip.carrier.example", 1).replace("interval_s = 0", "interval_s = 5")
    )
    await house.run(11.0)
    (state,) = house.switch.trunk_states()
    assert (state.up, state.reason, state.last_options_at) == (False, "not probed yet", None)
    house.trunks.resolved(house.trunk(), (), lost=UNANSWERED)
    await house.run(11.0)
    (state,) = house.switch.trunk_states()
    assert (state.up, state.reason, state.last_options_at) == (False, UNANSWERED, None)
    house.trunks.resolved(house.trunk(), (CARRIER,))
    await house.run(11.0)
    (state,) = house.switch.trunk_states()
    assert (state.up, state.reason, state.last_options_status) == (True, "OPTIONS answered 200", 200)
    house.switch.stop()


@pytest.mark.parametrize("status", [503, 408, None])
async def test_a_trunk_that_is_down_does_not_wait_for_a_long_interval(
    open_house: OpenHouse, status: int | None
) -> None:
    house = await open_house(trunks=ONE_TRUNK.replace("interval_s = 0", "interval_s = 3600"))
    await house.run(1.0)
    house.carrier.options_status = status
    await house.until(lambda: not house.trunk().up, 2 * 3600.0)
    went_down_at = house.clock.time()
    house.carrier.options_status = 200
    await house.until(lambda: house.trunk().up, 40.0)
    assert house.clock.time() - went_down_at <= ASKED_AGAIN_S + 0.1
    asked = house.carrier.options
    await house.run(3000.0)
    assert house.carrier.options == asked, "while it is up the interval holds"
    house.switch.stop()


@pytest.mark.parametrize("interval_s", [1, 5])
async def test_a_trunk_that_is_down_is_asked_no_more_seldom_than_it_would_be(
    open_house: OpenHouse, interval_s: int
) -> None:
    house = await open_house(trunks=ONE_TRUNK.replace("interval_s = 0", f"interval_s = {interval_s}"))
    house.carrier.options_status = 503
    await house.run(10 * interval_s + 0.5)
    assert (house.trunk().up, house.carrier.options) == (False, 11)
    house.switch.stop()


async def test_a_trunk_that_is_down_is_asked_at_once_where_its_name_leads_elsewhere(open_house: OpenHouse) -> None:
    """It is down for those who did not answer; calls wait for the answer of the others."""
    house = await open_house(trunks=ONE_TRUNK.replace("interval_s = 0", "interval_s = 3600"))
    other = house.carrier_at("203.0.113.2")
    house.carrier.options_status = 503
    house.trunks.resolved(house.trunk(), [CARRIER])
    await house.run(1.0)
    assert not house.trunk().up
    asked = house.carrier.options
    house.trunks.resolved(house.trunk(), [CARRIER])
    await house.run(1.0)
    assert house.carrier.options == asked, "nobody new to ask"
    house.trunks.resolved(house.trunk(), [other.address])
    await house.run(1.0)
    (state,) = house.switch.trunk_states()
    assert (state.up, state.reason, other.options) == (True, "OPTIONS answered 200", 1)
    house.trunks.resolved(house.trunk(), [CARRIER, other.address])
    await house.run(10.0)
    assert (house.carrier.options, other.options) == (asked, 1), "one that is up is asked in its turn"
    house.switch.stop()
    house.trunk().up = False
    house.trunks.resolved(house.trunk(), [TransportAddress("udp", "203.0.113.3", 5060)])
    house.trunks.resolved(house.trunk(), [other.address])
    await house.run(10.0)
    assert other.options == 1, "none are sent after the end"


async def test_the_trunks_are_first_asked_one_after_another(open_house: OpenHouse) -> None:
    """All at once would be a burst at each interval."""
    others = [f"203.0.113.{number}" for number in (2, 3)]
    trunks = [ONE_TRUNK, *(ONE_TRUNK.replace(CARRIER.host, at).replace('"carrier"', f'"at-{at}"') for at in others)]
    house = await open_house(trunks="".join(trunks).replace("interval_s = 0", "interval_s = 5"))
    carriers = [house.carrier, *(house.carrier_at(at) for at in others)]
    asked = []
    for wait_s in (0.01, 0.02, 0.02):
        await house.run(wait_s)
        asked.append([each.options for each in carriers])
    assert asked == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    house.switch.stop()


async def test_a_limit_of_ours_takes_no_trunk_down(open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever fills the table of transactions says nothing of the others' trunks, to which no OPTIONS go meanwhile."""
    house = await open_house(trunks=ONE_TRUNK.replace("interval_s = 0", "interval_s = 5"))
    await house.run(1.0)
    asked = house.carrier.options
    with monkeypatch.context() as full:
        full.setattr(TransactionLayer, "__len__", lambda _layer: 1_000_000)
        await house.run(30.0)
        assert house.carrier.options == asked
        (state,) = house.switch.trunk_states()
        assert (state.up, state.reason) == (True, "OPTIONS answered 200")
    await house.run(6.0)
    assert house.carrier.options > asked
    house.switch.stop()


async def test_the_round_trip_is_that_of_the_probe_that_was_answered(open_house: OpenHouse) -> None:
    house = await open_house(trunks=ONE_TRUNK.replace("options_interval_s = 0", "options_interval_s = 5"))
    second = TransportAddress("udp", "203.0.113.2", 5060)
    house.trunk().destinations = (CARRIER, second)
    slow, fast = SlowGateway(house, CARRIER, 7.0), SlowGateway(house, second, 0.0)
    await house.until(lambda: house.switch.trunk_states()[0].last_options_status == 200)
    await house.run(7.5)
    assert len(slow.asked) == len(fast.asked) == 2, "they overlap"
    assert house.switch.trunk_states()[0].round_trip_ms == 7000.0
    house.switch.stop()
