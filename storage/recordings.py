"""Recordings and remembered replies."""

from storage.errors import UnknownRecord
from storage.queries import Queries
from storage.records import IdempotentReply, Recording


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
        )
        return self._queries.run("recordings.add", row) == 1

    def get(self, call_id: str) -> Recording | None:
        """A call's recording, a purged one too."""
        row = self._queries.one("recordings.recording", (call_id,))
        return None if row is None else Recording(*row)

    def set_mp3(self, call_id: str, mp3_path: str) -> None:
        """Note where its MP3 lies. UnknownRecord: no such recording, or it was purged."""
        if self._queries.run("recordings.set_mp3", {"call_id": call_id, "mp3_path": mp3_path}) == 0:
            raise UnknownRecord(f"no recording of call {call_id}")

    def purge(self, call_id: str, at: int) -> None:
        """Note that its files are gone; done before, the first time stands. UnknownRecord."""
        if self._queries.run("recordings.purge", {"call_id": call_id, "at": at}) == 0:
            raise UnknownRecord(f"no recording of call {call_id}")

    def without_mp3(self, limit: int) -> list[Recording]:
        """Recordings whose MP3 is still to be made, oldest first."""
        return [Recording(*row) for row in self._queries.all("recordings.without_mp3", (limit,))]

    def kept_before(self, before: int, limit: int) -> list[Recording]:
        """Recordings made before a time and not purged, oldest first."""
        return [Recording(*row) for row in self._queries.all("recordings.kept_before", (before, limit))]

    def path_taken(self, wav_path: str) -> bool:
        """Whether a recording lies, or lay, under this path."""
        return self._queries.one("recordings.path_taken", (wav_path,)) is not None


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

    def expire(self, before: int, limit: int = 1000) -> int:
        """Forget replies given before a time, at most `limit` of them, oldest first: how many it were."""
        return self._queries.run("idempotency.expire", {"before": before, "limit": limit})
