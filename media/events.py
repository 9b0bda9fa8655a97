"""What the media engine tells: frozen values through one callable, on the event loop's thread."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class MediaStarted:
    """The first RTP packet of a leg was accepted since its remote address was set (at monotonic second `at`)."""

    leg: str
    at: float


@dataclass(frozen=True, slots=True)
class DigitBegun:
    """A key is down: its telephone-event (RFC 4733) has begun. `DigitPressed` follows when it is over."""

    leg: str
    digit: str


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """One telephone-event (RFC 4733) ended; exactly one of these per key press. `digit`: 0-9 * # A-D."""

    leg: str
    digit: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class DigitHeard:
    """A key's tones were in a leg's audio (ITU-T Q.23) and are over. `digit`: 0-9 * # A-D."""

    leg: str
    digit: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class MediaLost:
    """No RTP, comfort noise or RTCP from a leg for longer than its timeout (seconds of silence in `idle_s`)."""

    leg: str
    idle_s: float


@dataclass(frozen=True, slots=True)
class HoldChanged:
    """A leg has been put on hold by its far end, or is there again."""

    leg: str
    on_hold: bool


@dataclass(frozen=True, slots=True)
class RemoteMoved:
    """A leg's far end has named another address or port than before: the call has perhaps gone to another device."""

    leg: str


@dataclass(frozen=True, slots=True)
class PlaybackFinished:
    """A tone with an end has been played out to a leg."""

    leg: str
    tone: str


@dataclass(frozen=True, slots=True)
class RecordedParty:
    """What became of one party's audio in a recording.

    `silent_ms`: nothing was received for so long; `gaps`: how often what it sent broke off and went on. `gap_frames` of
    20 ms and `discarded_packets` were received and could not be written or placed. `drift_ppm`: by how much its clock
    is faster than ours; None: it did not speak for long enough to tell.
    """

    silent_ms: int
    gaps: int
    gap_frames: int
    discarded_packets: int
    drift_ppm: float | None


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    """What is known of a recording beside its audio: both `parties`, A first (none after a crash), its `pauses` in
    milliseconds from its beginning, and whether the disk ended it before the call did."""

    parties: tuple[RecordedParty, ...] = ()
    pauses: tuple[tuple[int, int], ...] = ()
    cut_short: bool = False


@dataclass(frozen=True, slots=True)
class RecordingFinished:
    """A recording's WAV is complete under its final name. `gap_frames` of 20 ms never reached it.

    `sealed_key` opens it, under a master key; None: it is plain.
    """

    call_id: str
    wav_path: str
    duration_ms: int
    gap_frames: int
    sealed_key: str | None = field(default=None, repr=False)
    facts: RecordingFacts = field(default=RecordingFacts(), compare=False)


@dataclass(frozen=True, slots=True)
class RecordingFailed:
    """A recording could not be written; the call is not touched by it. `left`: what there is of it could not be
    deleted either."""

    call_id: str
    wav_path: str
    error: str
    left: bool = False


MediaEvent = (
    MediaStarted
    | DigitBegun
    | DigitPressed
    | DigitHeard
    | MediaLost
    | HoldChanged
    | RemoteMoved
    | PlaybackFinished
    | RecordingFinished
    | RecordingFailed
)
