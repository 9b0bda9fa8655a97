"""DELETE of a recording: the files and the key go, the call stays."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from yarl import URL

from storage.records import PurgedBy, Recording
from tests.support.api_world import CALLS, MASTER_KEYS, ORG, OTHER_KEY, ApiWorld, api_world

DAY = "2025/01/01"  # the manual clock's


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / DAY).mkdir(parents=True)
    return tmp_path


@pytest.fixture
async def world(root: Path) -> AsyncIterator[ApiWorld]:
    async with api_world(root) as started:
        yield started


async def recorded(world: ApiWorld, root: Path, day: str = DAY, sealed_key: str | None = None) -> str:
    call_id = await world.place()
    wav_path, mp3_path = f"{day}/{call_id[:8]}.wav", f"{day}/{call_id[:8]}.mp3"
    await world.finish(call_id, recording_path=wav_path)
    for path in (wav_path, mp3_path):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"audio")
    recording = Recording(call_id, ORG, wav_path, mp3_path, 94_000, 0, world.clock.wall_ms(), sealed_key=sealed_key)
    await world.store.run(lambda unit: unit.recordings.add(recording))
    return call_id


async def test_its_files_and_its_key_go_and_the_call_stays(world: ApiWorld, root: Path) -> None:
    call_id = await recorded(world, root, "2024/12/31", MASTER_KEYS.new_seal("x")[1])
    before = (await world.get(f"{CALLS}/{call_id}")).json["data"]
    assert before["recording_url"] == f"recordings/2024/12/31/{call_id[:8]}.wav"
    url = URL((await world.get(f"{CALLS}/{call_id}/recording")).json["data"]["url"]).path_qs
    reply = await world.send("DELETE", f"{CALLS}/{call_id}/recording")
    assert (reply.status, reply.body) == (204, b"")
    assert list((root / "2024/12/31").iterdir()) == []
    row = await world.store.read(lambda reader: reader.any_recording(call_id))
    assert row is not None
    assert (row.purged_by, row.purged_at, row.sealed_key) == (PurgedBy.CLIENT, world.clock.wall_ms(), None)
    after = (await world.get(f"{CALLS}/{call_id}")).json["data"]
    assert after == before | {"recording_url": None}
    listed = (await world.get("/v1/masking/call-logs")).json["data"]
    assert [call["recording_url"] for call in listed] == [None]
    assert (await world.get(f"{CALLS}/{call_id}/recording")).status == 404
    assert (await world.get(url, key=None)).status == 404


async def test_a_second_time_there_is_none(world: ApiWorld, root: Path) -> None:
    call_id = await recorded(world, root)
    path = f"{CALLS}/{call_id}/recording"
    assert (await world.send("DELETE", path)).status == 204
    reply = await world.send("DELETE", path)
    assert (reply.status, reply.json["error"]["code"]) == (404, "not_found")
    entries, _ = await world.store.read(lambda reader: reader.audit(ORG, 1, 10))
    assert [(entry.action, entry.object_id) for entry in entries] == [("recording.erase", call_id)]


async def test_there_must_be_a_call_of_ours_with_a_recording(world: ApiWorld, root: Path) -> None:
    call_id = await world.place()
    await world.finish(call_id)
    others = await recorded(world, root)
    unknown = "3f2b1c0d-9e8f-4a7b-8c6d-5e4f3a2b1c0d"
    for path in (f"{CALLS}/{call_id}/recording", f"{CALLS}/{unknown}/recording", f"{CALLS}/x/recording"):
        assert (await world.send("DELETE", path)).status == 404
    assert (await world.send("DELETE", f"{CALLS}/{others}/recording", key=OTHER_KEY)).status == 404
    assert (await world.get(f"{CALLS}/{others}/recording")).status == 200


async def test_a_live_call_is_a_conflict(world: ApiWorld) -> None:
    call_id = await world.place()
    reply = await world.send("DELETE", f"{CALLS}/{call_id}/recording")
    assert (reply.status, reply.json["error"]["code"]) == (409, "conflict")


async def test_a_name_of_today_stays_taken_without_its_audio(world: ApiWorld, root: Path) -> None:
    call_id = await recorded(world, root)
    assert (await world.send("DELETE", f"{CALLS}/{call_id}/recording")).status == 204
    (left,) = (root / DAY).iterdir()
    assert (left.name, left.read_bytes()) == (f"{call_id[:8]}.wav", b"")


async def test_one_that_is_waiting_for_its_mp3_can_be_erased(world: ApiWorld, root: Path) -> None:
    call_id = await world.place()
    await world.finish(call_id)
    (root / "2024/12/31").mkdir(parents=True)
    (root / "2024/12/31/b.wav").write_bytes(b"audio")
    recording = Recording(call_id, ORG, "2024/12/31/b.wav", None, 94_000, 0, 1)
    await world.store.run(lambda unit: unit.recordings.add(recording))
    assert (await world.send("DELETE", f"{CALLS}/{call_id}/recording")).status == 204
    assert list((root / "2024/12/31").iterdir()) == []
    assert await world.store.read(lambda reader: reader.recordings_without_mp3(9)) == []
