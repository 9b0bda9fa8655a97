"""Tones on the clock: frames of each leg's packet time at deadlines that do not drift, for any number of legs."""

import heapq
import struct
from collections.abc import Callable
from itertools import count
from typing import Final

from media.codecs.table import CLOCK_RATE_HZ
from media.events import MediaEvent, PlaybackFinished
from media.packet_path.relay import clock_step
from media.packet_path.stream import UNROUTED, Outbound, Playback, Stream
from media.rtp.packet import MARKER, VERSION_2
from media.tones import Tone, comfort_noises, frame_ticks, noise_index

# After a stall at most so many frames are sent at once; those before them are left out.
CATCH_UP_FRAMES: Final = 3
# Tones and digits begin on a grid, so that many legs share a wake-up.
_GRID_S: Final = 0.005

_header: Final = struct.Struct("!BBHII").pack


class Pacer:
    """Plays tones to streams. Deadlines of tones that were stopped or replaced are passed over when they come."""

    def __init__(self, post: Callable[[MediaEvent], None]) -> None:
        self._post = post
        self._noises = comfort_noises()
        self._deadlines: list[tuple[float, int, Outbound, Playback]] = []
        self._order = count()
        self.played = 0

    @property
    def next_due(self) -> float | None:
        """When `advance` has something to do."""
        return self._deadlines[0][0] if self._deadlines else None

    def start(self, stream: Stream, tone: Tone, overrides: bool, now: float) -> None:
        """Play a tone in place of the one being played."""
        self._begin(stream.outbound, Playback(tone, overrides, next_on_grid(now), stream.leg))

    def start_noise(self, out: Outbound, level: int, now: float) -> None:
        """Let a leg hear noise of `level` in -dBov until its source says something again; a tone that overrides goes
        on."""
        noise, playback = self._noises[noise_index(level)], out.playback
        if playback is None or not (playback.overrides or playback.is_noise):
            self._begin(out, Playback(noise, False, next_on_grid(now), is_noise=True))
        elif playback.is_noise:
            playback.tone = noise

    def _begin(self, out: Outbound, playback: Playback) -> None:
        out.playback = playback
        out.update_bar()
        heapq.heappush(self._deadlines, (playback.due, next(self._order), out, playback))

    @staticmethod
    def stop(out: Outbound) -> None:
        """Stop the tone, without a `PlaybackFinished`."""
        out.playback = None
        out.update_bar()

    @classmethod
    def stop_noise(cls, out: Outbound | None) -> None:
        """Stop noise, and nothing else that is played."""
        if out is not None and out.playback is not None and out.playback.is_noise:
            cls.stop(out)

    def advance(self, now: float) -> None:
        """Send every frame that is due."""
        deadlines = self._deadlines
        while deadlines and deadlines[0][0] <= now:
            _, order, out, playback = deadlines[0]
            if out.playback is not playback:
                heapq.heappop(deadlines)
                continue
            if self._play(out, playback, now):
                heapq.heapreplace(deadlines, (playback.due, order, out, playback))
            else:
                heapq.heappop(deadlines)

    def _play(self, out: Outbound, playback: Playback, now: float) -> bool:
        """Send the frame that is due; False when the tone is over."""
        tone = playback.tone
        ticks = frame_ticks(out.codec, out.frame_samples)
        samples = ticks * CLOCK_RATE_HZ // out.clock_rate_hz
        behind = int((now - playback.due) * CLOCK_RATE_HZ / samples)
        if behind >= CATCH_UP_FRAMES:
            self._skip(playback, behind - CATCH_UP_FRAMES + 1, samples, ticks)
        if not tone.endless and playback.position >= tone.samples:
            self.stop(out)
            self._post(PlaybackFinished(playback.leg, tone.name))
            return False
        if playback.timestamp is None:
            playback.timestamp = out.timestamp + clock_step(out, playback.due)
        if out.digits is not None:
            playback.marker = MARKER
        elif out.may_send and out.payload_type != UNROUTED:
            self._send(out, playback, tone.frame(out.codec, playback.position, samples))
        playback.position += samples
        playback.timestamp += ticks
        playback.due += samples / CLOCK_RATE_HZ
        return True

    @staticmethod
    def _skip(playback: Playback, frames: int, samples: int, ticks: int) -> None:
        playback.position += frames * samples
        playback.due += frames * samples / CLOCK_RATE_HZ
        playback.marker = MARKER
        if playback.timestamp is not None:
            playback.timestamp += frames * ticks

    def _send(self, out: Outbound, playback: Playback, frame: bytes) -> None:
        assert playback.timestamp is not None
        out.source = None
        out.sequence = (out.sequence + 1) & 0xFFFF
        out.timestamp = playback.timestamp & 0xFFFFFFFF
        out.sent_at = playback.due
        header = _header(VERSION_2, playback.marker | out.payload_type, out.sequence, out.timestamp, out.ssrc)
        playback.marker = 0
        try:
            out.send(header + frame)
        except OSError:
            out.send_failed += 1
            return
        out.packets += 1
        out.octets += len(frame)
        self.played += 1


def next_on_grid(now: float) -> float:
    """The next point of the grid that tones and digits begin on, in monotonic seconds."""
    return (now // _GRID_S + 1) * _GRID_S
