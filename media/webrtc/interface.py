"""What a gateway for browsers takes and tells. A process that serves no browsers loads this and nothing below it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Address = tuple[str, int]

FailureReason = Literal["connect_timeout", "dtls", "fingerprint", "srtp"]
"""No connection in time; no DTLS handshake; a certificate that is not the offer's; no SRTP profile in common."""


@dataclass(frozen=True, slots=True)
class PayloadTypes:
    """RTP payload types (0..127) of one side: of its codec, and of telephone-event with the codec's clock (RFC 4733
    section 2.1). `telephone_event` None: that side has no events, and those of the other side are not passed to it."""

    codec: int
    telephone_event: int | None


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server (RFC 7064, RFC 7065), such as "turn:turn.example:3478?transport=udp". Names and
    credentials are empty for STUN."""

    url: str
    username: str = ""
    credential: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class BrowserWish:
    """What a browser's offer is answered with: the first of `codecs` ("PCMA", "PCMU", "opus") that the browser has.
    `ice_servers`: where the gateway finds candidates of its own beside its host addresses."""

    codecs: tuple[str, ...] = ("PCMA", "PCMU")
    ice_servers: tuple[IceServer, ...] = ()


@dataclass(frozen=True, slots=True)
class BrowserAnswer:
    """`sdp`: the answer for the browser. `payload_types`: what the browser sends and takes `codec` and digits under.
    `plain`: where the gateway takes this browser's plain RTP; RTCP is taken on the next port."""

    sdp: str = field(repr=False)
    codec: str
    payload_types: PayloadTypes
    plain: Address


@dataclass(frozen=True, slots=True)
class BrowserConnected:
    """ICE and DTLS stand: audio passes from now on, both ways."""

    session: str


@dataclass(frozen=True, slots=True)
class BrowserDisconnected:
    """The browser's consent ran out (RFC 7675): nothing is sent to it until it is back by an ICE restart or an offer
    of its own. The session and its plain side stay."""

    session: str


@dataclass(frozen=True, slots=True)
class BrowserReconnected:
    """A browser that was connected before is connected again, or over another path than before."""

    session: str


@dataclass(frozen=True, slots=True)
class BrowserFailed:
    """A browser did not come to be connected. The session is there until it is closed, but only a new offer helps."""

    session: str
    reason: FailureReason


@dataclass(frozen=True, slots=True)
class BrowserClosed:
    """The browser ended it (DTLS close_notify), or the gateway was closed: the session is gone, its ports are free.
    `close` tells nothing."""

    session: str


BrowserEvent = BrowserConnected | BrowserDisconnected | BrowserReconnected | BrowserFailed | BrowserClosed


@dataclass(frozen=True, slots=True)
class BrowserFigures:
    """One browser's figures. Packets and octets are RTP's alone, without RTCP.

    `received_lost`: what never came of the browser's packets; `sent_lost` and `sent_jitter_ms`: what the browser says
    of ours (RFC 3550 section 6.4.1). `round_trip_ms`: of the last consent check (RFC 7675), None before the first.
    `unauthentic`: packets that were not made with the browser's key. `stray`: datagrams that were neither STUN, DTLS
    nor SRTP, or more than a session may have waiting. `refused_checks`: STUN requests that were not answered, as there
    were too many of no known origin. `unmapped`: packets of a payload type that the other side does not have.
    """

    connected: bool
    received_packets: int
    received_octets: int
    received_lost: int
    received_jitter_ms: float
    sent_packets: int
    sent_octets: int
    sent_lost: int
    sent_jitter_ms: float
    round_trip_ms: float | None
    unauthentic: int
    stray: int
    refused_checks: int
    unmapped: int


class BrowserGateway(Protocol):
    """Browsers by the name of their session. It runs in a thread with an event loop of its own; what can be awaited
    may be awaited from any other loop. Events come through the callable given when it was made, on the caller's loop.

    A session that is not open: UnknownBrowser, but for `close` and `figures`.
    """

    async def answer(self, session: str, offer: str, wish: BrowserWish) -> BrowserAnswer:
        """Answer a browser's SDP offer (RFC 8829, shape of RFC 9725). UnusableBrowserOffer, NoSharedCodec,
        TooManyBrowsers, BrowserPortsExhausted: nothing is open then that was not.

        A session that is open: its browser is replaced by the one that offers, as after a page was loaded anew; its
        plain address and what `aim` said stay, so `wish` is to name the one codec that the plain side has.
        """
        ...

    async def aim(self, session: str, remote: Address, payload_types: PayloadTypes) -> None:
        """Where the browser's RTP goes to and plain RTP is taken from (RTCP: the next port), and the plain side's
        payload types. Until then what the browser says is dropped. ValueError: no loopback or local IP address."""
        ...

    async def trickle(self, session: str, fragment: str) -> None:
        """Take a browser's further candidates (application/trickle-ice-sdpfrag, RFC 8840). UnusableFragment."""
        ...

    async def restart(self, session: str, fragment_or_offer: str) -> str:
        """Restart ICE: a fragment or a whole offer with the browser's new ice-ufrag and ice-pwd. Returns ours, with
        candidates, in the same form. DTLS, SRTP and the plain side go on; media take the new path once it stands.
        UnusableFragment, UnusableBrowserOffer, BrowserPortsExhausted leave what was before."""
        ...

    async def close(self, session: str) -> None:
        """End a session, saying so to the browser; its ports are free then. Harmless when it is not open."""
        ...

    def figures(self, session: str) -> BrowserFigures | None:
        """A session's figures as they are now; None when it is not open. May be called on any thread."""
        ...

    def counters(self) -> Mapping[str, float]:
        """Totals for metrics. May be called on any thread."""
        ...
