"""One direction of a call turned from one codec into another: packets in, frames of the sink's codec out.

Its timeline follows the source's RTP timestamps. It counts samples, from 0 on and never back; a source that begins anew
goes on where the last one would be by the clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from media.codecs.linear import SAMPLE_BYTES, loudness, silence
from media.codecs.opus import NO_WISHES, OpusDecoder, OpusWishes
from media.codecs.speech import Decoder, common_rate_hz, frame_bytes, new_decoder, new_encoder
from media.codecs.table import BY_NUMBER, CLOCK_RATE_HZ, COMFORT_NOISE
from media.errors import UndecodableAudio
from media.packet_path.repacketiser import Frame
from media.rtp.packet import MARKER
from media.transcoding.concealment import Concealment
from media.transcoding.packets import Ordering, Packet

# Lost audio that is made up; what else is missing is a pause.
CONCEALED_MS: Final = 100
# A frame that was begun and whose source has gone quiet for this long is sent, filled up with silence.
STALE_S: Final = 0.1
# An Opus source that is quiet for this long is taken to send nothing on purpose (DTX, RFC 7587 section 3.1.3) unless it
# said so before: shorter gaps are left to the listener's jitter buffer.
PAUSE_S: Final = 0.06
# A frame of noise is made this long after its place, so that speech that is only late finds it free.
_NOISE_WAIT_S: Final = 0.01
# While the source sends nothing on purpose, its background noise goes on for this long at most after its last word;
# encoders renew it every 0.4 s.
NOISE_S: Final = 1.0
# What the source's timestamps and its audio may differ by before the one follows the other: a packet. Up to a few, it
# waits for a quiet one.
_SLACK_MS: Final = 20
_SLACK_MS_MAX: Final = 100
_QUIET: Final = 200  # loudness of 16-bit samples, about -44 dBov
# A step of the timestamps beyond this is a new beginning.
_JUMP_MS: Final = 10_000
# Opus with nothing but its first octet, or one more: the encoder says that it sends nothing for a while.
_PAUSE_BYTES: Final = 2
_OPUS_UNITS_PER_S: Final = 400  # what Opus makes up comes in these


@dataclass(frozen=True, slots=True)
class Target:
    """What is to come out: the sink's codec, how much of it in a packet, and what the sink asks of an Opus encoder."""

    codec: int
    ptime_ms: int = 20
    wishes: OpusWishes = NO_WISHES


class _Voice:
    """The decoder of one source: what its codec is, and where its timestamps lie on the timeline."""

    def __init__(self, packet: Packet, rate_hz: int, position: int) -> None:
        self.ssrc = packet.ssrc
        self.codec = packet.codec
        self._rate_hz = rate_hz
        self._clock_rate_hz = BY_NUMBER[packet.codec].clock_rate_hz
        self._decoder: Decoder = new_decoder(packet.codec, rate_hz)
        self._concealment = Concealment(rate_hz)
        self._timestamp = packet.timestamp
        self._ticks = position * self._clock_rate_hz // rate_hz  # `timestamp` on the timeline

    def is_continued_by(self, packet: Packet) -> bool:
        """Whether the next packet is of the same source and has no timestamp before the newest: then it began anew."""
        return (
            self.ssrc == packet.ssrc
            and self.codec == packet.codec
            and (packet.timestamp - self._timestamp) & 0xFFFFFFFF < 0x80000000
        )

    def position_of(self, timestamp: int) -> int:
        """The sample that a timestamp stands for."""
        self._ticks += (timestamp - self._timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        self._timestamp = timestamp
        return self._ticks * self._rate_hz // self._clock_rate_hz

    def decode(self, payload: bytes) -> bytes:
        """A packet's samples. UndecodableAudio."""
        samples = self._decoder.decode(payload)
        if not isinstance(self._decoder, OpusDecoder):
            self._concealment.heard(samples)
        return samples

    def conceal(self, count: int, following: bytes = b"") -> bytes:
        """About `count` samples in place of lost ones; Opus may have the last of them in the packet `following`."""
        decoder = self._decoder
        if not isinstance(decoder, OpusDecoder):
            return self._concealment.conceal(count)
        unit = self._rate_hz // _OPUS_UNITS_PER_S
        count -= count % unit
        copied = min(decoder.length_of(following), count) if following else 0
        made = decoder.conceal(count - copied) if count > copied else b""
        return made + decoder.recover(following, copied) if copied else made

    def patience_s(self, payload: bytes) -> float | None:
        """For how long nothing may come after the packet before it is a pause with its background noise; None: for
        ever."""
        if not isinstance(self._decoder, OpusDecoder):
            return None
        return 0.0 if len(payload) <= _PAUSE_BYTES else PAUSE_S


class Conversion:
    """Turns what one source sends into frames for one sink. Time is monotonic seconds.

    `lost` counts packets that were made up, `undecodable` those that were not what they said.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.lost = 0
        self.undecodable = 0
        self._spoilt = 0  # packets that are as good as lost, and not made up yet
        self._ordering = Ordering()
        self._voice: _Voice | None = None
        self._arrival = 0.0
        self._frames: list[Frame] = []
        # When the next frame of noise has its place, and how long after that it is made.
        self._noise_due: float | None = None
        self._noise_wait_s = _NOISE_WAIT_S
        self._rate_hz = CLOCK_RATE_HZ
        self._next = 0  # the sample that follows the last decoded one
        self._begin_encoding(CLOCK_RATE_HZ)

    @property
    def due(self) -> float | None:
        """When `advance` has something to do without another packet."""
        dues = [due for due in (self._ordering.due, self._noise_from, self._stale_at) if due is not None]
        return min(dues, default=None)

    @property
    def late(self) -> int:
        """Packets that came too late."""
        return self._ordering.late

    def put(self, packet: Packet) -> list[Frame]:
        """Take a packet; what can be sent now."""
        self._take(self._ordering.put(packet))
        return self._finished()

    def advance(self, now: float) -> list[Frame]:
        """Do what is due; what can be sent now."""
        self._take(self._ordering.give_up(now))
        self._make_noise(now)
        if self._stale_at is not None and now >= self._stale_at:
            self._fill_up()
        return self._finished()

    @property
    def _noise_from(self) -> float | None:
        # Where packets wait for one that is missing, it is that which comes next.
        if self._noise_due is None or self._ordering.due is not None:
            return None
        return self._noise_due + self._noise_wait_s

    @property
    def _stale_at(self) -> float | None:
        return self._arrival + STALE_S if self._pending and self._noise_due is None else None

    def _finished(self) -> list[Frame]:
        frames, self._frames = self._frames, []
        return frames

    def _take(self, packets: Iterator[tuple[Packet, int]]) -> None:
        for packet, lost in packets:
            if packet.codec in BY_NUMBER and packet.payload:
                try:
                    self._audio(packet, lost + self._spoilt)
                    self._spoilt = 0
                except UndecodableAudio:
                    self.undecodable += 1
                    self._spoilt += lost + 1
            elif packet.codec < 0:
                continue  # of no format that was agreed to: it only leaves no gap
            else:
                self._pause(packet.codec)
            self._arrival = packet.arrival

    def _pause(self, codec: int) -> None:
        """An event, comfort noise, or audio that the sink takes as it is: the packet path makes it heard. No noise must
        come in between, nor, but for an event, a frame that was begun."""
        self._noise_due = None
        if codec == COMFORT_NOISE or codec in BY_NUMBER:
            self._pending = b""
        if codec in BY_NUMBER:
            self._voice = None  # what its timestamps have counted meanwhile is another codec's

    def _audio(self, packet: Packet, lost: int) -> None:
        voice = self._voice
        if voice is None or not voice.is_continued_by(packet):
            voice = self._begin(packet)
        missing = voice.position_of(packet.timestamp) - self._next
        if abs(missing) > _JUMP_MS * self._rate_hz // 1000:
            voice = self._begin(packet)
            missing = 0
        if lost and missing > 0:
            self.lost += lost
            self._conceal(voice, missing, packet.payload)
            missing = voice.position_of(packet.timestamp) - self._next
        samples = self._follow(voice.decode(packet.payload), missing)
        if packet.marker and not self._pending:
            self._marker = MARKER
        self._await_pause(voice, packet, len(samples) // SAMPLE_BYTES)
        self._encode(samples)

    def _await_pause(self, voice: _Voice, packet: Packet, count: int) -> None:
        patience_s = voice.patience_s(packet.payload)
        self._noise_due = None if patience_s is None else packet.arrival + count / self._rate_hz
        self._noise_wait_s = max(patience_s or 0.0, _NOISE_WAIT_S)

    def _begin(self, packet: Packet) -> _Voice:
        """A source, or the same one anew: it goes on by the clock."""
        rate_hz = common_rate_hz(packet.codec, self.target.codec)
        if rate_hz != self._rate_hz:
            self._fill_up()
            self._next = self._next * rate_hz // self._rate_hz
            self._begin_encoding(rate_hz)
        if self._voice is not None:
            self._jump(self._next + max(round((packet.arrival - self._arrival) * rate_hz), 0))
        self._voice = _Voice(packet, rate_hz, self._next)
        return self._voice

    def _begin_encoding(self, rate_hz: int) -> None:
        target = self.target
        self._rate_hz = rate_hz
        self._encoder = new_encoder(target.codec, rate_hz, target.wishes)
        self._frame_bytes = frame_bytes(target.codec, target.ptime_ms, rate_hz)
        self._pending = b""
        self._marker = 0

    def _conceal(self, voice: _Voice, missing: int, following: bytes) -> None:
        longest = CONCEALED_MS * self._rate_hz // 1000
        if missing <= longest:
            self._encode(voice.conceal(missing, following))
        else:
            self._encode(voice.conceal(longest))

    def _follow(self, samples: bytes, missing: int) -> bytes:
        """Let the timeline follow the source's timestamps: over a pause at once; where they and the audio drift apart,
        by leaving out or adding a packet, a quiet one if one comes in time."""
        slack, most = (ms * self._rate_hz // 1000 for ms in (_SLACK_MS, _SLACK_MS_MAX))
        if missing > slack:
            self._jump(self._next + missing)
        elif missing < -slack and (missing < -most or loudness(samples) < _QUIET):
            return samples[-missing * SAMPLE_BYTES :]
        return samples

    def _jump(self, position: int) -> None:
        """Go on from a later sample."""
        self._fill_up()
        self._next = max(position, self._next)

    def _fill_up(self) -> None:
        """Send the frame that was begun, silence behind what is there."""
        if self._pending:
            self._encode(silence((self._frame_bytes - len(self._pending)) // SAMPLE_BYTES))

    def _encode(self, samples: bytes) -> None:
        """Cut what there is into frames and encode them."""
        pending = self._pending + samples
        position = self._next - len(self._pending) // SAMPLE_BYTES
        self._next += len(samples) // SAMPLE_BYTES
        size = self._frame_bytes
        whole = len(pending) - len(pending) % size
        clock_rate_hz = BY_NUMBER[self.target.codec].clock_rate_hz
        for start in range(0, whole, size):
            at = position + start // SAMPLE_BYTES
            timestamp = at * clock_rate_hz // self._rate_hz & 0xFFFFFFFF
            self._frames.append((timestamp, self._marker, self._encoder.encode(pending[start : start + size])))
            self._marker = 0
        self._pending = pending[whole:]

    def _make_noise(self, now: float) -> None:
        """The source's background, frame by frame, while it says that it sends nothing."""
        while self._noise_due is not None and self._noise_from is not None and self._noise_from <= now:
            if self._noise_due > self._arrival + NOISE_S:
                self._noise_due = None
                return
            assert self._voice is not None
            self._encode(self._voice.conceal(self._frame_bytes // SAMPLE_BYTES))
            self._noise_due += self._frame_s()
            self._noise_wait_s = _NOISE_WAIT_S

    def _frame_s(self) -> float:
        return self._frame_bytes / SAMPLE_BYTES / self._rate_hz
