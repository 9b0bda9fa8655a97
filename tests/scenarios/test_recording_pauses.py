"""The recording of a call is paused, is not made at all, or is ended by the disk; the call goes on."""

import pytest

from b2bua.call.errors import CallAlreadyEnded, CallNotFound, NotRecorded, TooManyPauses
from media.recording.pauses import MOST_PAUSES
from storage.records import CallRecord
from tests.support.house import ORG, House
from tests.support.scripted_phone import answers


async def pause(house: House, call: CallRecord, *, paused: bool = True, org_id: str = ORG) -> None:
    await house.switch.pause_recording(org_id, call.call_id, paused=paused)


async def test_a_recording_is_paused_and_gone_on_with_at_that_instant(house: House) -> None:
    call = await house.bridged()
    await house.run(10.0)
    await pause(house, call)
    await pause(house, call)
    await house.run(5.0)
    await pause(house, call, paused=False)
    await pause(house, call, paused=False)
    await house.run(5.0)
    house.alice.hang_up()
    cdr = await house.ended(call)
    began, ended = house.recorder.pauses
    assert (began[0], began[2], ended[2]) == (call.call_id, True, False)
    assert ended[1] - began[1] == pytest.approx(5.0, abs=0.01)
    assert cdr.recording_path is not None
    assert await house.words(call) == ["initiated", "ringing", "answered", "bridged", "completed", "recording.ready"]


async def test_only_a_recording_that_runs_can_be_paused(house: House) -> None:
    house.alice.on_invite = house.bob.on_invite = answers(1.0)
    call = await house.place()
    with pytest.raises(NotRecorded):
        await pause(house, call)
    await house.until(lambda: house.state(call) == "bridged")
    with pytest.raises(CallNotFound):
        await pause(house, call, org_id="another")
    house.alice.hang_up()
    await house.ended(call)
    with pytest.raises(CallAlreadyEnded):
        await pause(house, call)
    assert house.recorder.pauses == []


async def test_a_recording_is_paused_so_often_and_no_oftener(house: House) -> None:
    call = await house.bridged()
    for _ in range(MOST_PAUSES):
        await pause(house, call)
        await pause(house, call, paused=False)
    with pytest.raises(TooManyPauses):
        await pause(house, call)
    assert len(house.recorder.pauses) == 2 * MOST_PAUSES
    house.alice.hang_up()
    await house.ended(call)


async def test_a_call_that_is_not_to_be_recorded_is_not(house: House) -> None:
    call = await house.bridged(record=False)
    await house.run(10.0)
    with pytest.raises(NotRecorded):
        await pause(house, call)
    house.bob.hang_up()
    cdr = await house.ended(call)
    assert cdr.recording_path is None
    assert house.recorder.paths == {}
    assert "recording.ready" not in await house.words(call)


async def test_a_call_goes_on_without_its_recording_when_the_disk_fails(house: House) -> None:
    call = await house.bridged()
    await house.run(10.0)
    house.recorder.fail(call.call_id, "No space left on device")
    await house.run(10.0)
    assert house.state(call) == "bridged"
    with pytest.raises(NotRecorded):
        await pause(house, call)
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.recording_path) == ("completed", None)
    assert cdr.duration_s == pytest.approx(20, abs=1)
    assert any("the recording failed: No space left" in line for line in house.log.lines)
    assert (await house.told(call))[-1].call.recording_path is None


async def test_what_the_disk_took_before_it_was_full_is_kept_and_exported_after_the_call(house: House) -> None:
    call = await house.bridged()
    house.recorder.cut_short(call.call_id, 4800)
    await house.run(1.0)
    await house.recordings.sweep()
    await house.run(1.0)
    assert house.pool.exported == []
    live = await house.store.read(lambda reader: reader.call(ORG, call.call_id))
    assert live is not None
    assert live.recording_path is None
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert cdr.recording_path is None
    await house.recordings.sweep()
    await house.run(1.0)
    assert len(house.pool.exported) == 1
    kept = await house.store.read(lambda reader: reader.recording(ORG, call.call_id))
    assert kept is not None
    assert (kept.duration_ms, kept.facts.cut_short, kept.mp3_path is not None) == (4800, True, True)
