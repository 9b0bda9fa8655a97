"""SRTP for a scripted phone: it answers and offers a=crypto lines, seals what it says and opens what it hears."""

import base64

from pylibsrtp import Session

from b2bua.sip.events import IncomingInvite
from media.rtp.packet import RtpPacket, parse_packet
from media.rtp.srtp import AES_CM_128_HMAC_SHA1_80, Suite
from tests.support.scripted_phone import Answering, Phone
from tests.support.srtp_party import master, opener, sealer


class PhoneSrtp:
    """Made for a phone, and in force from its answer on. `answers` is its `on_invite`.

    `ours`: the product's key for this leg as the INVITE's SDP has it; `own`: the phone's.
    """

    def __init__(self, phone: Phone, suite: Suite = AES_CM_128_HMAC_SHA1_80, *, protocol: str = "RTP/SAVP") -> None:
        self.phone = phone
        self.suite = suite
        self.protocol = protocol
        self.own = master(suite, 200)
        self.ours = b""
        self.tag = 0
        self._sealer: Session | None = None
        self._opener: Session | None = None
        self._opened: list[RtpPacket] = []
        self._read = 0

    def answers(self, after_s: float = 1.0) -> Answering:
        """Ring, then answer with a key."""

        def behave(phone: Phone, event: IncomingInvite) -> None:
            phone.respond(180)
            self.take(event.request.body)
            phone.clock.call_later(after_s, lambda: phone.respond(200, self.sdp(), to=event))

        return behave

    def take(self, offer: bytes) -> None:
        """Take the line of our suite in an offer, and begin."""
        for line in offer.decode().split("\r\n"):
            name, _, value = line.partition(":")
            if name == "a=crypto" and value.split()[1] == self.suite.name:
                self.tag = int(value.split()[0])
                self.begin(base64.b64decode(value.split("inline:")[1]))
                return
        raise AssertionError("the suite is not offered")

    def begin(self, ours: bytes) -> None:
        """Seal and open from now on."""
        if ours != self.ours:
            self.ours, self._opener = ours, opener(self.suite, ours)
        self._sealer = self._sealer or sealer(self.suite, self.own)
        self.phone.seal_rtp, self.phone.seal_rtcp = self._sealer.protect, self._sealer.protect_rtcp

    def rekey(self, number: int) -> None:
        """Seal with another key from now on; to be offered at once."""
        self.own = master(self.suite, number)
        self._sealer = sealer(self.suite, self.own)
        self.phone.seal_rtp, self.phone.seal_rtcp = self._sealer.protect, self._sealer.protect_rtcp

    def sdp(self, *, direction: str = "sendrecv", version: int = 1) -> bytes:
        """The phone's description with its key."""
        plain = self.phone.persona.sdp(direction=direction, version=version)
        line = f"a=crypto:{self.tag} {self.suite.name} inline:{base64.b64encode(self.own).decode()}|2^31\r\n"
        return plain.replace(b" RTP/AVP ", f" {self.protocol} ".encode()) + line.encode()

    def heard(self) -> list[RtpPacket]:
        """All that came so far, opened; every packet must be authentic."""
        assert self._opener is not None, "no key has been agreed on"
        for content in self.phone.received_rtp[self._read :]:
            packet = parse_packet(self._opener.unprotect(content))
            assert packet is not None
            self._opened.append(packet)
        self._read = len(self.phone.received_rtp)
        return self._opened

    def reports(self) -> list[bytes]:
        """The RTCP that came, opened."""
        assert self._opener is not None, "no key has been agreed on"
        return [self._opener.unprotect_rtcp(content) for content in self.phone.received_rtcp]

    def secrets(self) -> set[bytes]:
        """Both keys of this leg, as bytes and as they stand in SDP."""
        keys = {self.own, self.ours}
        return keys | {base64.b64encode(key) for key in keys}
