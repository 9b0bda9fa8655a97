"""What one call of the demo left behind, gathered before anything is judged."""

from dataclasses import dataclass, field
from pathlib import Path

from b2bua.demo.client import Reply
from b2bua.demo.phone import Party, Report
from b2bua.demo.receiver import Received
from b2bua.demo.sound import Sound


@dataclass(frozen=True, slots=True)
class PhoneEvidence:
    """One phone's part of a call: its reports, and every SIP byte it received from this call's beginning on."""

    party: Party
    sip_port: int
    ringing: Report | None
    answered: Report | None
    ended: Report | None
    first_audio: Report | None
    ringback: Report | None
    received: bytes


@dataclass(frozen=True, slots=True)
class RecordingEvidence:
    """The recording as it lies on the disk and as it was fetched. `ffmpeg_said` is empty when it could be decoded."""

    wav_path: Path
    wav: Sound | None
    mp3_path: Path
    mp3: Sound | None
    ffmpeg_said: str
    whole: Reply
    part: Reply
    tampered: Reply


@dataclass(frozen=True, slots=True)
class CallEvidence:
    """All of one call. Money in rupees as the API gave it; `hung_up_by` a or b."""

    call_sid: str
    masked_number: str
    hung_up_by: str
    a: PhoneEvidence
    b: PhoneEvidence
    status: dict[str, object]
    balance_before: dict[str, object]
    balance_after: dict[str, object]
    recording: RecordingEvidence | None
    webhooks: tuple[Received, ...] = field(default=())

    @property
    def talk_s(self) -> float | None:
        """From B's 200 to the first BYE, by the phones' own clocks."""
        ended = self.b.ended if self.hung_up_by == "b" else self.a.ended
        return ended.at - self.b.answered.at if ended and self.b.answered else None

    @property
    def first_audio_ms(self) -> float | None:
        """From B's 200 to the first packet of B's voice at A."""
        if self.b.answered is None or self.a.first_audio is None:
            return None
        return (self.a.first_audio.at - self.b.answered.at) * 1000
