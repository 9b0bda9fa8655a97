"""Recordings and remembered replies."""

import json
from dataclasses import asdict, astuple
from typing import Any

from storage.codec import to_json
from storage.errors import UnknownRecord
from storage.queries import Parameters, Queries, Row
from storage.records import IdempotentReply, PurgedBy, RecordedParty, Recording, RecordingFacts, RecordingFiles


def _recording_of(row: Row) -> Recording:
    *noted, purged_by, files_left, facts = row[:12]
    files = RecordingFiles(*row[12:]) if row[12] is not None else None
    who = None if purged_by is None else PurgedBy(purged_by)
    return Recording(*(*noted, who, bool(files_left), _facts_of(json.loads(facts)), files))


def _facts_of(value: dict[str, Any]) -> RecordingFacts:
    return RecordingFacts(
        parties=tuple(RecordedParty(**party) for party in value.get("parties", ())),
        pauses=tuple((began_ms, ended_ms) for began_ms, ended_ms in value.get("pauses", ())),
        cut_short=value.get("cut_short", False),
    )


def _files_row(files: RecordingFiles | None) -> tuple[int | str | None, ...]:
    return (None, None, None, None) if files is None else astuple(files)


class Recordings:
    """Finished recordings: where their files lie."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def add(self, recording: Recording) -> bool:
        """Note a finished recording; False when the call has one already. IllegalState: its WAV path is taken."""
        row = (
            recording.call_id,
            recording.org_id,
            recording.wav_path,
            recording.mp3_path,
            recording.duration_ms,
            recording.gap_frames,
            recording.created_at,
            recording.purged_at,
            recording.sealed_key,
            recording.purged_by,
            recording.files_left,
            to_json(asdict(recording.facts)),
            *_files_row(recording.files),
        )
        return self._queries.run("recordings.add", row) == 1

    def get(self, call_id: str) -> Recording | None:
        """A call's recording, a purged one too."""
        row = self._queries.one("recordings.recording", (call_id,))
        return None if row is None else _recording_of(row)

    def set_mp3(self, call_id: str, mp3_path: str, files: RecordingFiles) -> None:
        """Note where its MP3 lies, and what the files are. UnknownRecord: no such recording, or it was purged."""
        parameters = {"call_id": call_id, "mp3_path": mp3_path} | asdict(files)
        if self._queries.run("recordings.set_mp3", parameters) == 0:
            raise UnknownRecord(f"no recording of call {call_id}")

    def set_peaks(self, call_id: str, peaks: bytes) -> None:
        """Note what a drawing of it is made of; of a purged one nothing is noted."""
        self._queries.run("recordings.set_peaks", {"call_id": call_id, "peaks": peaks})

    def peaks(self, call_id: str) -> bytes | None:
        """What a drawing of it is made of; None where nothing is known, or it was purged."""
        row = self._queries.one("recordings.peaks", (call_id,))
        return None if row is None else bytes(row[0])

    def purge(self, call_id: str, at: int, by: PurgedBy) -> bool:
        """It may be heard no more: its key is forgotten and its files are to be deleted. UnknownRecord.

        False where that was done before: the first time stands.
        """
        parameters = {"call_id": call_id, "at": at, "by": by}
        if self._queries.run("recordings.purge", parameters) == 1:
            return True
        if self.get(call_id) is None:
            raise UnknownRecord(f"no recording of call {call_id}")
        return False

    def files_gone(self, call_id: str) -> None:
        """Note that nothing of a purged recording is left."""
        self._queries.run("recordings.files_gone", (call_id,))

    def files_left(self, call_id: str) -> None:
        """Note that files of a purged recording were found: they are to be deleted. Of another nothing is noted."""
        self._queries.run("recordings.files_left", (call_id,))

    def replace_key(self, call_id: str, replaced: str, sealed_key: str) -> bool:
        """Put a key sealed anew in place of one; False where that is not what there is."""
        parameters = {"call_id": call_id, "replaced": replaced, "sealed_key": sealed_key}
        return self._queries.run("recordings.replace_key", parameters) == 1

    def without_mp3(self, limit: int) -> list[Recording]:
        """Recordings of finished calls whose MP3 is still to be made, oldest first."""
        return self._all("recordings.without_mp3", (limit,))

    def overdue(self, now: int, default_days: int, limit: int) -> list[Recording]:
        """Recordings kept for longer than their organisation's `retention_days`, or `default_days` where it has none;
        0 is for ever."""
        return self._all("recordings.overdue", {"now": now, "default_days": default_days, "limit": limit})

    def with_files_left(self, after: str, limit: int) -> list[Recording]:
        """Purged recordings whose files may still be there, in the order of the call ids that follow `after`."""
        return self._all("recordings.with_files_left", (after, limit))

    def kept(self, after: str, limit: int) -> list[Recording]:
        """Recordings that are not purged, in the order of the call ids that follow `after`."""
        return self._all("recordings.kept", (after, limit))

    def path_taken(self, wav_path: str) -> bool:
        """Whether a recording lies, or lay, under this path."""
        return self._queries.one("recordings.path_taken", (wav_path,)) is not None

    def _all(self, statement: str, parameters: Parameters) -> list[Recording]:
        return [_recording_of(row) for row in self._queries.all(statement, parameters)]


class Idempotency:
    """Replies already given, by organisation and Idempotency-Key."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def get(self, org_id: str, idempotency_key: str) -> IdempotentReply | None:
        """The reply given under a key, however old: the caller judges whether it still counts."""
        row = self._queries.one("idempotency.reply", (org_id, idempotency_key))
        return None if row is None else IdempotentReply(*row)

    def put(self, reply: IdempotentReply) -> None:
        """Remember a reply in place of any under the same key."""
        row = (
            reply.org_id,
            reply.idempotency_key,
            reply.body_sha256,
            reply.call_id,
            reply.request_id,
            reply.created_at,
        )
        self._queries.run("idempotency.put", row)

    def forget(self, org_id: str, idempotency_key: str, call_id: str) -> None:
        """Forget the reply under a key, where it told of this call: it was never given."""
        self._queries.run("idempotency.forget", (org_id, idempotency_key, call_id))

    def expire(self, before: int, limit: int = 1000) -> int:
        """Forget replies given before a time, at most `limit` of them, oldest first: how many it were."""
        return self._queries.run("idempotency.expire", {"before": before, "limit": limit})
