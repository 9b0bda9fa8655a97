"""A browser that does what a test says: aiortc's ICE and DTLS, and RTP of the test's own making below its codecs."""

from collections.abc import Iterable
from typing import Any

from aioice import Connection
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import is_rtcp

from media.rtp.packet import RtpPacket, parse_packet

EVENTS = 126


class ScriptedBrowser:
    """`heard`: what came, decrypted, in its order. `further`: ICE sessions after the first.

    Of aiortc no track, no jitter buffer and no decoder is used.
    """

    def __init__(self, configuration: RTCConfiguration | None = None) -> None:
        self.heard: list[RtpPacket] = []
        self.reports: list[bytes] = []
        self.further: list[Connection] = []
        self._sequence = 100
        self.connection = RTCPeerConnection(configuration or RTCConfiguration(iceServers=[]))
        self.connection.addTransceiver("audio", direction="sendrecv")

    async def offer(self) -> str:
        """Its offer, with the telephone-events that aiortc does not offer."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        text: str = self.connection.localDescription.sdp
        audio = next(line for line in text.splitlines() if line.startswith("m=audio"))
        return text.replace(audio, f"{audio} {EVENTS}") + f"a=rtpmap:{EVENTS} telephone-event/8000\r\n"

    async def take(self, answer: str) -> None:
        """Begin to connect with an answer."""
        # It knows nothing of telephone-events.
        lines = [line for line in answer.splitlines() if not line.startswith(("a=rtpmap:126", "a=fmtp:126"))]
        text = "\r\n".join(line.removesuffix(f" {EVENTS}") for line in lines) + "\r\n"
        self._listen()
        await self.connection.setRemoteDescription(RTCSessionDescription(text, "answer"))

    def _listen(self) -> None:
        transport = self.transport

        async def rtp(data: bytes, arrival_time_ms: int) -> None:
            packet = parse_packet(data)
            assert packet is not None
            self.heard.append(packet)

        async def rtcp(data: bytes) -> None:
            self.reports.append(data)

        transport._handle_rtp_data = rtp
        transport._handle_rtcp_data = rtcp

    @property
    def transport(self) -> Any:
        """Its DTLS transport."""
        return self.connection.getTransceivers()[0].receiver.transport

    @property
    def ice(self) -> Any:
        """The ICE library's connection."""
        return self.transport.transport._connection

    async def say(self, payload: bytes) -> None:
        """Send 20 ms of PCMA."""
        await self._say(payload, 8, self._sequence * 160)

    async def press(self, payloads: Iterable[bytes]) -> None:
        """Send the telephone-events of one key, all with the time when it was pressed (RFC 4733 section 2.2)."""
        pressed = self._sequence * 160
        for payload in payloads:
            await self._say(payload, EVENTS, pressed)

    async def _say(self, payload: bytes, payload_type: int, timestamp: int) -> None:
        packet = RtpPacket(payload_type, self._sequence, timestamp, 0xB0B, payload)
        self._sequence += 1
        await self.send(packet.render())

    async def send(self, packet: bytes) -> None:
        """Send RTP or RTCP."""
        assert is_rtcp(packet) or packet[0] & 0xC0 == 0x80
        await self.transport._send_rtp(packet)

    async def close(self) -> None:
        """Leave, and say so."""
        await self.connection.close()
        for each in self.further:
            await each.close()
