"""What the recorder's two threads do: write live recordings, and close finished ones. No threads in here."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from media.events import MediaEvent, RecordedParty, RecordingFacts, RecordingFailed, RecordingFinished
from media.recording.journal import Journal, JournalEntry, part_of, place_of
from media.recording.master_keys import MasterKeys
from media.recording.pauses import Pauses, pauses_ms
from media.recording.recovery import complete, duration_of
from media.recording.sealed_wav import SealedWavWriter
from media.recording.tap import LiveTap
from media.recording.timeline import CHANNELS, FRAME_BYTES, SAMPLE_RATE_HZ, Timeline
from media.recording.wav import WavWriter
from media.transcoding.recorded import RecordedAudio

WRITE_INTERVAL_S: Final = 1.0
GAP_FRAME: Final = 160  # samples of a channel in 20 ms
DISK_PATIENCE_S: Final = 10  # a disk that refuses for so long ends the recording; until then it has a gap

LOG: Final = logging.getLogger(__name__)
_FOLDER_MODE: Final = 0o750


@dataclass(slots=True)
class LiveRecording:
    """A recording from its start to the hand-over to the closer. `path` is relative to the recordings folder."""

    call_id: str
    path: str
    place: Path
    tap: LiveTap
    timeline: Timeline
    wav: WavWriter | SealedWavWriter
    write_at: float
    audio: RecordedAudio = field(default_factory=RecordedAudio)
    pauses: Pauses = field(default_factory=Pauses)
    sealed_key: str | None = None
    written: bool = False
    refused: OSError | None = None
    lost_bytes: int = 0  # what the disk refused,
    refused_bytes: int = 0  # and of that, what it refused since it last took something
    cut_short: bool = False
    faulty: bool = False  # a defect was met in writing it, and told of

    @property
    def part(self) -> Path:
        """The file being written."""
        return part_of(self.place)

    @property
    def gap_frames(self) -> int:
        """Frames of 20 ms that never reached the file: dropped at the queue, or refused by the disk."""
        return self.tap.gap_frames + CHANNELS * self.lost_frames

    @property
    def lost_frames(self) -> int:
        """Those of each channel that the disk refused."""
        return self.lost_bytes // (FRAME_BYTES * GAP_FRAME)

    @property
    def given_up(self) -> bool:
        """Whether the disk has refused for too long."""
        return self.refused_bytes > DISK_PATIENCE_S * SAMPLE_RATE_HZ * FRAME_BYTES

    def entry(self, gap_frames: int = 0) -> JournalEntry:
        """What stands of it in the journal."""
        return JournalEntry(self.call_id, self.path, gap_frames, self.pauses.all, self.sealed_key, self.cut_short)

    def append(self, pcm: bytes) -> None:
        """Write PCM that the timeline has just given, silence where it is paused.

        What the disk refuses is silence in the file, so that what comes later stands in its place.
        """
        pcm = self.pauses.silenced(pcm, self.timeline.written - len(pcm) // FRAME_BYTES)
        try:
            self.wav.append(pcm)
        except OSError as error:
            if self.refused is None:
                LOG.warning("recording of call %s has a gap: %s", self.call_id, error)
            self.refused = error
            self.lost_bytes += len(pcm)
            self.refused_bytes += len(pcm)
            self.wav.leave_out(len(pcm))
        else:
            self.refused_bytes = 0
            self.written = True

    def end(self, pcm_bytes: int) -> None:
        """Bring the file to its length. OSError, also where the disk took nothing at all of it.

        Where it may not become so long (RLIMIT_FSIZE) it ends before what was refused last.
        """
        try:
            self.wav.truncate(pcm_bytes)
        except OSError:
            if not self.refused_bytes:
                raise
            self.wav.truncate(self.timeline.written * FRAME_BYTES - self.refused_bytes)
            self.cut_short = True
        if self.refused is not None and not self.written:
            raise self.refused

    def facts(self, duration_ms: int) -> RecordingFacts:
        """What is told of it beside its audio."""
        parties = tuple(self._party(channel, duration_ms) for channel in range(CHANNELS))
        return RecordingFacts(parties, pauses_ms(self.pauses.all, duration_ms), self.cut_short)

    def _party(self, channel: int, duration_ms: int) -> RecordedParty:
        timeline = self.timeline
        drift_ppm = timeline.drift_of(channel)
        return RecordedParty(
            silent_ms=max(0, duration_ms - round(timeline.heard[channel] * 1000 / SAMPLE_RATE_HZ)),
            gaps=timeline.gaps[channel],
            gap_frames=self.tap.gap_frames_of(channel) + self.lost_frames,
            discarded_packets=timeline.discarded_of(channel),
            drift_ppm=None if drift_ppm is None else round(drift_ppm, 1),
        )


class RecordingWriter:
    """Places the queued packets of all live recordings and appends what is settled to their files."""

    def __init__(
        self,
        root: Path,
        journal: Journal,
        on_event: Callable[[MediaEvent], None],
        hand_over: Callable[[LiveRecording], None],
        sealing: MasterKeys | None = None,
    ) -> None:
        """`hand_over` takes a recording that is written whole, still to be synced, closed and named. `sealing`: the
        keys to seal recordings with; None: they are plain."""
        self._root = root
        self._journal = journal
        self._on_event = on_event
        self._hand_over = hand_over
        self._sealing = sealing
        self._live: dict[str, LiveRecording] = {}
        self.failed = 0
        self.cut_short = 0
        self.gap_frames = 0
        self.discarded_packets = 0

    @property
    def live(self) -> int:
        """Recordings being written."""
        return len(self._live)

    def begin(self, call_id: str, path: str, started_at: float, tap: LiveTap) -> None:
        """Make the file; `RecordingFailed` when it cannot be made."""
        try:
            if call_id in self._live:
                raise ValueError("this call is being recorded already")
            place = place_of(self._root, path)
            wav, sealed_key = self._create(place, call_id, path)
        except (OSError, ValueError) as error:
            tap.close()
            self._fail(call_id, path, error)
            return
        live = LiveRecording(call_id, path, place, tap, Timeline(started_at), wav, started_at + WRITE_INTERVAL_S)
        live.sealed_key = sealed_key
        self._live[call_id] = live

    def _create(self, place: Path, call_id: str, path: str) -> tuple[WavWriter | SealedWavWriter, str | None]:
        """The file, and its key where it is sealed: that is written down before there is anything it opens."""
        place.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        if place.exists():
            raise FileExistsError(f"{path} exists")
        seal, sealed_key = (None, None) if self._sealing is None else self._sealing.new_seal(call_id)
        entry = JournalEntry(call_id, path, sealed_key=sealed_key)
        self._journal.write(entry)
        part = part_of(place)
        try:
            return WavWriter(part) if seal is None else SealedWavWriter(part, seal), sealed_key
        except OSError:
            self._journal.remove(entry.call_id)
            raise

    def turn(self, now: float) -> None:
        """Empty every queue; write what is due. `now` monotonic seconds, read before the call."""
        for live in list(self._live.values()):
            with _alone(live):
                self._turn_of(live, now)

    def _turn_of(self, live: LiveRecording, now: float) -> None:
        self._place_queued(live)
        if now < live.write_at:
            return
        live.write_at = now + WRITE_INTERVAL_S
        while pcm := live.timeline.drain(now):
            live.append(pcm)
        if live.given_up:
            self._cut_short(live)

    def pause(self, call_id: str, at: float) -> None:
        """Write silence for both channels from monotonic second `at` on; unknown calls are ignored."""
        live = self._live.get(call_id)
        if live is not None:
            live.pauses.begin(live.timeline.position_at(at))
            self._note(live)

    def resume(self, call_id: str, at: float) -> None:
        """Write what is heard again from monotonic second `at` on; unknown calls are ignored."""
        live = self._live.get(call_id)
        if live is not None:
            live.pauses.end(live.timeline.position_at(at))
            self._note(live)

    def _note(self, live: LiveRecording) -> None:
        # Only a start after a crash reads it; what is paused is silent whatever the disk says.
        with suppress(OSError):
            self._journal.write(live.entry())

    def _cut_short(self, live: LiveRecording) -> None:
        """End a recording whose disk takes nothing any more, with what there is of it."""
        live.cut_short = True
        live.lost_bytes -= live.refused_bytes  # they are no gap: the file ends before them
        self._end(live, live.timeline.written * FRAME_BYTES - live.refused_bytes)

    def finish(self, call_id: str, ended_at: float) -> None:
        """Write the rest up to monotonic second `ended_at` and hand over; unknown calls are ignored."""
        live = self._live.get(call_id)
        if live is None:
            return
        live.tap.close()
        with _alone(live):
            self._place_queued(live)
        with _alone(live):
            for pcm in live.timeline.finish(ended_at):
                live.append(pcm)
        self._end(live, max(0, live.timeline.position_at(ended_at)) * FRAME_BYTES)

    def _end(self, live: LiveRecording, pcm_bytes: int) -> None:
        try:
            live.end(pcm_bytes)
        except OSError as error:
            self._drop(live, error)
            return
        except Exception:
            LOG.exception("recording of call %s cannot be ended now: the next start does so", live.call_id)
            self._leave(live)
            return
        if live.cut_short:
            LOG.error("recording of call %s ends before the call: %s", live.call_id, live.refused)
            self.cut_short += 1
        self._forget(live)
        self._hand_over(live)

    def finish_all(self, ended_at: float) -> None:
        """Finish every live recording."""
        for live in list(self._live.values()):
            with _alone(live):
                self.finish(live.call_id, ended_at)

    def abandon(self, call_id: str) -> None:
        """Stop and delete, without an event."""
        live = self._live.get(call_id)
        if live is not None:
            self._remove_files(live)

    def _place_queued(self, live: LiveRecording) -> None:
        put = live.timeline.put
        for packet in live.tap.take():
            put(*live.audio.as_g711(packet))

    def _drop(self, live: LiveRecording, error: OSError) -> None:
        left = not self._remove_files(live)
        self._fail(live.call_id, live.path, error, left=left)

    def _leave(self, live: LiveRecording) -> None:
        """Write it no further, and let what there is of it be found as after a crash."""
        self.failed += 1
        self._forget(live)
        with suppress(OSError):
            live.wav.close()

    def _remove_files(self, live: LiveRecording) -> bool:
        self._forget(live)
        return discard(live, self._journal)

    def _forget(self, live: LiveRecording) -> None:
        live.tap.close()
        del self._live[live.call_id]
        self.gap_frames += live.gap_frames
        self.discarded_packets += live.timeline.discarded

    def _fail(self, call_id: str, path: str, error: Exception, *, left: bool = False) -> None:
        self.failed += 1
        self._on_event(RecordingFailed(call_id, path, str(error), left))


class RecordingCloser:
    """Syncs, names and reports recordings that are written whole."""

    def __init__(self, journal: Journal, on_event: Callable[[MediaEvent], None]) -> None:
        self._journal = journal
        self._on_event = on_event
        self.finished = 0
        self.failed = 0

    def close(self, live: LiveRecording) -> None:
        """Bring one to its end: `RecordingFinished`, or `RecordingFailed` when the disk refuses."""
        gap_frames = live.gap_frames
        try:
            if gap_frames or live.cut_short:
                # Only a start after a crash reads it: that it cannot be noted now is no reason to lose the recording.
                with suppress(OSError):
                    self._journal.write(live.entry(gap_frames))
            live.wav.sync()
            complete(live.part, live.place)
        except OSError as error:
            left = not discard(live, self._journal)
            self.failed += 1
            self._on_event(RecordingFailed(live.call_id, live.path, str(error), left))
            return
        with suppress(OSError):  # it is synced
            live.wav.close()
        self.finished += 1
        duration_ms = duration_of(live.wav.pcm_bytes)
        facts = live.facts(duration_ms)
        self._on_event(RecordingFinished(live.call_id, live.path, duration_ms, gap_frames, live.sealed_key, facts))

    def acknowledge(self, call_id: str) -> None:
        """Forget a recording that somebody else now knows of; where the disk refuses, `recover` reports it again."""
        with suppress(OSError):
            self._journal.remove(call_id)

    def leave(self, call_id: str) -> None:
        """Forget a recording that is nobody's: the key of a sealed one comes to lie beside it. As `acknowledge`."""
        with suppress(OSError, ValueError):
            self._journal.keep_key(call_id)
            self._journal.remove(call_id)


@contextmanager
def _alone(live: LiveRecording) -> Iterator[None]:
    """A defect of ours costs this recording what it was about to write, and no other anything."""
    try:
        yield
    except Exception:
        if not live.faulty:  # told once, and not turn after turn
            LOG.exception("recording of call %s has a gap by a defect", live.call_id)
        live.faulty = True


def discard(live: LiveRecording, journal: Journal) -> bool:
    """Remove what there is of a recording, as far as the disk allows; whether its file is gone."""
    with suppress(OSError):
        live.wav.close()
    try:
        live.part.unlink(missing_ok=True)
    except OSError:
        return False  # its entry stays, too: the next start finds it
    with suppress(OSError):
        journal.remove(live.call_id)
    return True
