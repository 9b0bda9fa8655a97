"""Whoever calls a masked number without a pairing hears so before the answer, and is refused; nothing is written."""

from array import array
from pathlib import Path
from typing import Any

import pytest

from b2bua.switch import announcements
from media.prompts.bundled import render_wav
from tests.support.house import MASKED, House

REJECTED = 'Q.850;cause=21;text="Call rejected"'


async def test_a_stranger_hears_an_announcement_and_is_refused(house: House) -> None:
    house.alice.call(MASKED, house.user_agent_address)
    await house.run(1.0)
    assert house.alice.statuses() == [183]
    assert len(house.alice.heard()) > 10
    assert house.trunk().live_calls == 1
    await house.until(lambda: "Rejected" in house.alice.kinds())
    assert house.alice.statuses() == [183, 403]
    assert house.alice.rejected.headers.get("Reason") == REJECTED
    assert house.bob.received == []
    assert house.trunk().live_calls == 0
    assert await house.store.read(lambda reader: reader.live_calls()) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"from_uri": "sip:anonymous@anonymous.invalid", "headers": ()},
        {"from_uri": "sip:203.0.113.20", "headers": ()},
        {"from_uri": "sip:+14155550100@203.0.113.20", "headers": ()},
    ],
)
async def test_a_caller_without_a_usable_number_is_a_stranger(house: House, changes: dict[str, Any]) -> None:
    house.alice.call(MASKED, house.user_agent_address, **changes)
    await house.until(lambda: "Rejected" in house.alice.kinds())
    assert house.alice.statuses() == [183, 403]


async def test_without_an_offer_the_refusal_comes_at_once(house: House) -> None:
    answer = await house.refused(MASKED, body=b"")
    assert (answer.status, answer.headers.get("Reason")) == (403, REJECTED)
    assert house.alice.statuses() == [403]


async def test_announcements_are_bounded_in_number(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcements, "MOST_AT_ONCE", 1)
    house.alice.call(MASKED, house.user_agent_address)
    await house.run(0.1)
    house.bob.call(MASKED, house.user_agent_address)
    await house.run(0.1)
    assert house.alice.statuses() == [183]
    assert house.bob.statuses() == [403]


async def test_an_announcement_is_bounded_in_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcements, "PROMPT", "ringback")
    house.alice.call(MASKED, house.user_agent_address)
    await house.run(19.9)
    assert house.alice.statuses() == [183]
    await house.run(0.2)
    assert house.alice.statuses() == [183, 403]


async def test_a_long_announcement_is_heard_to_its_end(open_house: Any, tmp_path: Path) -> None:
    """As long a one as the configuration takes."""
    (tmp_path / "both.wav").write_bytes(render_wav(array("h", [3000, -3000] * 58 * 4000)))
    house: House = await open_house(f'[prompts]\nunknown_caller = "{tmp_path}/both.wav"')
    house.alice.call(MASKED, house.user_agent_address)
    await house.run(57.5)
    assert house.alice.statuses() == [183]
    await house.until(lambda: "Rejected" in house.alice.kinds(), limit_s=1.0)
    assert house.alice.statuses() == [183, 403]


async def test_a_stranger_hangs_up(house: House) -> None:
    house.alice.call(MASKED, house.user_agent_address)
    await house.run(1.0)
    house.alice.hang_up()
    await house.run(0.1)
    assert house.alice.rejected.status == 487
    assert house.media.counters()["legs"] == 0


async def test_a_drain_waits_for_no_announcement(house: House) -> None:
    house.alice.call(MASKED, house.user_agent_address)
    await house.run(1.0)
    house.switch.drain(lambda: None)
    await house.run(0.0)
    assert house.alice.statuses() == [183, 403]


@pytest.mark.parametrize("dialled", ["911140001234", "9845012376", "x", "1" * 200, "%00"])
async def test_what_is_no_number_of_ours_is_not_found(house: House, dialled: str) -> None:
    answer = await house.refused(dialled)
    assert (answer.status, answer.headers.get("Reason")) == (404, 'Q.850;cause=1;text="Unallocated number"')


async def test_an_admission_that_ends_in_a_drain_begins_no_announcement(house: House) -> None:
    house.alice.call(MASKED, house.user_agent_address)
    house.clock.advance(0.0)
    assert house.switch._being_admitted() == 1
    empty: list[float] = []
    began = house.clock.time()
    house.switch.drain(lambda: empty.append(house.clock.time()))
    await house.until(lambda: "Rejected" in house.alice.kinds())
    assert house.clock.time() == began, "nothing is played first"
    assert house.alice.statuses() == [403]
    assert empty == [began]
