"""What goes over the wire about recordings: part of `control_api.schemas`."""

from typing import Annotated, Final, Literal

from pydantic import Field

from b2bua.call.model import LiveRecording
from control_api.facade import RecordingPeaks
from control_api.schemas import RECORDING_CONTENT_TYPE, Timestamp, Wire, enveloped
from control_api.timestamps import render_timestamp
from storage.records import CallRecord, RecordedParty, Recording


class PauseView(Wire):
    """A stretch of a recording in which both channels are silent because it was paused; milliseconds from its start."""

    from_ms: int
    to_ms: int


class RecordedPartyView(Wire):
    """What became of one party's audio."""

    leg: Literal["a", "b"]
    channel: Literal["left", "right"]
    silent_ms: int | None = Field(description="Nothing was received for so long; it is silence in the recording")
    gaps: int | None = Field(description="How often what was received broke off and went on later")
    gap_frames: int | None = Field(description="Frames of 20 ms that were received and could not be written")
    discarded_packets: int | None = Field(description="Packets that came too late or could not be decoded")
    packets_lost: int | None = Field(description="RTP packets that never came, over the whole leg (RFC 3550)")
    drift_ppm: float | None = Field(description="How much faster the party's clock is than ours; corrected")


class RecordingView(Wire):
    """Where a recording can be fetched, for a while, without a key, and what is known of it.

    Sizes and digests are of the files in plain, whether they are `encrypted` at rest or not.
    """

    call_sid: str
    recording_url: str
    url: str
    expires_at: Timestamp
    expires_in: int
    format: Literal["mp3"]
    content_type: str
    duration_ms: int
    encrypted: bool
    size_bytes: int | None
    sha256: str | None
    wav_size_bytes: int | None
    wav_sha256: str | None
    gap_frames: int
    cut_short: bool = Field(description="The disk ended the recording before the call did")
    pauses: list[PauseView]
    parties: list[RecordedPartyView]


class RecordingPauseView(Wire):
    """Whether the recording of a live call is paused now."""

    call_sid: str
    paused: bool


class LiveRecordingView(Wire):
    """Whether a live call is being recorded, or streamed, at this moment: `off`, `on` or `paused`."""

    call_sid: str
    recording: LiveRecording = Field(description="Whether it is recorded or streamed now")


class ChannelPeaksView(Wire):
    """The loudest of each stretch of one party's audio."""

    leg: Literal["a", "b"]
    channel: Literal["left", "right"]
    peaks: list[Annotated[int, Field(ge=0, le=255)]] = Field(
        max_length=1000, description="0 is silence, 255 full scale"
    )


class PeaksView(Wire):
    """What a drawing of a recording is made of: as many peaks of one party as of the other."""

    call_sid: str
    duration_ms: int
    interval_ms: int = Field(description="How long each stretch is")
    channels: list[ChannelPeaksView] = Field(description="A's, then B's")


LiveRecordingReply: Final = enveloped("LiveRecordingReply", LiveRecordingView)
PeaksReply: Final = enveloped("PeaksReply", PeaksView)
RecordingReply: Final = enveloped("RecordingReply", RecordingView)
RecordingPauseReply: Final = enveloped("RecordingPauseReply", RecordingPauseView)


def recording_representation(
    recording: Recording, call: CallRecord | None, url: str, expires_at_s: int, expires_in_s: int
) -> dict[str, object]:
    """A signed URL, how long it holds, and what is known of the recording behind it."""
    files, facts = recording.files, recording.facts
    return {
        "call_sid": recording.call_id,
        "recording_url": url,
        "url": url,
        "expires_at": render_timestamp(expires_at_s * 1000),
        "expires_in": expires_in_s,
        "format": "mp3",
        "content_type": RECORDING_CONTENT_TYPE,
        "duration_ms": recording.duration_ms,
        "encrypted": recording.sealed_key is not None,
        "size_bytes": None if files is None else files.mp3_bytes,
        "sha256": None if files is None else files.mp3_sha256,
        "wav_size_bytes": None if files is None else files.wav_bytes,
        "wav_sha256": None if files is None else files.wav_sha256,
        "gap_frames": recording.gap_frames,
        "cut_short": facts.cut_short,
        "pauses": [{"from_ms": from_ms, "to_ms": to_ms} for from_ms, to_ms in facts.pauses],
        "parties": [_party(index, facts.parties[index : index + 1], call) for index in range(2)],
    }


def _party(index: int, known: tuple[RecordedParty, ...], call: CallRecord | None) -> dict[str, object]:
    """One party's; after a crash of ours hardly anything is known."""
    party = known[0] if known else None
    return {
        "leg": "ab"[index],
        "channel": ("left", "right")[index],
        "silent_ms": None if party is None else party.silent_ms,
        "gaps": None if party is None else party.gaps,
        "gap_frames": None if party is None else party.gap_frames,
        "discarded_packets": None if party is None else party.discarded_packets,
        "packets_lost": None if call is None else call.legs[index].packets_lost,
        "drift_ppm": None if party is None else party.drift_ppm,
    }


def recording_pause_representation(call_id: str, *, paused: bool) -> dict[str, object]:
    """The reply to a pause or a resumption."""
    return {"call_sid": call_id, "paused": paused}


def live_recording_representation(call_id: str, recording: LiveRecording) -> dict[str, object]:
    """Whether a live call is being recorded now."""
    return {"call_sid": call_id, "recording": recording}


def peaks_representation(call_id: str, duration_ms: int, peaks: RecordingPeaks) -> dict[str, object]:
    """The peaks of both parties."""
    channels = (("a", "left", peaks.left), ("b", "right", peaks.right))
    return {
        "call_sid": call_id,
        "duration_ms": duration_ms,
        "interval_ms": peaks.interval_ms,
        "channels": [{"leg": leg, "channel": channel, "peaks": list(found)} for leg, channel, found in channels],
    }
