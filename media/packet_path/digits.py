"""Digits of ours on the clock: sent as telephone-event (RFC 4733), in the audio to legs that take none."""

import heapq
import struct
from collections import deque
from itertools import count
from typing import Final

from media.codecs.table import CLOCK_RATE_HZ
from media.digit_tones import digit_tones
from media.packet_path.pacing import next_on_grid
from media.packet_path.relay import clock_step
from media.packet_path.sent_event import SentEvent
from media.packet_path.stream import UNROUTED, DigitRun, Outbound
from media.rtp.dtmf import DIGITS, DURATION_MAX, END_REPEATS, EventPayload
from media.rtp.packet import MARKER, VERSION_2
from media.tones import frame_ticks, silence

# Digits of one leg that wait for their turn; those beyond are left out and counted.
DIGITS_WAITING_MAX: Final = 32
# Shorter presses are made this long, so that receivers take them (ITU-T Q.24); longer ones are cut.
SHORTEST_MS: Final = 60
LONGEST_MS: Final = 8000
# Between two digits; a whole number of packets, this long at least.
PAUSE_MS: Final = 60
# The level that an event tells, in -dBm0: that of the tones in the audio.
_VOLUME: Final = 8
# After a longer stall than this many packets the digit goes on from now, instead of in a burst.
_CATCH_UP_PACKETS: Final = 3

_header: Final = struct.Struct("!BBHII").pack


class DigitSender:
    """Sends digits to legs, each leg's one after the other. Relayed audio and tones are left out meanwhile."""

    def __init__(self) -> None:
        self._tones = digit_tones()
        self._silence = silence()
        self._deadlines: list[tuple[float, int, Outbound, DigitRun]] = []
        self._order = count()

    @property
    def next_due(self) -> float | None:
        """When `advance` has something to do."""
        return self._deadlines[0][0] if self._deadlines else None

    def send(self, out: Outbound, digit: str, duration_ms: int, now: float) -> None:
        """Send a digit once those before it are sent."""
        length_ms = min(max(duration_ms, SHORTEST_MS), LONGEST_MS)
        if out.digits is not None:
            if len(out.digits.waiting) < DIGITS_WAITING_MAX:
                out.digits.waiting.append((digit, length_ms))
            else:
                out.digits_refused += 1
            return
        due = next_on_grid(now)
        run = DigitRun(deque([(digit, length_ms)]), due)
        self._next(out, run, pause_ms=_still_to_pause_ms(out))
        out.digits = run
        out.update_bar()
        heapq.heappush(self._deadlines, (due, next(self._order), out, run))

    def advance(self, now: float) -> None:
        """Send every packet that is due."""
        deadlines = self._deadlines
        while deadlines and deadlines[0][0] <= now:
            _, order, out, run = deadlines[0]
            if out.digits is run and self._step(out, run, now):
                heapq.heapreplace(deadlines, (run.due, order, out, run))
            else:
                heapq.heappop(deadlines)

    def _step(self, out: Outbound, run: DigitRun, now: float) -> bool:
        """Send the packet that is due; False when no digit is left."""
        if _is_over(run):
            if not run.waiting:
                out.digits = None
                out.update_bar()
                return False
            self._next(out, run, PAUSE_MS)
        samples = _samples(out, run)
        if (now - run.due) * CLOCK_RATE_HZ >= _CATCH_UP_PACKETS * samples:
            run.due = now
            if run.in_band:
                run.timestamp = None
        if run.in_band:
            self._send_tone(out, run, samples)
        elif run.position >= 0:
            self._send_event(out, run, samples)
        run.position += samples
        run.due += samples / CLOCK_RATE_HZ
        return True

    @staticmethod
    def _next(out: Outbound, run: DigitRun, pause_ms: int) -> None:
        """Begin the digit that has waited longest, a pause before it."""
        run.digit, length_ms = run.waiting.popleft()
        run.in_band = out.dtmf_payload_type is None
        samples = _samples(out, run)
        run.length = length_ms * CLOCK_RATE_HZ // 1000
        run.position = -samples * -(-pause_ms * CLOCK_RATE_HZ // (1000 * samples))
        run.ends = END_REPEATS
        run.timestamp = None
        run.event = None

    def _send_tone(self, out: Outbound, run: DigitRun, samples: int) -> None:
        if out.payload_type == UNROUTED:
            return
        tone = self._tones[run.digit] if run.position >= 0 else self._silence
        frame = tone.frame(out.codec, max(run.position, 0), samples)
        timestamp, marker = run.timestamp, 0
        if timestamp is None:
            timestamp, marker = out.timestamp + clock_step(out, run.due), MARKER
        run.timestamp = timestamp + samples * out.clock_rate_hz // CLOCK_RATE_HZ
        _send(out, marker | out.payload_type, timestamp, frame, run.due)
        if out.may_send:
            out.toned = out.sequence

    @staticmethod
    def _send_event(out: Outbound, run: DigitRun, samples: int) -> None:
        """One packet of the event: growing while it lasts, then the end, thrice (RFC 4733 section 2.5.1)."""
        duration = run.position + samples
        ended = duration >= run.length
        if ended:
            duration = run.length
            run.ends -= 1
        if out.dtmf_payload_type is None:
            return
        event, marker = run.event, 0
        if event is None:
            began, marker = (out.timestamp + clock_step(out, run.due)) & 0xFFFFFFFF, MARKER
            event = run.event = SentEvent(out.ssrc, DIGITS.index(run.digit), began, began)
        rates_hz = CLOCK_RATE_HZ, out.dtmf_clock_rate_hz
        part = event.part(event.timestamp, duration, ended, *rates_hz, may_grow=True)
        if part.completes is not None:
            whole = EventPayload(event.code, False, _VOLUME, DURATION_MAX).render()
            _send(out, out.dtmf_payload_type, part.completes, whole, _shown_at(out, part.completes))
        payload = EventPayload(event.code, ended, _VOLUME, part.duration).render()
        sent_at = run.due if marker else _shown_at(out, part.timestamp)
        _send(out, marker | out.dtmf_payload_type, part.timestamp, payload, sent_at)


def _still_to_pause_ms(out: Outbound) -> int:
    """What a pause still lacks since the newest tone in the audio: while a key is down, its leg sends no audio, and who
    joins packet to packet, whatever their timestamps say, would hear the tones of two presses as one."""
    if out.toned is None or out.dtmf_payload_type is not None:
        return 0
    sent_ms = ((out.sequence - out.toned) & 0xFFFF) * out.frame_samples * 1000 // out.clock_rate_hz
    return max(PAUSE_MS - sent_ms, 0)


def _samples(out: Outbound, run: DigitRun) -> int:
    """How much a packet carries, in 8 kHz samples."""
    ticks = frame_ticks(out.codec, out.frame_samples) if run.in_band else out.frame_samples
    return ticks * CLOCK_RATE_HZ // out.clock_rate_hz


def _shown_at(out: Outbound, timestamp: int) -> float | None:
    """When our clock shows a timestamp that is not before the newest sent; None where none was sent."""
    if out.sent_at is None:
        return None
    return out.sent_at + ((timestamp - out.timestamp) & 0xFFFFFFFF) / out.clock_rate_hz


def _is_over(run: DigitRun) -> bool:
    return run.position >= run.length if run.in_band else not run.ends


def _send(out: Outbound, second: int, timestamp: int, payload: bytes, sent_at: float | None) -> None:
    """Send a packet that stands for `timestamp`, which our clock showed at `sent_at`."""
    if not out.may_send:
        return
    out.source = None
    out.sequence = (out.sequence + 1) & 0xFFFF
    out.timestamp = timestamp & 0xFFFFFFFF
    out.sent_at = sent_at
    try:
        out.send(_header(VERSION_2, second, out.sequence, out.timestamp, out.ssrc) + payload)
    except OSError:
        out.send_failed += 1
        return
    out.packets += 1
    out.octets += len(payload)
