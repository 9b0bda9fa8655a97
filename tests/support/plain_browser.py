"""A browser of one socket that does each step of ICE and DTLS when a test says so: what a whole stack would not do."""

import asyncio
import datetime
import socket
from contextlib import suppress

from aioice import stun

from media.packet_path.protection import available_suites
from media.rtp.packet import RtpPacket, parse_packet
from media.webrtc.candidates import parse_candidate
from media.webrtc.certificate import make_certificate
from media.webrtc.dtls import DtlsAssociation, DtlsIdentity
from media.webrtc.fingerprints import parse_fingerprint
from media.webrtc.srtp import BrowserSrtp, PacketBuffer

PASSWORD = "plainpasswordofabrowser1"
_NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
_PRIORITY = 2_130_706_431


class PlainBrowser:
    """`lite`: it only answers checks (RFC 8445 section 2.5). `setup`: of its offer. `nominated`, `checked`: what the
    other side has asked of it, and whether a check of its own was answered. `disputes_roles`: it answers each check
    that the roles are in conflict. `unheard`: datagrams of DTLS that came before it knew who answers."""

    def __init__(self, setup: str, *, lite: bool, host: str = "127.0.0.1") -> None:
        self._setup = setup
        self._lite = lite
        self._host = host
        self.socket = self._opened()
        self._identity = DtlsIdentity(make_certificate(_NOW, 77), available_suites())
        self._buffer = PacketBuffer()
        self._srtp: BrowserSrtp | None = None
        self.dtls: DtlsAssociation | None = None
        self.heard: list[RtpPacket] = []
        self.nominated = False
        self.checked = False
        self.answers_checks = True
        self.disputes_roles = False
        self.checks_heard = 0
        self.unheard = 0
        self._sequence = 0
        self._own_ufrag = "plainfrag"

    def _opened(self) -> socket.socket:
        opened = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET, socket.SOCK_DGRAM)
        opened.bind((self._host, 0))
        opened.setblocking(False)
        asyncio.get_running_loop().add_reader(opened, self._readable)
        return opened

    def move(self) -> None:
        """Be at another port from now on, as a NAT has it that forgot the one before."""
        self.close()
        self.socket = self._opened()

    def renew(self) -> None:
        """Have another user fragment: its next offer restarts ICE."""
        self._own_ufrag += "2"
        self.checked = self.nominated = False

    def offer(self, formats: str = "8 126") -> str:
        """Its offer, with its one candidate."""
        version = 6 if ":" in self._host else 4
        lines = [
            "v=0",
            "o=- 1 1 IN IP4 127.0.0.1",
            "s=-",
            "t=0 0",
            *(["a=ice-lite"] if self._lite else []),
            f"m=audio 9 UDP/TLS/RTP/SAVPF {formats}",
            f"c=IN IP{version} {self._host}",
            f"a=ice-ufrag:{self._own_ufrag}",
            f"a=ice-pwd:{PASSWORD}",
            f"a=fingerprint:{self._identity.fingerprint.render()}",
            f"a=setup:{self._setup}",
            "a=mid:0",
            "a=rtcp-mux",
            "a=rtpmap:111 opus/48000/2",
            "a=rtpmap:110 telephone-event/48000",
            "a=rtpmap:126 telephone-event/8000",
            f"a=candidate:1 1 udp {_PRIORITY} {self._host} {self.socket.getsockname()[1]} typ host",
        ]
        return "\r\n".join(lines) + "\r\n"

    def take(self, answer: str) -> None:
        """Learn who answers."""
        said = dict(line[2:].split(":", 1) for line in answer.splitlines() if line.startswith("a=") and ":" in line)
        candidates = [
            parsed
            for line in answer.splitlines()
            if line.startswith("a=candidate:") and (parsed := parse_candidate(line[12:])) is not None
        ]
        self._theirs = next(
            (each.address, each.port) for each in candidates if (":" in each.address) == (":" in self._host)
        )
        self._ufrag, self._password = said["ice-ufrag"], said["ice-pwd"]
        if self.dtls is not None:
            return
        fingerprint = parse_fingerprint(said["fingerprint"])
        assert fingerprint is not None
        self.dtls = DtlsAssociation(self._identity, (fingerprint,), said["setup"] == "passive")
        if said["setup"] == "active":
            self._flow(self.dtls.start())

    def check(self, *, nominate: bool) -> None:
        """Send a check of its own."""
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{self._ufrag}:{self._own_ufrag}"
        request.attributes["PRIORITY"] = _PRIORITY
        request.attributes["ICE-CONTROLLING"] = 2**64 - 1
        if nominate:
            request.attributes["USE-CANDIDATE"] = None
        request.add_message_integrity(self._password.encode())
        self.socket.sendto(bytes(request), self._theirs)

    def begin_handshake(self) -> None:
        """Send a ClientHello."""
        assert self.dtls is not None
        self._flow(self.dtls.start())

    def say(self, payload: bytes, payload_type: int = 8, ticks: int = 160) -> None:
        """Send a packet of audio."""
        assert self._srtp is not None
        self._sequence += 1
        packet = RtpPacket(payload_type, self._sequence, self._sequence * ticks, 0xB0B, payload)
        sealed = self._srtp.seal_rtp(self._buffer.put(packet.render()))
        self.socket.sendto(self._buffer.view[:sealed], self._theirs)

    def close(self) -> None:
        """Go, saying nothing."""
        asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()

    def _readable(self) -> None:
        with suppress(BlockingIOError):
            while True:
                datagram, origin = self.socket.recvfrom(2048)
                self._received(datagram, (origin[0], origin[1]))

    def _received(self, datagram: bytes, origin: tuple[str, int]) -> None:
        first = datagram[0]
        if first < 4:
            self._stun(datagram, origin)
        elif first < 64:
            if self.dtls is None:
                self.unheard += 1
            else:
                self._flow(self.dtls.receive(datagram))
        elif first > 127 and self._srtp is not None and not 192 <= datagram[1] <= 223:
            opened = self._srtp.open_rtp(self._buffer.put(datagram))
            packet = parse_packet(bytes(self._buffer.view[:opened]))
            assert packet is not None
            self.heard.append(packet)

    def _stun(self, datagram: bytes, origin: tuple[str, int]) -> None:
        message = stun.parse_message(datagram)
        if message.message_class == stun.Class.RESPONSE:
            self.checked = True
        elif message.message_class == stun.Class.REQUEST and self.answers_checks:
            self.checks_heard += 1
            self.nominated = self.nominated or "USE-CANDIDATE" in message.attributes
            response = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, message.transaction_id)
            if self.disputes_roles:
                response.message_class = stun.Class.ERROR
                response.attributes["ERROR-CODE"] = (487, "Role Conflict")
            response.attributes["XOR-MAPPED-ADDRESS"] = origin
            response.add_message_integrity(PASSWORD.encode())
            self.socket.sendto(bytes(response), origin)

    def _flow(self, datagrams: list[bytes]) -> None:
        assert self.dtls is not None
        for datagram in datagrams:
            self.socket.sendto(datagram, self._theirs)
        if self.dtls.keys is not None and self._srtp is None:
            self._srtp = BrowserSrtp(self.dtls.keys, self._buffer)
