"""What requests and replies are made of.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

LiveRecording: TypeAlias = Literal["off", "on", "paused"]
"""Whether what the parties of a live call say is recorded, or streamed, at this moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPeaks:
    """The loudest of each stretch of one party's audio."""

    leg: Literal["a", "b"]
    """Which party: `a` or `b`"""
    channel: Literal["left", "right"]
    """The channel of the recording that the party is on"""
    peaks: list[int]
    """0 is silence, 255 full scale"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRecordingView:
    """Whether a live call is being recorded, or streamed, at this moment: `off`, `on` or `paused`."""

    call_sid: str
    """The call's id"""
    recording: LiveRecording
    """Whether it is recorded or streamed now"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A stretch of a recording in which both channels are silent because it was paused; milliseconds from its
    start.
    """

    from_ms: int
    """Where it begins, in milliseconds of the recording"""
    to_ms: int
    """Where it ends, in milliseconds of the recording; null: it lasts"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peaks:
    """What a drawing of a recording is made of: as many peaks of one party as of the other."""

    call_sid: str
    """The call's id"""
    duration_ms: int
    """Length in milliseconds"""
    interval_ms: int
    """How long each stretch is"""
    channels: list[ChannelPeaks]
    """A's, then B's"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedParty:
    """What became of one party's audio."""

    leg: Literal["a", "b"]
    """Which party: `a` or `b`"""
    channel: Literal["left", "right"]
    """The channel of the recording that the party is on"""
    silent_ms: int | None
    """Nothing was received for so long; it is silence in the recording"""
    gaps: int | None
    """How often what was received broke off and went on later"""
    gap_frames: int | None
    """Frames of 20 ms that were received and could not be written"""
    discarded_packets: int | None
    """Packets that came too late or could not be decoded"""
    packets_lost: int | None
    """RTP packets that never came, over the whole leg (RFC 3550)"""
    drift_ppm: float | None
    """How much faster the party's clock is than ours; corrected"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingPause:
    """Whether the recording of a live call is paused now."""

    call_sid: str
    """The call's id"""
    paused: bool
    """Whether it is paused"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Where a recording can be fetched, for a while, without a key, and what is known of it. Sizes and digests are
    of the files in plain, whether they are `encrypted` at rest or not.
    """

    call_sid: str
    """The call's id"""
    recording_url: str
    """A signed URL of the MP3, good for an hour"""
    url: str
    """The same as `recording_url`"""
    expires_at: datetime
    """When it ends by itself; null: never"""
    expires_in: int
    """Seconds until `url` ends"""
    format: Literal["mp3"]
    """Always `mp3`"""
    content_type: str
    """The media type of what `url` gives"""
    duration_ms: int
    """Length in milliseconds"""
    encrypted: bool
    """Whether its files are sealed"""
    size_bytes: int | None
    """Size of the MP3 in bytes"""
    sha256: str | None
    """SHA-256 of the MP3, in hex"""
    wav_size_bytes: int | None
    """Size of the WAV in bytes"""
    wav_sha256: str | None
    """SHA-256 of the WAV, in hex"""
    gap_frames: int
    """Frames of 20 ms that are silent because the disk did not keep up"""
    cut_short: bool
    """The disk ended the recording before the call did"""
    pauses: list[Pause]
    """What is left out, in order"""
    parties: list[RecordedParty]
    """What was received of either party"""
