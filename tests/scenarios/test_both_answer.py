"""A answers, B answers, they talk, one hangs up."""

import pytest

from tests.support.house import House
from tests.support.scripted_phone import answers


@pytest.mark.parametrize("ringing", [180, None, 183])
@pytest.mark.parametrize("who", ["a", "b"])
async def test_both_answer_and_one_hangs_up(house: House, ringing: int | None, who: str) -> None:
    house.alice.on_invite = answers(3.0, ringing=ringing, early=ringing == 183)
    house.bob.on_invite = answers(4.0, ringing=ringing, early=ringing == 183)
    call = await house.bridged()
    await house.run(93.0)
    {"a": house.alice, "b": house.bob}[who].hang_up()
    cdr = await house.ended(call)

    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("completed", "normal", who)
    assert (cdr.duration_s, cdr.bill_duration_s, cdr.price_paise) == (94, 120, 300)
    assert cdr.started_at is not None
    assert cdr.a_answered_at == cdr.started_at + 3_000
    assert cdr.answered_at == cdr.started_at + 7_000
    assert cdr.ended_at == cdr.started_at + 101_000
    rang = [] if ringing is None else ["ringing"]
    assert await house.words(call) == ["initiated", *rang, "answered", "bridged", "completed", "recording.ready"]
    assert (await house.wallet()).balance_paise == 100_000 - 300
    assert [leg.status for leg in cdr.legs] == ["ended", "ended"]
    assert [leg.sip_status for leg in cdr.legs] == [200, 200]
    assert (cdr.legs[0].ringing_at is None) is (ringing is None)
    house.masked_on(house.alice)
    house.masked_on(house.bob)
    other = house.bob if who == "a" else house.alice
    reliably = ["PRACK"] if ringing == 183 else []
    assert other.methods() == ["INVITE", *reliably, "ACK", "BYE"]
