"""A phone of a party: it does what a test says, keeps every byte it gets, and carries values nobody else may see."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from b2bua.sip.events import (
    Answered,
    ByeReceived,
    IncomingCancelled,
    IncomingInvite,
    IncomingRequest,
    Provisional,
    Rejected,
    RequestAnswered,
    UserAgentEvent,
)
from b2bua.sip.message import Request, Response
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import LocalAddress, TransportAddress
from b2bua.sip.settings import OutgoingInvite, UserAgentSettings
from b2bua.sip.user_agent import UserAgent
from b2bua.transport.endpoint import SipEndpoint
from media.rtp.dtmf import event_payloads
from media.rtp.packet import RtpPacket, parse_packet
from media.rtp.rtcp import Report, SenderInformation, build_cname, build_report, ntp_timestamp
from tests.support.lossy_network import LossyNetwork
from tests.support.manual_clock import ManualClock
from tests.support.seeded_tokens import SeededTokens

SILENCE = b"\xd5" * 160
PCMA, PCMU = 8, 0


@dataclass(frozen=True, slots=True)
class Persona:
    """All that the far party must never see of this one."""

    word: str
    number: str
    sip: TransportAddress
    media_host: str
    media_port: int
    ssrc: int

    @property
    def cname(self) -> str:
        """Its RTCP name."""
        return f"{self.word}-cname@{self.media_host}"

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Header fields of every response it gives."""
        word, number = self.word, self.number
        return (
            ("Server", f"{word}-phone/9.1"),
            ("Organization", f"{word} works"),
            ("Call-Info", f"<http://{word}.example/photo.png>;purpose=icon"),
            ("P-Asserted-Identity", f'"{word} surname" <sip:+91{number}@{self.sip.host}>'),
            ("Remote-Party-ID", f'"{word} surname" <sip:0{number}@{self.sip.host}>;party=called'),
            ("Reply-To", f"<tel:+91{number}>"),
            ("X-Account", f"{word}-account-{number}"),
        )

    def secrets(self) -> tuple[bytes, ...]:
        """The bytes that may not be in anything the far party is sent."""
        texts = (
            self.number,
            self.word,
            self.sip.host,
            f":{self.sip.port}",
            self.media_host,
            f" {self.media_port} ",
        )
        return tuple(text.encode() for text in texts)

    def sdp(self, *payload_types: int, direction: str = "sendrecv", version: int = 1, port: int | None = None) -> bytes:
        """A description of its own, with a word of its own in every field that a description has."""
        wanted = payload_types or (PCMA,)
        names = {PCMA: "PCMA/8000", PCMU: "PCMU/8000", 9: "G722/8000", 107: "opus/48000/2"}
        lines = [
            "v=0",
            f"o={self.word} 77700{self.media_port} {version} IN IP4 {self.media_host}",
            f"s={self.word} speaking",
            f"i={self.word} private line",
            f"u=http://{self.word}.example/",
            f"e={self.word}@mail.example",
            f"p=+91 {self.number}",
            f"c=IN IP4 {self.media_host}",
            "t=0 0",
            f"m=audio {port or self.media_port} RTP/AVP {' '.join(str(number) for number in (*wanted, 101))}",
            *(f"a=rtpmap:{number} {names[number]}" for number in wanted),
            "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-15",
            f"a=ssrc:{self.ssrc} cname:{self.cname}",
            f"a={direction}",
        ]
        return ("\r\n".join(lines) + "\r\n").encode()


ALICE = Persona("alice", "9845012376", TransportAddress("udp", "203.0.113.20", 5562), "203.0.113.21", 41000, 0x5A11CE5A)
BOB = Persona("bobby", "7738490125", TransportAddress("udp", "203.0.113.30", 5664), "203.0.113.31", 42000, 0x5B0B5B0B)

Answering = Callable[["Phone", IncomingInvite], None]


class Phone:
    """One party's phone. By default it is told what to do at an INVITE by `on_invite`.

    With `raw` set, what comes is only parsed and handed to that, and nothing is answered by itself.
    """

    def __init__(
        self, persona: Persona, clock: ManualClock, network: LossyNetwork, media_network: LossyNetwork
    ) -> None:
        self.persona = persona
        self.clock = clock
        self.events: list[UserAgentEvent] = []
        self.received: list[bytes] = []
        self.received_at: list[tuple[float, bytes]] = []  # what reached it, with the monotonic second
        self.received_rtp: list[bytes] = []
        self.received_rtcp: list[bytes] = []
        self.on_invite: Answering | None = None
        self.on_request: Callable[[IncomingRequest], None] | None = None
        self.raw: Callable[[Request | Response, TransportAddress], None] | None = None
        self.usage: int | None = None
        self.invite: Request | None = None
        self.invites: list[Request] = []
        self._transaction: int | None = None
        self.user_agent = UserAgent(
            UserAgentSettings(
                locals=(LocalAddress(persona.sip, persona.sip.host, persona.sip.port),),
                user_agent=f"{persona.word}-phone/9.1",
                contact_user=persona.word,
            ),
            SeededTokens(persona.word),
        )
        self.endpoint = SipEndpoint(self.user_agent, clock, lambda _source: True, self._on_event)
        self._wire = network.attach(persona.sip, self.arrived)
        self.endpoint.attach(self._wire)
        self._media_network = media_network
        self._rtp = TransportAddress("udp", persona.media_host, persona.media_port)
        self._rtcp = TransportAddress("udp", persona.media_host, persona.media_port + 1)
        media_network.attach(self._rtp, lambda content, _source, _to: self.received_rtp.append(content))
        media_network.attach(self._rtcp, lambda content, _source, _to: self.received_rtcp.append(content))
        self._sequence = 100
        self._timestamp = 160_000
        self._speaking: float | None = None
        self._said = 0
        # What is done to a packet before it is sent: nothing, but with SRTP.
        self.seal_rtp: Callable[[bytes], bytes] = bytes
        self.seal_rtcp: Callable[[bytes], bytes] = bytes

    # What comes in.

    def arrived(self, content: bytes, source: TransportAddress, _local: TransportAddress) -> None:
        """A datagram for this phone, straight or by way of the carrier."""
        self.received.append(content)
        self.received_at.append((self.clock.time(), content))
        if self.raw is not None:
            message = parse_message(content)
            if isinstance(message, Request) and message.method == "INVITE" and self.invite is None:
                self.invite = message
                self.invites.append(message)
            self.raw(message, source)
            return
        self.endpoint.received(content, source, self.persona.sip)

    def _on_event(self, event: UserAgentEvent) -> None:
        self.events.append(event)
        if isinstance(event, IncomingInvite):
            self.usage, self._transaction, self.invite = event.usage, event.transaction, event.request
            self.invites.append(event.request)
            if self.on_invite is not None:
                self.on_invite(self, event)
        elif isinstance(event, IncomingRequest) and self.on_request is not None:
            self.on_request(event)

    def requests(self, method: str | None = None) -> list[Request]:
        """The requests that came, repeated ones too."""
        messages = [parse_message(content) for content in self.received]
        return [each for each in messages if isinstance(each, Request) and method in (None, each.method)]

    def methods(self) -> list[str]:
        """The methods of the requests that came, in order."""
        return [request.method for request in self.requests()]

    def kinds(self) -> list[str]:
        """The names of its user agent's events."""
        return [type(event).__name__ for event in self.events]

    @property
    def was_cancelled(self) -> bool:
        """Whether a CANCEL ended its ringing."""
        return any(isinstance(event, IncomingCancelled) for event in self.events)

    @property
    def was_hung_up(self) -> bool:
        """Whether a BYE has come."""
        return any(isinstance(event, ByeReceived) for event in self.events)

    def answers(self) -> list[Response]:
        """The final responses to its own requests in the dialog."""
        return [event.response for event in self.events if isinstance(event, RequestAnswered)]

    def messages(self) -> list[Request | Response]:
        """All that came."""
        return [parse_message(content) for content in self.received]

    def responses(self, method: str = "INVITE") -> list[Response]:
        """The responses to its own requests of a method, repeated ones too, but for 100."""
        found = [each for each in self.messages() if isinstance(each, Response)]
        return [each for each in found if each.cseq.method == method and each.status > 100]

    def statuses(self) -> list[int]:
        """What its own call was told, each once: provisional responses and the final one."""
        told = [event for event in self.events if isinstance(event, (Provisional, Answered, Rejected))]
        return [event.status for event in told]

    @property
    def rejected(self) -> Response:
        """The final failure of its own call."""
        return next(event.response for event in self.events if isinstance(event, Rejected))

    @property
    def is_connected(self) -> bool:
        """Whether its own call was answered."""
        return any(isinstance(event, Answered) for event in self.events)

    # What it does.

    def call(self, user: str, at: TransportAddress, *, body: bytes | None = None, **changes: object) -> int:
        """Call `user` at a host, with all of the persona's headers; `body` None: its SDP."""
        persona = self.persona
        values: dict[str, object] = {
            "request_uri": f"sip:{user}@{at.host}:{at.port}",
            "from_uri": f"sip:+91{persona.number}@{persona.sip.host}",
            "from_display": f"{persona.word} surname",
            "to_uri": f"sip:{user}@{at.host}",
            "destination": at,
            "headers": persona.headers,
            "body": persona.sdp() if body is None else body,
        }
        self.usage = self.endpoint.invite(OutgoingInvite(**{**values, **changes}))  # type: ignore[arg-type]
        return self.usage

    def respond(
        self, status: int, body: bytes = b"", *, to: IncomingInvite | None = None, reliable: bool | None = None
    ) -> None:
        """A response to the INVITE, the newest or the one given, with all of the persona's headers."""
        transaction = self._transaction if to is None else to.transaction
        assert transaction is not None, f"{self.persona.word} has not been called"
        self.endpoint.respond(
            transaction,
            status,
            headers=self.persona.headers,
            body=body,
            content_type="application/sdp" if body else None,
            reliable=reliable,
        )

    def answer(self, *payload_types: int, to: IncomingInvite | None = None) -> None:
        """Pick up."""
        self.respond(200, self.persona.sdp(*payload_types), to=to)

    def hang_up(self, reason: str | None = None) -> None:
        """BYE or CANCEL, with this Reason, by default one of its own."""
        assert self.usage is not None
        self.endpoint.hang_up(self.usage, reason or f'SIP;cause=487;text="{self.persona.word} is off"')

    def reinvite(self, body: bytes) -> None:
        """A changed offer within the dialog."""
        assert self.usage is not None
        self.endpoint.request_in_dialog(
            self.usage,
            "INVITE",
            headers=(("Subject", f"{self.persona.word} wants this"), *self.persona.headers[1:]),
            body=body,
            content_type="application/sdp",
        )

    def move(self, media_port: int) -> None:
        """Offer that its media go on at another port, and have them there."""
        self.change_port(media_port)
        self.reinvite(self.persona.sdp(version=2, port=media_port))

    def change_port(self, media_port: int) -> None:
        """Have its media at another port."""
        self._rtp = TransportAddress("udp", self.persona.media_host, media_port)
        self._media_network.attach(self._rtp, lambda content, _source, _to: self.received_rtp.append(content))

    def send(self, content: bytes, destination: TransportAddress) -> None:
        """Bytes as they are."""
        self._wire.send(content, destination)

    # Its voice.

    def remote_media(self) -> list[TransportAddress]:
        """Where the SDP of each call so far wants our RTP."""
        found: list[TransportAddress] = []
        told = [event.body for event in self.events if isinstance(event, (Provisional, Answered)) and event.body]
        for body in (*(invite.body for invite in self.invites), *told[-1:]):
            lines = body.decode().splitlines()
            host = next(line for line in lines if line.startswith("c=")).split()[2]
            port = int(next(line for line in lines if line.startswith("m=audio ")).split()[1])
            found.append(TransportAddress("udp", host, port))
        return found

    def speak(self, every_s: float = 0.25) -> None:
        """Send a packet every so often (so that nobody starves), and RTCP with its name, until `fall_silent`."""
        self._speaking = every_s
        self._said = 0
        self._say()

    def fall_silent(self) -> None:
        """Send no more."""
        self._speaking = None

    def say_packet(self, packet: RtpPacket) -> None:
        """This RTP packet, in every call."""
        content = self.seal_rtp(packet.render())
        for far in self.remote_media():
            self._media_network.carry(content, self._rtp, far)

    def say_once(self, payload_type: int = PCMA, payload: bytes = SILENCE) -> None:
        """One RTP packet, in every call."""
        packet = RtpPacket(payload_type, self._sequence, self._timestamp, self.persona.ssrc, payload, False)
        self.say_packet(packet)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + 160) & 0xFFFFFFFF

    def press(self, digit: str, duration_ms: int = 100) -> None:
        """Press a key: all packets of one telephone-event now, in every call."""
        for payload in event_payloads(digit, duration_ms):
            self._say_event(payload, self._timestamp)
        self._timestamp = (self._timestamp + duration_ms * 8 + 160) & 0xFFFFFFFF

    def hold_down(self, digit: str, duration_ms: int) -> None:
        """Press a key for as long as it takes: a packet of its telephone-event every 20 ms from now on."""
        for number, payload in enumerate(event_payloads(digit, duration_ms)):
            self.clock.call_later(0.02 * number, partial(self._say_event, payload, self._timestamp))
        self._timestamp = (self._timestamp + duration_ms * 8 + 160) & 0xFFFFFFFF

    def _say_event(self, payload: bytes, timestamp: int) -> None:
        packet = RtpPacket(101, self._sequence, timestamp, self.persona.ssrc, payload, False)
        for far in self.remote_media():
            self._media_network.carry(self.seal_rtp(packet.render()), self._rtp, far)
        self._sequence = (self._sequence + 1) & 0xFFFF

    def tell_digit(self, body: str, content_type: str = "application/dtmf-relay") -> None:
        """An INFO with such a body, in its newest call."""
        assert self.usage is not None
        self.endpoint.request_in_dialog(self.usage, "INFO", body=body.encode(), content_type=content_type)

    def _say(self) -> None:
        if self._speaking is None:
            return
        self.clock.call_later(self._speaking, self._say)
        self.say_once()
        self._said += 1
        if self._said % 20 == 1:
            self.report()

    def report(self) -> None:
        """One RTCP report with its name, in every call."""
        now = self.clock.time()
        sender = SenderInformation(ntp_timestamp(now), self._timestamp, self._sequence, self._sequence * 160)
        report = build_report(Report(self.persona.ssrc, sender, ()))
        content = self.seal_rtcp(report + build_cname(self.persona.ssrc, self.persona.cname))
        for far in self.remote_media():
            self._media_network.carry(content, self._rtcp, TransportAddress("udp", far.host, far.port + 1))

    def heard(self) -> list[RtpPacket]:
        """The RTP that came so far."""
        packets = [parse_packet(content) for content in self.received_rtp]
        return [packet for packet in packets if packet is not None]

    def check_bodies(self) -> None:
        """Whatever it was sent with a body says what that is (RFC 3261 7.4.1, 20.15)."""
        for content in self.received:
            head, _, body = content.partition(b"\r\n\r\n")
            assert not body or b"\r\nContent-Type: " in head, f"{self.persona.word} was sent a body without a type"

    def marks(self) -> set[bytes]:
        """What is only its own: Call-IDs, tags and branches of its dialog, its RTP source as bytes of RTP and RTCP."""
        found: set[bytes] = set()
        for message in self.messages():
            found |= {message.call_id.encode(), (message.from_tag or "").encode(), (message.to_tag or "").encode()}
            found.add((message.via.branch or "").encode())
        return {mark for mark in found if len(mark) > 4}

    def source_marks(self) -> tuple[bytes, ...]:
        """Its RTP identity on the wire."""
        return struct.pack("!I", self.persona.ssrc), self.persona.cname.encode()


# Ways to behave at an INVITE.


def rings(status: int = 180, *, sdp: bool = False) -> Answering:
    """Ring, with or without early media, and do nothing more."""
    return lambda phone, _event: phone.respond(status, phone.persona.sdp() if sdp else b"")


def answers(
    after_s: float = 2.0, *, ringing: int | None = 180, payload_types: tuple[int, ...] = (), early: bool = False
) -> Answering:
    """Ring (None: not), then answer."""

    def behave(phone: Phone, event: IncomingInvite) -> None:
        if ringing is not None:
            phone.respond(ringing, phone.persona.sdp(*payload_types) if early else b"")
        phone.clock.call_later(after_s, lambda: phone.answer(*payload_types, to=event))

    return behave


def rejects(status: int, *, after_s: float = 1.0, ringing: bool = False) -> Answering:
    """Refuse with a final status."""

    def behave(phone: Phone, event: IncomingInvite) -> None:
        if ringing:
            phone.respond(180)
        phone.clock.call_later(after_s, lambda: phone.respond(status, to=event))

    return behave


def nothing(_phone: Phone, _event: IncomingInvite) -> None:
    """Leave it at the 100 Trying."""
