"""What a UserAgent is told at construction, and the plans of the requests it is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from b2bua.sip.bodies import SDP
from b2bua.sip.digest import Credentials
from b2bua.sip.info_digits import RELAY_TYPE, SIGNAL_TYPE
from b2bua.sip.routing import LocalAddress, TransportAddress
from b2bua.sip.sent_request import MAX_FORWARDS

RELIABLE_PROVISIONALS: Final = "100rel"
"""The option tag of RFC 3262."""

HeaderLines = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class UserAgentLimits:
    """How much a UserAgent holds at once, and what happens beyond.

    `transactions`: a request that comes is answered 503 without a transaction; an invite ends with NoResponse("limit").
    `usages`: likewise. `early_dialogs` per usage: a provisional with one more To-tag is told, but makes no
    dialog; a reliable one is neither told nor acknowledged.
    `forks` per usage, and per re-INVITE of ours: a 2xx with one more To-tag is ignored. `pending_requests` per usage:
    one more is answered 503.
    `transactions_of_usage`: of one call, also answered 503; a reliable provisional that needs one more waits for it.
    `byes_of_usage`: so many more are kept for its BYE, which is answered 503 only beyond them.
    `events` waiting to be taken: a request that would add one is answered 503; what must be told is always told.
    `large_octets` of all requests together that are larger than usual and have a transaction: one more of them is
    answered 503.
    """

    transactions: int = 40_000
    usages: int = 20_000
    early_dialogs: int = 8
    forks: int = 8
    pending_requests: int = 8
    transactions_of_usage: int = 64
    byes_of_usage: int = 8
    events: int = 10_000
    large_octets: int = 33_554_432


@dataclass(frozen=True, slots=True)
class UserAgentSettings:
    """Constant for the life of a UserAgent.

    `locals`: the listeners, the first of a transport and IP version being used for what we begin. `contact_user`: one
    fixed user part of every Contact, None for none. `allow`: the methods served; in a dialog those that the UserAgent
    does not answer by itself are handed on. `supported`: option tags that are truly served.
    `accept` and `info_types`: the types of body taken, elsewhere and in an INFO.
    `ending_reasons`: the Reason (RFC 3326) of the CANCEL or BYE that the UserAgent sends by itself, by the cause that
    `NoResponse` or `DialogLost` names, "left" where the peer hung up while it rang and "elsewhere" for a fork that
    answered too late; none goes out for a cause without one.
    """

    locals: tuple[LocalAddress, ...]
    user_agent: str = "maskbridge"
    contact_user: str | None = None
    allow: tuple[str, ...] = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE", "PRACK")
    supported: tuple[str, ...] = ("timer",)
    accept: tuple[str, ...] = (SDP,)
    info_types: tuple[str, ...] = (RELAY_TYPE, SIGNAL_TYPE)
    retry_after_s: int = 10
    limits: UserAgentLimits = field(default_factory=UserAgentLimits)
    ending_reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PeerPolicy:
    """What a peer's profile says of the extensions used with it, on calls of either direction.

    `reliable_provisional` (RFC 3262): "off" neither offers nor takes 100rel; "supported" offers it, acknowledges what
    comes reliably, and sends reliably what the peer requires, or supports if it has a body; "required" makes and takes
    no call without it, and sends all but 100 reliably. `session_timer_s`: the interval asked for, 0 where none is (a
    peer's own wish is obeyed all the same); `session_timer_min_s`: the shortest that is taken (RFC 4028).
    `session_refresher`: who is asked to refresh, where that is ours to say; "auto" leaves it to the peer on calls of
    ours, and to us on the peer's. `session_refresh_method`: "auto" is UPDATE where the peer's Allow has it, "update"
    also where it has sent none. `challenge`: what its requests have to prove they know before a call of theirs is told;
    None takes them by their address alone. `realm`: the protection domain they are challenged in, "" for the host that
    the listener tells; `algorithms`: what with, the preferred first. `credentials`: what its own challenges are
    answered with in a call that it makes to us; a call of ours brings them along. `nat`: it is behind NAT, so that even
    one that we called is where its last request over UDP came from, where its Contact is no address that may be used.
    `expected`: who has to answer where calls of its own lead by TLS, as a `TransportAddress` has it.
    """

    reliable_provisional: Literal["off", "supported", "required"] = "supported"
    session_timer_s: int = 0
    session_timer_min_s: int = 90
    session_refresher: Literal["auto", "us", "peer"] = "auto"
    session_refresh_method: Literal["auto", "update", "invite"] = "auto"
    challenge: Credentials | None = None
    realm: str = ""
    algorithms: tuple[str, ...] = ("SHA-512-256", "SHA-256", "MD5")
    credentials: Credentials | None = None
    nat: bool = False
    expected: str = ""


class OutgoingInvite(NamedTuple):
    """An INVITE to be sent. `headers` go out verbatim and in order; From's tag, Call-ID and the rest are made here.

    `routes`: Route values, each `<sip:...;lr>`. `no_answer_timeout_s`: with nothing at all back by then, the attempt
    is given up with NoResponse("no_answer"); None waits for the 32 s of timer B. `max_forwards`: fewer than usual where
    the call came from a peer, so that one which goes round in a circle ends (RFC 3261 8.1.1.6). `large_destination`:
    where the peer takes TCP, should this be over 1300 octets and `destination` be UDP (18.1.1); None where it is not
    known to.
    """

    request_uri: str
    from_uri: str
    to_uri: str
    destination: TransportAddress
    from_display: str | None = None
    headers: HeaderLines = ()
    body: bytes = b""
    content_type: str = SDP
    credentials: Credentials | None = None
    routes: tuple[str, ...] = ()
    no_answer_timeout_s: float | None = None
    max_forwards: int = MAX_FORWARDS
    policy: PeerPolicy = PeerPolicy()
    large_destination: TransportAddress | None = None


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """A request outside any dialog to be sent, such as OPTIONS to a trunk.

    `call_id` and `from_tag` are made here where they are ""; a REGISTER brings its own, with a `cseq` that rises from
    one to the next (RFC 3261 section 10.2). Each answer to a challenge adds one to it. Requests that bring the same
    `call_id` share the nonces they are challenged with.
    """

    method: str
    request_uri: str
    from_uri: str
    to_uri: str
    destination: TransportAddress
    headers: HeaderLines = ()
    body: bytes = b""
    content_type: str | None = None
    credentials: Credentials | None = None
    call_id: str = ""
    from_tag: str = ""
    cseq: int = 1
