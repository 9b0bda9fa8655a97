"""What requests and replies are made of.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A stretch of a recording in which both channels are silent because it was paused; milliseconds from its
    start.
    """

    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedParty:
    """What became of one party's audio."""

    leg: Literal["a", "b"]
    channel: Literal["left", "right"]
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
    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Where a recording can be fetched, for a while, without a key, and what is known of it. Sizes and digests are
    of the files in plain, whether they are `encrypted` at rest or not.
    """

    call_sid: str
    recording_url: str
    url: str
    expires_at: datetime
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
    cut_short: bool
    """The disk ended the recording before the call did"""
    pauses: list[Pause]
    parties: list[RecordedParty]
