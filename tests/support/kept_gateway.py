"""A gateway for browsers that keeps what it is asked, and the plain side of a browser without sockets."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from media.errors import BrowserRefused, UnknownBrowser, UnusableBrowserOffer, UnusableFragment
from media.packet_path.interface import Address
from media.rtp.packet import RtpPacket, parse_packet
from media.webrtc import interface as browser

OFFER = "v=0\r\n"


@dataclass
class KeptGateway:
    """Answers every offer that begins with v=0, unless `refuse_with` or `refuse_aim_with` is set."""

    sessions: dict[str, browser.BrowserWish] = field(default_factory=dict)
    aimed: dict[str, Address] = field(default_factory=dict)
    fragments: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    refuse_with: BrowserRefused | None = None
    refuse_aim_with: BrowserRefused | None = None

    async def answer(self, session: str, offer: str, wish: browser.BrowserWish) -> browser.BrowserAnswer:
        if self.refuse_with is not None:
            raise self.refuse_with
        if not offer.startswith(OFFER):
            raise UnusableBrowserOffer("it is no SDP")
        self.sessions[session] = wish
        return browser.BrowserAnswer("the answer", "PCMU", browser.PayloadTypes(0, 126), ("127.0.0.1", 50_000))

    async def aim(self, session: str, remote: Address, payload_types: browser.PayloadTypes) -> None:
        if self.refuse_aim_with is not None:
            raise self.refuse_aim_with
        self.aimed[session] = remote

    async def trickle(self, session: str, fragment: str) -> None:
        if session not in self.sessions:
            raise UnknownBrowser("no such session")
        if "candidate" not in fragment:
            raise UnusableFragment("there is none")
        self.fragments.append(fragment)

    async def restart(self, session: str, fragment_or_offer: str) -> str:
        if self.refuse_with is not None:
            raise self.refuse_with
        return fragment_or_offer

    async def close(self, session: str) -> None:
        self.sessions.pop(session, None)
        self.closed.append(session)

    def figures(self, session: str) -> browser.BrowserFigures | None:
        return None

    def counters(self) -> Mapping[str, float]:
        return {}


class KeptSeatLine:
    """What the supervisor is sent is kept, what it says is given."""

    address: Address = ("127.0.0.1", 40_000)

    def __init__(self, peer: Address = ("127.0.0.1", 50_000)) -> None:
        self.peer = peer
        self.said: list[bytes] = []
        self.sent: list[bytes] = []
        self.closed = False

    def take(self) -> list[bytes]:
        said, self.said = self.said, []
        return said

    def send(self, packet: bytes) -> None:
        self.sent.append(packet)

    def close(self) -> None:
        self.closed = True

    def packets(self) -> list[RtpPacket]:
        """What was sent, taken apart."""
        return [packet for packet in map(parse_packet, self.sent) if packet is not None]
