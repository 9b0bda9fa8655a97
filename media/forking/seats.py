"""A supervisor's place at a call: the plain RTP of its browser's gateway, what it says and what it is to hear."""

from enum import StrEnum
from typing import Final, Protocol

from media.codecs.linear import loudness, mixed
from media.codecs.opus import NO_WISHES
from media.codecs.speech import NARROW_HZ, new_encoder
from media.codecs.table import BY_NAME
from media.errors import PortsExhausted
from media.forking.playout import FRAMES_PER_S, Playout, silent_frame
from media.packet_path.interface import Address
from media.rtp.packet import RtpPacket, parse_packet
from media.transcoding.packets import Packet
from media.udp_pairs import open_pair

LOOPBACK: Final = "127.0.0.1"
_DATAGRAM_MAX: Final = 2048
# Packets that are taken at once: what comes faster is no speech.
_TAKEN_MAX: Final = 10
# Who is as loud as this speaks (16-bit samples, about -40 dBov), and is taken to go on for a while between words.
_SPEECH: Final = 330
_PAUSE_S: Final = 0.6


class Mode(StrEnum):
    """Whom a supervisor speaks to: nobody, one party without the other, or both."""

    LISTEN = "listen"
    WHISPER_A = "whisper_a"
    WHISPER_B = "whisper_b"
    BARGE = "barge"


_SPEAKS_TO: Final = {Mode.LISTEN: (), Mode.WHISPER_A: (0,), Mode.WHISPER_B: (1,), Mode.BARGE: (0, 1)}


class SeatLine(Protocol):
    """Where a supervisor's audio comes from and goes to."""

    @property
    def address(self) -> Address:
        """Where RTP is taken."""
        ...

    def take(self) -> list[bytes]:
        """Datagrams that have come, at most a few at a time; never waits."""
        ...

    def send(self, packet: bytes) -> None:
        """Send a datagram; what cannot be sent now is left out."""
        ...

    def close(self) -> None:
        """Close it; harmless when it is closed."""
        ...


class PlainLine:
    """A pair of UDP ports on loopback, RTP and RTCP, for one peer on this machine. PortsExhausted."""

    def __init__(self, peer: Address) -> None:
        self._peer = peer
        try:
            opened = open_pair(LOOPBACK)
        except OSError as error:
            raise PortsExhausted(f"no UDP port can be opened: {error.strerror}") from error
        if opened is None:
            raise PortsExhausted("no pair of ports is free on loopback")
        self._rtp, self._rtcp = opened
        host, port = self._rtp.getsockname()[:2]
        self.address: Address = (host, port)

    def take(self) -> list[bytes]:
        """What the peer has sent; what others have is dropped."""
        taken = []
        for _ in range(_TAKEN_MAX):
            try:
                packet, source = self._rtp.recvfrom(_DATAGRAM_MAX)
            except OSError:
                break
            if source[1] == self._peer[1]:
                taken.append(packet)
        self._pass_over_control()
        return taken

    def send(self, packet: bytes) -> None:
        """Send to the peer."""
        try:
            self._rtp.sendto(packet, self._peer)
        except OSError:
            return

    def close(self) -> None:
        """Close both."""
        self._rtp.close()
        self._rtcp.close()

    def _pass_over_control(self) -> None:
        for _ in range(_TAKEN_MAX):
            try:
                self._rtcp.recv(_DATAGRAM_MAX)
            except OSError:
                return


class Seat:
    """One supervisor at one call. Made and changed on the event loop's thread, used on that of `Forks`."""

    def __init__(
        self, call_id: str, line: SeatLine, codec: str, payload_type: int, mode: Mode, numbers: tuple[int, int, int]
    ) -> None:
        """`codec`: "PCMA", "PCMU" or "opus", both ways. `numbers`: SSRC, sequence number and timestamp that
        ours begin with."""
        self.call_id = call_id
        self.mode = mode
        self.line = line
        self._codec = BY_NAME[codec].number
        self._frame_ticks = BY_NAME[codec].clock_rate_hz // FRAMES_PER_S
        self._payload_type = payload_type
        self._encoder = new_encoder(self._codec, NARROW_HZ, NO_WISHES)
        self._ssrc, self._sequence, self._timestamp = numbers
        self._playout = Playout(NARROW_HZ)
        self._speaks_until = 0.0

    @property
    def address(self) -> Address:
        """Where it takes the gateway's RTP."""
        return self.line.address

    def speech(self, at: float) -> bytes | None:
        """The next 20 ms of what the supervisor says, at 8 kHz; None for nothing. To be called every 20 ms."""
        for datagram in self.line.take():
            packet = parse_packet(datagram)
            if packet is not None and packet.payload_type == self._payload_type and packet.payload:
                marker = 0x80 if packet.marker else 0
                self._playout.put(
                    Packet(at, packet.ssrc, packet.sequence, packet.timestamp, marker, self._codec, packet.payload)
                )
        frame = self._playout.take(at)
        if frame is not None and loudness(frame) >= _SPEECH:
            self._speaks_until = at + _PAUSE_S
        return frame

    def speaks_to(self, channel: int, at: float) -> bool:
        """Whether what it says is for party A (0) or B (1) now: with barge always, with whisper while it speaks."""
        if channel not in _SPEAKS_TO[self.mode]:
            return False
        return self.mode is Mode.BARGE or at < self._speaks_until

    def hear(self, a: bytes | None, b: bytes | None) -> None:
        """Send the supervisor 20 ms of both parties at once, at 8 kHz; silence where nobody says anything."""
        samples = mixed(a, b) if a is not None and b is not None else a or b or silent_frame(NARROW_HZ)
        self._sequence = self._sequence + 1 & 0xFFFF
        self._timestamp = self._timestamp + self._frame_ticks & 0xFFFFFFFF
        payload = self._encoder.encode(samples)
        self.line.send(RtpPacket(self._payload_type, self._sequence, self._timestamp, self._ssrc, payload).render())
