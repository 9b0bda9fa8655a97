"""A phone on a real socket of loopback: answers every call at once with an RTP port that the test gives, or calls."""

import asyncio

from b2bua.sip.events import Answered, ByeReceived, IncomingInvite, UserAgentEvent
from b2bua.sip.routing import LocalAddress, TransportAddress
from b2bua.sip.settings import OutgoingInvite, UserAgentSettings
from b2bua.sip.user_agent import UserAgent
from b2bua.tokens import SystemTokens
from b2bua.transport.endpoint import SipEndpoint
from b2bua.transport.udp import UdpTransport
from tests.support.udp import open_udp


class LoopbackPhone:
    """See the module. `media_port`: where the far end of its newest call wants RTP, once that is told."""

    def __init__(self, port: int, rtp_port: int) -> None:
        self.port = port
        self.answered = asyncio.Event()
        self.hung_up = asyncio.Event()
        self.media_port = 0
        self._sdp = (
            f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {rtp_port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
        ).encode()
        bound = TransportAddress("udp", "127.0.0.1", port)
        settings = UserAgentSettings(locals=(LocalAddress(bound, bound.host, port),), user_agent="loopback phone")
        loop = asyncio.get_running_loop()
        user_agent = UserAgent(settings, SystemTokens())
        self._endpoint = SipEndpoint(user_agent, loop, lambda _source: True, self._on_event)
        self._transport: UdpTransport | None = None
        self._usage = 0

    async def open(self) -> None:
        """Listen."""
        self._transport = await open_udp("127.0.0.1", self.port, self._endpoint, asyncio.get_running_loop())

    def call(self, caller: str, user: str, port: int) -> None:
        """Call `user` at a port of loopback, as `caller`; `answered` is set once that is answered."""
        self.answered.clear()
        self._usage = self._endpoint.invite(
            OutgoingInvite(
                request_uri=f"sip:{user}@127.0.0.1:{port}",
                from_uri=f"sip:{caller}@127.0.0.1:{self.port}",
                to_uri=f"sip:{user}@127.0.0.1:{port}",
                destination=TransportAddress("udp", "127.0.0.1", port),
                body=self._sdp,
            )
        )

    def lose_next(self, method: str, times: int = 1) -> None:
        """Let the next requests of this method be lost on their way here."""
        received, left = self._endpoint.received, [None] * times

        def lossy(content: bytes, source: TransportAddress, local: TransportAddress) -> None:
            if content.startswith(f"{method} ".encode()) and left:
                left.pop()
                return
            received(content, source, local)

        self._endpoint.received = lossy  # type: ignore[method-assign]

    def hang_up(self) -> None:
        """BYE."""
        self._endpoint.hang_up(self._usage)

    def close(self) -> None:
        """Listen no more."""
        self._endpoint.close()
        if self._transport is not None:
            self._transport.close()

    def _on_event(self, event: UserAgentEvent) -> None:
        if isinstance(event, IncomingInvite):
            self.media_port = _audio_port(event.request.body)
            self._endpoint.respond(event.transaction, 200, body=self._sdp, content_type="application/sdp")
            self._usage = event.usage
            self.answered.set()
        elif isinstance(event, Answered):
            self.media_port = _audio_port(event.body)
            self.answered.set()
        elif isinstance(event, ByeReceived):
            self.hung_up.set()


def _audio_port(sdp: bytes) -> int:
    return int(next(line for line in sdp.decode().splitlines() if line.startswith("m=audio ")).split()[1])
