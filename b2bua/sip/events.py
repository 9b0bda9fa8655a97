"""What a UserAgent tells, as values. `usage` is the number that `invite` returned or that an IncomingInvite brought."""

from dataclasses import dataclass
from typing import Literal

from b2bua.sip.message import Request, Response
from b2bua.sip.routing import TransportAddress
from b2bua.sip.settings import PeerPolicy


@dataclass(frozen=True, slots=True)
class Provisional:
    """A response of 101-199 to our INVITE. `to_tag` is "" where the peer sent none; `content_type` as it stood.

    `reliable`: it has been acknowledged (RFC 3262), so that a session description in it is the answer of its dialog,
    and comes once. Any other is told each time it arrives.
    """

    usage: int
    status: int
    reason: str
    to_tag: str
    body: bytes
    content_type: str | None
    reliable: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """The first 2xx to our INVITE; its ACK is queued. It comes once, and never after a hang_up."""

    usage: int
    status: int
    response: Response
    body: bytes


@dataclass(frozen=True, slots=True)
class Rejected:
    """The final 300-699 to our INVITE, after any tries with credentials; 487 after a hang_up that came in time."""

    usage: int
    status: int
    reason: str
    response: Response


@dataclass(frozen=True, slots=True)
class InviteMoved:
    """Our INVITE goes to `destination` from now on: it is too large for UDP, or could not be delivered by TCP after all
    (RFC 3261 18.1.1). `undelivered`: where no connection could be opened for it, None where none was tried. What comes
    later is of `destination`.
    """

    usage: int
    destination: TransportAddress
    undelivered: TransportAddress | None = None


@dataclass(frozen=True, slots=True)
class NoResponse:
    """Our INVITE got no final response.

    `timeout`: none within 64*T1, or within 64*T1 of its CANCEL, or only provisional ones for over three minutes.
    `no_answer`: nothing at all within the time the plan gave. `transport`: it could not be sent. `limit`: it was not
    sent because the table of transactions is full.
    """

    usage: int
    cause: Literal["timeout", "no_answer", "transport", "limit"]


@dataclass(frozen=True, slots=True)
class ByeReceived:
    """The peer hung up; its BYE is answered. `reason_header` is its Reason, as it stood."""

    usage: int
    reason_header: str | None


@dataclass(frozen=True, slots=True)
class DialogLost:
    """The dialog is dead without a BYE of the peer; ours is sent where one may still be heard.

    `no_ack`: our 2xx was never acknowledged. `gone`: 481 to a request of ours. `timeout`: 408, or no answer to it.
    `transport`: it could not be sent. `expired`: the session timer ran out (RFC 4028 section 10).
    """

    usage: int
    cause: Literal["no_ack", "gone", "timeout", "transport", "expired"]


@dataclass(frozen=True, slots=True)
class IncomingInvite:
    """A new call from a peer, 100 Trying sent; `respond` to `transaction`, or `hang_up` the usage. `policy` is the very
    one that `policy_of` gave, which it has met."""

    usage: int
    transaction: int
    request: Request
    source: TransportAddress
    policy: PeerPolicy


@dataclass(frozen=True, slots=True)
class IncomingCancelled:
    """The call ended before it was answered.

    `cancelled`: by the caller; 487 is sent, as for `expired`: its Expires has passed. `unattended`: it was left
    unanswered for three minutes; 480 is.
    `unanswerable`: a response could not be sent to it over the stream it came by, nor over another.
    `no_prack`: the caller never acknowledged a reliable provisional response, though a 2xx may wait for that; 504 is.
    `elsewhere`: its CANCEL says that another place has answered (RFC 3326).
    """

    usage: int
    cause: Literal["cancelled", "expired", "unattended", "unanswerable", "no_prack"] = "cancelled"
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class HeldAnswerSent:
    """Our 2xx to the call of a peer, which had to wait for a PRACK, has gone out; one that need not wait tells nothing.

    Where the call ends before, it never comes.
    """

    usage: int


@dataclass(frozen=True, slots=True)
class IncomingRequest:
    """A request in a dialog, early or confirmed, to be answered by `respond`: re-INVITE, UPDATE, INFO, or a PRACK with
    an offer (any other PRACK is answered already).

    One left unanswered is given up: after 181 s with 500 for an INVITE, after 64*T1 without a word for any other.
    """

    usage: int | None
    transaction: int
    request: Request
    source: TransportAddress


@dataclass(frozen=True, slots=True)
class IncomingRequestEnded:
    """An IncomingRequest that `respond` can no longer answer: cancelled, given up, or its dialog is over."""

    usage: int
    transaction: int


@dataclass(frozen=True, slots=True)
class AckReceived:
    """The ACK of a 2xx of ours had a body: the answer where the 2xx made the offer, b"" where the peer left it out. So
    did the PRACK of a reliable provisional response that made it."""

    usage: int
    body: bytes
    content_type: str | None


@dataclass(frozen=True, slots=True)
class SessionRefreshed:
    """A re-INVITE that only refreshed the session was answered with a description: it stands in place of the last."""

    usage: int
    body: bytes
    content_type: str | None


@dataclass(frozen=True, slots=True)
class RequestAnswered:
    """The final response to a request of `request` or `request_in_dialog`, after any tries with credentials.

    A re-INVITE or UPDATE that crossed the peer's, or came too early, has been tried again: its 491 or 500 is the last.
    """

    request: int
    response: Response


@dataclass(frozen=True, slots=True)
class RequestFailed:
    """No final response to it. `refused`: it was not sent (no dialog, another offer open, or a limit of ours, which
    says nothing of the peer).

    `ended`: the dialog is over before a re-INVITE had its final response.
    """

    request: int
    cause: Literal["timeout", "transport", "refused", "ended"]


@dataclass(frozen=True, slots=True)
class UsageEnded:
    """All of the usage is over and no table holds anything of it. Always comes, once, and is its last event.

    It comes when the last transaction has waited for its retransmissions: 32 s after the last message or less.
    """

    usage: int


UserAgentEvent = (
    Provisional
    | Answered
    | Rejected
    | InviteMoved
    | NoResponse
    | ByeReceived
    | DialogLost
    | IncomingInvite
    | IncomingCancelled
    | HeldAnswerSent
    | IncomingRequest
    | IncomingRequestEnded
    | AckReceived
    | SessionRefreshed
    | RequestAnswered
    | RequestFailed
    | UsageEnded
)
