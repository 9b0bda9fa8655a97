"""After a crash: what was left open is settled and told exactly once, at the last sign of life."""

from typing import Any

import pytest

from media.recording.recovery import RecoveredRecording
from tests.support.house import ORG, House
from tests.support.memory_media import MemoryRecorder
from tests.support.routes import BILLED, DIALLED
from tests.support.scripted_phone import answers, nothing, rejects, rings


async def _after_crash(open_house: Any, house: House, orphans: tuple[RecoveredRecording, ...] = ()) -> House:
    """The next run of the program, ten minutes later."""
    store = await house.crash()
    house.clock.advance(600.0)
    following = await open_house(store=store, clock=house.clock, seed="next run", orphans=orphans)
    await following.flush()
    return following  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("talk_s", "least_s", "most_s", "price"),
    [(0.0, 0, 0, 150), (30.0, 27, 30, 150), (58.0, 54, 58, 150), (70.0, 66, 70, 300)],
)
async def test_trunk_case_17_a_bridged_call_is_completed_and_charged_to_the_last_sign_of_life(
    open_house: Any, talk_s: float, least_s: int, most_s: int, price: int
) -> None:
    house = await open_house()
    house.alice.on_invite = house.bob.on_invite = answers(1.0)
    call = await house.place()
    await house.until(lambda: house.state(call) == "bridged")
    house.alice.speak()
    house.bob.speak()
    await house.run(talk_s)
    crashed_at = house.clock.wall_ms()
    following = await _after_crash(open_house, house)
    assert following.recovered == 1
    cdr = await following.cdr(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("completed", "system_restart", "system")
    assert cdr.duration_s is not None
    assert least_s <= cdr.duration_s <= most_s
    assert cdr.ended_at is not None
    assert crashed_at - 5_000 <= cdr.ended_at <= crashed_at
    assert cdr.price_paise == price
    assert (await following.words(call)) == ["initiated", "ringing", "answered", "bridged", "completed"]
    wallet = await following.wallet()
    assert (wallet.balance_paise, wallet.reserved_paise) == (100_000 - price, 0)


async def test_nothing_is_open_any_more_when_the_next_run_takes_calls(open_house: Any) -> None:
    """What the crash left set aside could refuse a call of a customer who can pay for it."""
    house = await open_house()
    house.alice.on_invite = rings()
    for _ in range(3):
        await house.place()
    await house.run(2.0)
    store = await house.crash()
    following = await open_house(store=store, clock=house.clock, seed="next run")
    assert following.recovered == 3
    assert await store.read(lambda reader: list(reader.live_calls())) == []
    assert (await store.read(lambda reader: reader.wallet(ORG))).reserved_paise == 0


async def test_a_clock_set_forward_before_the_crash_costs_no_talk_that_was_not_paid_for(open_house: Any) -> None:
    house = await open_house()
    call = await house.bridged()
    house.alice.speak()
    house.bob.speak()
    await house.run(10.0)
    house.clock.step_wall(3_600_000)
    await house.run(10.0)
    following = await _after_crash(open_house, house)
    cdr = await following.cdr(call)
    assert (cdr.status, cdr.duration_s, cdr.price_paise) == ("completed", 60, 150)
    wallet = await following.wallet()
    assert (wallet.balance_paise, wallet.reserved_paise) == (100_000 - 150, 0)


STATES = {
    "admitted": (None, None, 0.0),
    "dialling a": (nothing, None, 2.0),
    "ringing a": (rings(), None, 2.0),
    "dialling b": (answers(1.0), nothing, 3.0),
    "ringing b": (answers(1.0), rings(183, sdp=True), 3.0),
    "telling a": (answers(1.0), rejects(486), 3.0),
}


@pytest.mark.parametrize("state", STATES)
async def test_a_call_that_was_not_bridged_is_failed_and_costs_nothing(open_house: Any, state: str) -> None:
    house = await open_house()
    house.alice.on_invite, house.bob.on_invite, after_s = STATES[state]
    call = await house.place()
    await house.run(after_s)
    before = await house.words(call)
    following = await _after_crash(open_house, house)
    cdr = await following.cdr(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("failed", "system_restart", "system")
    assert (cdr.duration_s, cdr.bill_duration_s, cdr.price_paise) == (0, 0, 0)
    assert await following.words(call) == [*before, "failed"]
    assert (await following.wallet()).available_paise == 100_000


ARRIVED = {
    "b dialled": (nothing, 2.0, ["initiated"], "failed"),
    "b rings": (rings(), 2.0, ["initiated", "ringing"], "failed"),
    "b's early media": (rings(183, sdp=True), 2.0, ["initiated", "ringing"], "failed"),
    "bridged": (answers(1.0), 20.0, ["initiated", "ringing", "answered", "bridged"], "completed"),
}


@pytest.mark.parametrize("state", ARRIVED)
async def test_a_call_that_arrived_is_settled_too(open_house: Any, state: str) -> None:
    house = await open_house(trunks=BILLED)
    house.bob.on_invite, after_s, told, status = ARRIVED[state]
    call = await house.arrive(DIALLED)
    await house.run(after_s)
    assert await house.words(call) == told
    following = await _after_crash(open_house, house)
    cdr = await following.cdr(call)
    assert (cdr.direction, cdr.status, cdr.hangup_cause) == ("inbound", status, "system_restart")
    assert cdr.price_paise == (150 if status == "completed" else 0)
    assert await following.words(call) == [*told, status]


async def test_recovering_twice_changes_nothing(open_house: Any) -> None:
    house = await open_house()
    bridged = await house.bridged()
    house.bob.on_invite = rings()
    ringing = await house.place()
    await house.run(5.0)
    orphan = RecoveredRecording(bridged.call_id, house.recorder.paths[bridged.call_id], 5_000, 0)
    following = await _after_crash(open_house, house, (orphan,))
    assert following.recovered == 2
    first = [await following.cdr(call) for call in (bridged, ringing)]
    told = [await following.told(call) for call in (bridged, ringing)]
    wallet = await following.wallet()
    third = await _after_crash(open_house, following, (orphan,))
    assert third.recovered == 0
    assert [await third.cdr(call) for call in (bridged, ringing)] == first
    assert [await third.told(call) for call in (bridged, ringing)] == told
    assert await third.wallet() == wallet
    assert (await third.words(bridged))[-2:] == ["completed", "recording.ready"]


async def test_a_call_that_ended_while_the_store_was_down_is_told_after_the_crash(open_house: Any) -> None:
    house = await open_house()
    call = await house.bridged()
    await house.run(20.0)
    house.take_store_down()
    house.alice.hang_up()
    await house.run(10.0)
    assert house.switch.live_calls() == 0
    following = await _after_crash(open_house, house)
    cdr = await following.cdr(call)
    assert (cdr.status, cdr.hangup_cause, cdr.price_paise) == ("completed", "system_restart", 150)
    assert cdr.duration_s is not None
    assert 17 <= cdr.duration_s <= 21


async def test_a_recording_found_half_written_is_reported_after_its_call_s_end(open_house: Any) -> None:
    house = await open_house()
    call = await house.bridged()
    await house.run(20.0)
    path = house.recorder.paths[call.call_id]
    following = await _after_crash(open_house, house, (RecoveredRecording(call.call_id, path, 20_000, 3),))
    assert (await following.words(call))[-2:] == ["completed", "recording.ready"]
    assert (await following.cdr(call)).recording_path == path
    row = await following.store.read(lambda reader: reader.recording(call.org_id, call.call_id))
    assert row is not None
    assert (row.wav_path, row.duration_ms, row.gap_frames) == (path, 20_000, 3)
    assert following.recorder.acknowledged == [call.call_id]


async def test_a_recording_that_the_disk_refused_is_named_no_more_though_the_store_never_heard_of_it(
    open_house: Any,
) -> None:
    house = await open_house()
    call = await house.bridged()
    await house.run(20.0)
    house.take_store_down()
    house.recorder.fail(call.call_id, "No space left on device")
    await house.run(5.0)
    following = await _after_crash(open_house, house)
    cdr = await following.cdr(call)
    assert (cdr.status, cdr.hangup_cause, cdr.recording_path) == ("completed", "system_restart", None)
    assert (await following.told(call))[-1].call.recording_path is None


@pytest.mark.parametrize("left", [False, True])
async def test_a_recording_told_to_have_failed_is_deleted_when_it_is_found_after_all(
    open_house: Any, left: bool
) -> None:
    house = await open_house()
    call = await house.bridged()
    await house.run(20.0)
    house.recorder.fail(call.call_id, "Permission denied", left=left)
    house.bob.hang_up()
    await house.over(call)
    await house.flush()
    to_delete = await house.store.read(lambda reader: reader.recordings_with_files_left("", 10))
    assert [recording.call_id for recording in to_delete] == [call.call_id] * left
    path = house.recorder.paths[call.call_id]
    following = await _after_crash(open_house, house, (RecoveredRecording(call.call_id, path, 20_000, 0),))
    (found,) = await following.store.read(lambda reader: reader.recordings_with_files_left("", 10))
    assert (found.call_id, found.wav_path) == (call.call_id, path)
    assert following.pool.exported == []
    assert following.recorder.acknowledged == [call.call_id]
    assert "recording.ready" not in await following.words(call)


async def test_a_recording_that_cannot_be_finished_yet_is_still_named(
    open_house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await open_house()
    call = await house.bridged()
    await house.run(20.0)
    path = house.recorder.paths[call.call_id]
    monkeypatch.setattr(MemoryRecorder, "taken", lambda _recorder, asked: asked == path)
    following = await _after_crash(open_house, house)
    assert (await following.cdr(call)).recording_path == path


async def test_a_crash_between_the_settlement_and_the_recording(open_house: Any) -> None:
    house = await open_house()
    house.recorder.closes_after_s = 60.0
    call = await house.bridged()
    house.bob.hang_up()
    cdr = await house.over(call)
    orphan = RecoveredRecording(call.call_id, house.recorder.paths[call.call_id], 1_000, 0)
    following = await _after_crash(open_house, house, (orphan,))
    assert following.recovered == 0
    assert await following.cdr(call) == cdr
    assert (await following.words(call))[-2:] == ["completed", "recording.ready"]


async def test_a_recording_of_no_call_is_left_where_it_is(open_house: Any) -> None:
    house = await open_house()
    following = await _after_crash(open_house, house, (RecoveredRecording("nobody", "2024/01/01/x.wav", 1, 0),))
    assert following.pool.exported == []


async def test_calls_are_taken_again_after_a_crash(open_house: Any) -> None:
    house = await open_house()
    await house.bridged()
    following = await _after_crash(open_house, house)
    call = await following.bridged()
    following.alice.hang_up()
    cdr = await following.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "normal")
