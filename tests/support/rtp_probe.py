"""An RTP endpoint in the test's own process: it stands where a SIPp leg's SDP points, sends a tone and hears tones."""

import asyncio
import math
import socket
import struct
from collections.abc import Iterable
from typing import Final

from b2bua.clock import SystemClock

RATE_HZ = 8000
FRAME = 160
PCMA = 8
_AUDIBLE = 0.02
_SO_TIMESTAMPNS: Final = 35
_TIMESPEC: Final = struct.Struct("@qq")
_READ_AT_ONCE: Final = 256


class RtpProbe:
    """A-law only. `heard` has the samples of each packet in order of arrival, and when it came, on the loop's clock.

    The kernel says when: a busy test reads the fuller of two sockets later than the other.
    """

    def __init__(self, bound: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self.heard: list[tuple[float, list[int]]] = []
        self._socket = bound
        self._loop = loop

    @classmethod
    async def open(cls) -> "RtpProbe":
        """A probe on a free port of loopback."""
        loop = asyncio.get_running_loop()
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        bound.bind(("127.0.0.1", 0))
        probe = cls(bound, loop)
        loop.add_reader(bound.fileno(), probe._read)
        return probe

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    def _read(self) -> None:
        for _ in range(_READ_AT_ONCE):
            try:
                data, [(_, _, stamp)], _, _ = self._socket.recvmsg(2048, 64)
            except BlockingIOError:
                return
            seconds, nanoseconds = _TIMESPEC.unpack(stamp)
            if len(data) > 12 and data[1] & 0x7F == PCMA:
                waited_s = SystemClock().wall_ms() / 1000 - (seconds + nanoseconds / 1e9)
                self.heard.append((self._loop.time() - waited_s, [_FROM_A_LAW[code] for code in data[12:]]))

    def close(self) -> None:
        """Stop listening; harmless when it has stopped."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    async def speak(self, port: int, tone_hz: float, seconds: float) -> None:
        """Send a tone to a port of loopback, a packet every 20 ms."""
        loop = self._loop
        began = loop.time()
        for number in range(int(seconds * RATE_HZ / FRAME)):
            first = number * FRAME
            frame = bytes(
                _to_a_law(0.4 * math.sin(2 * math.pi * tone_hz * n / RATE_HZ)) for n in range(first, first + FRAME)
            )
            header = struct.pack("!BBHII", 0x80, PCMA, number & 0xFFFF, first, 0x5EED)
            self._socket.sendto(header + frame, ("127.0.0.1", port))
            await asyncio.sleep(max(began + (number + 1) * 0.02 - loop.time(), 0))

    def first_heard(self, tone_hz: float, since: float = 0.0) -> float | None:
        """When the first packet came that carries this tone, on the loop's clock."""
        return next((at for at, frame in self.heard if at >= since and amplitude(frame, tone_hz) > _AUDIBLE), None)


def amplitude(samples: Iterable[int], tone_hz: float) -> float:
    """The amplitude of one tone, full scale 1.0 (Goertzel's algorithm)."""
    coefficient = 2 * math.cos(2 * math.pi * tone_hz / RATE_HZ)
    older = newer = 0.0
    count = 0
    for sample in samples:
        older, newer = newer, sample + coefficient * newer - older
        count += 1
    power = older * older + newer * newer - coefficient * older * newer
    return 2 * math.sqrt(max(power, 0.0)) / (max(count, 1) * 32768)


def _linear_of(code: int) -> int:
    toggled = code ^ 0x55
    exponent, mantissa = (toggled & 0x70) >> 4, (toggled & 0x0F) << 4
    magnitude = mantissa + 8 if exponent == 0 else (mantissa + 0x108) << (exponent - 1)
    return magnitude if toggled & 0x80 else -magnitude


_FROM_A_LAW = tuple(_linear_of(code) for code in range(256))
_BY_VALUE = sorted(range(256), key=_FROM_A_LAW.__getitem__)


def _to_a_law(value: float) -> int:
    """The nearest code, by bisection: slow and plainly right."""
    wanted = value * 32767
    low, high = 0, 255
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _FROM_A_LAW[_BY_VALUE[middle]] <= wanted else (low, middle)
    return _BY_VALUE[low]


def to_a_law_tone(tone_hz: float) -> bytes:
    """20 ms of a tone; a whole number of its periods for a multiple of 50 Hz."""
    return bytes(_to_a_law(0.4 * math.sin(2 * math.pi * tone_hz * n / RATE_HZ)) for n in range(FRAME))
