from collections.abc import Callable
from dataclasses import replace

import pytest

from storage.errors import IllegalState, UnknownRecord
from storage.records import IdempotentReply, Recording
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.stored import ORG, an_organisation

RECORDING = Recording("call-1", ORG, "2024/01/02/abcdef01.wav", None, 94_000, 3, 100)
REPLY = IdempotentReply(ORG, "key", "f" * 64, "call-1", "req-1", 100)


def keeping(recording: Recording) -> Callable[[UnitOfWork], bool]:
    return lambda unit: unit.recordings.add(recording)


def replying(reply: IdempotentReply) -> Callable[[UnitOfWork], None]:
    return lambda unit: unit.idempotency.put(reply)


def asking(idempotency_key: str) -> Callable[[UnitOfWork], IdempotentReply | None]:
    return lambda unit: unit.idempotency.get(ORG, idempotency_key)


async def test_a_recording_is_noted_once(funded: Store) -> None:
    assert await funded.run(lambda unit: unit.recordings.add(RECORDING))
    assert not await funded.run(lambda unit: unit.recordings.add(replace(RECORDING, duration_ms=1)))
    assert await funded.read(lambda reader: reader.recording(ORG, "call-1")) == RECORDING
    assert await funded.run(lambda unit: unit.recordings.path_taken("2024/01/02/abcdef01.wav"))
    assert not await funded.run(lambda unit: unit.recordings.path_taken("2024/01/02/abcdef02.wav"))


async def test_no_two_recordings_share_a_path(funded: Store) -> None:
    await funded.run(lambda unit: unit.recordings.add(RECORDING))
    with pytest.raises(IllegalState, match="wav_path"):
        await funded.run(lambda unit: unit.recordings.add(replace(RECORDING, call_id="call-2")))


async def test_a_recording_of_another_organisation_is_not_there(funded: Store) -> None:
    await funded.run(lambda unit: unit.accounts.create_organisation(an_organisation("org-2")))
    await funded.run(lambda unit: unit.recordings.add(RECORDING))
    assert await funded.read(lambda reader: reader.recording("org-2", "call-1")) is None


async def test_recordings_wait_for_their_mp3_oldest_first(funded: Store) -> None:
    for number in (3, 1, 2):
        row = replace(RECORDING, call_id=f"call-{number}", wav_path=f"{number}.wav", created_at=number)
        await funded.run(keeping(row))
    waiting = await funded.read(lambda reader: reader.recordings_without_mp3(2))
    assert [row.call_id for row in waiting] == ["call-1", "call-2"]
    await funded.run(lambda unit: unit.recordings.set_mp3("call-1", "1.mp3"))
    waiting = await funded.read(lambda reader: reader.recordings_without_mp3(9))
    assert [row.call_id for row in waiting] == ["call-2", "call-3"]


async def test_a_purged_recording_stays_known_but_has_no_files(funded: Store) -> None:
    await funded.run(lambda unit: unit.recordings.add(RECORDING))
    assert len(await funded.run(lambda unit: unit.recordings.kept_before(101, 9))) == 1
    assert await funded.run(lambda unit: unit.recordings.kept_before(100, 9)) == []
    await funded.run(lambda unit: unit.recordings.purge("call-1", 500))
    await funded.run(lambda unit: unit.recordings.purge("call-1", 600))
    found = await funded.read(lambda reader: reader.recording(ORG, "call-1"))
    assert found == replace(RECORDING, purged_at=500)
    assert await funded.run(lambda unit: unit.recordings.kept_before(101, 9)) == []
    assert await funded.read(lambda reader: reader.recordings_without_mp3(9)) == []
    for work in (
        lambda unit: unit.recordings.set_mp3("call-1", "x.mp3"),
        lambda unit: unit.recordings.set_mp3("call-9", "x.mp3"),
        lambda unit: unit.recordings.purge("call-9", 1),
    ):
        with pytest.raises(UnknownRecord):
            await funded.run(work)


async def test_a_reply_is_given_again_to_its_organisation_only(funded: Store) -> None:
    await funded.run(lambda unit: unit.accounts.create_organisation(an_organisation("org-2")))
    await funded.run(lambda unit: unit.idempotency.put(REPLY))
    assert await funded.read(lambda reader: reader.idempotent_reply(ORG, "key")) == REPLY
    assert await funded.run(lambda unit: unit.idempotency.get("org-2", "key")) is None
    later = replace(REPLY, call_id="call-2", created_at=200)
    await funded.run(lambda unit: unit.idempotency.put(later))
    assert await funded.run(lambda unit: unit.idempotency.get(ORG, "key")) == later


async def test_replies_expire_oldest_first_a_bounded_number_at_once(funded: Store) -> None:
    for at in (30, 10, 20, 40):
        reply = replace(REPLY, idempotency_key=f"key-{at}", created_at=at)
        await funded.run(replying(reply))
    assert await funded.run(lambda unit: unit.idempotency.expire(40, limit=2)) == 2
    left = [await funded.run(asking(f"key-{at}")) for at in (10, 20, 30, 40)]
    assert [reply.created_at if reply else None for reply in left] == [None, None, 30, 40]
    assert await funded.run(lambda unit: unit.idempotency.expire(40)) == 1
    assert await funded.run(lambda unit: unit.idempotency.expire(40)) == 0
