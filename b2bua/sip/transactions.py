"""The four transaction machines of RFC 3261 section 17, amended by RFC 6026.

Each is a table: (state, input) -> (action, next state). A pair that is absent is ignored. An action returns outputs
and touches nothing. A state names the timers that live in it: those running carry on, new ones are armed, the rest
fall away; no action cancels a timer.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final, Literal, NamedTuple

from b2bua.sip.message import Request, Response
from b2bua.sip.routing import TransportAddress, response_fallback
from b2bua.sip.timers import (
    DURATION_S,
    LONGEST_INTERVAL_S,
    T2_S,
    TIMER_A,
    TIMER_B,
    TIMER_C,
    TIMER_D,
    TIMER_E,
    TIMER_F,
    TIMER_G,
    TIMER_H,
    TIMER_I,
    TIMER_J,
    TIMER_K,
    TIMER_L,
    TIMER_M,
    TIMER_U,
    WAITING_TIMERS,
)

if TYPE_CHECKING:
    from b2bua.sip.sent_request import SentRequest
    from b2bua.sip.usage import Errand, Usage

# States.
CALLING: Final = "calling"
QUIET: Final = "quiet"  # ours: given up by its user before any response; no more retransmissions, responses still taken
LEFT: Final = "left"  # ours: of no use to its user any more; its final response is acknowledged all the same
TRYING: Final = "trying"
PROCEEDING: Final = "proceeding"
ACCEPTED: Final = "accepted"
COMPLETED: Final = "completed"
CONFIRMED: Final = "confirmed"
TERMINATED: Final = "terminated"
UNDECIDED_CLIENT_STATES: Final = frozenset({CALLING, QUIET, LEFT, TRYING, PROCEEDING})  # without a final response

# Inputs beside the timers.
RECEIVED_REQUEST: Final = "received the request again"
RECEIVED_ACK: Final = "received ACK"
RECEIVED_1XX: Final = "received 1xx"
RECEIVED_2XX: Final = "received 2xx"
RECEIVED_3XX_6XX: Final = "received 3xx-6xx"
SENT_1XX: Final = "sent 1xx"
SENT_2XX: Final = "sent 2xx"
SENT_3XX_6XX: Final = "sent 3xx-6xx"
TRANSPORT_ERROR: Final = "transport error"
GIVEN_UP: Final = "given up"
LET_GO: Final = "let go"

RECEIVED_BY_CLASS: Final = (
    "",
    RECEIVED_1XX,
    RECEIVED_2XX,
    RECEIVED_3XX_6XX,
    RECEIVED_3XX_6XX,
    RECEIVED_3XX_6XX,
    RECEIVED_3XX_6XX,
)
SENT_BY_CLASS: Final = ("", SENT_1XX, SENT_2XX, SENT_3XX_6XX, SENT_3XX_6XX, SENT_3XX_6XX, SENT_3XX_6XX)

FailureCause = Literal["timeout", "transport"]


class Send(NamedTuple):
    """Put these octets on the wire."""

    content: bytes


class PassUp(NamedTuple):
    """Hand this message to the transaction's user."""

    message: Request | Response


class Failed(NamedTuple):
    """Tell the transaction's user that it has failed."""

    cause: FailureCause


_MESSAGES: Final = (Request, Response)  # a union would be made anew at each use

Output = Send | PassUp | Failed
Item = Request | Response | bytes | None
"""What an input brings: the message received, the octets to be sent, or nothing."""
Action = Callable[["Transaction", Item], tuple[Output, ...]]
Table = dict[tuple[str, str], tuple[Action, str]]
LiveTimers = dict[str, tuple[str, ...]]


def nothing(_transaction: "Transaction", _item: Item) -> tuple[Output, ...]:
    """Only the state changes."""
    return ()


def pass_up(_transaction: "Transaction", item: Item) -> tuple[Output, ...]:
    """The message goes to the user."""
    return (PassUp(item),) if isinstance(item, _MESSAGES) else ()


def send(_transaction: "Transaction", item: Item) -> tuple[Output, ...]:
    """The user's response goes out."""
    return (Send(item),) if isinstance(item, bytes) else ()


def retransmit(transaction: "Transaction", _item: Item) -> tuple[Output, ...]:
    """What was sent last goes out again; nothing when nothing was sent yet."""
    return (Send(transaction.last_sent),) if transaction.last_sent else ()


def ack_and_pass_up(transaction: "Transaction", item: Item) -> tuple[Output, ...]:
    """The failure is acknowledged (17.1.1.3) and goes to the user."""
    if not isinstance(item, Response) or not isinstance(transaction, ClientTransaction):
        return ()
    return (Send(transaction.request.acknowledge(item)), PassUp(item))


def report_timeout(_transaction: "Transaction", _item: Item) -> tuple[Output, ...]:
    """The user learns that no answer came."""
    return (Failed("timeout"),)


def report_transport_error(_transaction: "Transaction", _item: Item) -> tuple[Output, ...]:
    """The user learns that the transport failed."""
    return (Failed("transport"),)


# Figure 5 (Figure 1 of RFC 6026's section 8.4). What is sent last in Completed is the ACK.
INVITE_CLIENT: Final[Table] = {
    (CALLING, TIMER_A): (retransmit, CALLING),
    (CALLING, TIMER_B): (report_timeout, TERMINATED),
    (CALLING, TRANSPORT_ERROR): (report_transport_error, TERMINATED),
    (CALLING, GIVEN_UP): (nothing, QUIET),
    (CALLING, LET_GO): (nothing, LEFT),
    (CALLING, RECEIVED_1XX): (pass_up, PROCEEDING),
    (CALLING, RECEIVED_2XX): (pass_up, ACCEPTED),
    (CALLING, RECEIVED_3XX_6XX): (ack_and_pass_up, COMPLETED),
    (QUIET, TIMER_B): (report_timeout, TERMINATED),
    (QUIET, TRANSPORT_ERROR): (report_transport_error, TERMINATED),
    (QUIET, RECEIVED_1XX): (pass_up, PROCEEDING),
    (QUIET, RECEIVED_2XX): (pass_up, ACCEPTED),
    (QUIET, RECEIVED_3XX_6XX): (ack_and_pass_up, COMPLETED),
    (PROCEEDING, GIVEN_UP): (nothing, TERMINATED),  # 9.1: 64*T1 after the CANCEL the transaction is destroyed
    (PROCEEDING, LET_GO): (nothing, LEFT),
    (PROCEEDING, RECEIVED_1XX): (pass_up, PROCEEDING),
    (PROCEEDING, RECEIVED_2XX): (pass_up, ACCEPTED),
    (PROCEEDING, RECEIVED_3XX_6XX): (ack_and_pass_up, COMPLETED),
    (LEFT, TIMER_B): (nothing, TERMINATED),
    (LEFT, TRANSPORT_ERROR): (nothing, TERMINATED),
    (LEFT, RECEIVED_2XX): (pass_up, ACCEPTED),
    (LEFT, RECEIVED_3XX_6XX): (ack_and_pass_up, COMPLETED),
    (ACCEPTED, RECEIVED_2XX): (pass_up, ACCEPTED),
    (ACCEPTED, TIMER_M): (nothing, TERMINATED),
    (COMPLETED, RECEIVED_3XX_6XX): (retransmit, COMPLETED),
    (COMPLETED, TRANSPORT_ERROR): (report_transport_error, TERMINATED),
    (COMPLETED, TIMER_D): (nothing, TERMINATED),
}
INVITE_CLIENT_TIMERS: Final[LiveTimers] = {
    CALLING: (TIMER_A, TIMER_B),
    QUIET: (TIMER_B,),
    LEFT: (TIMER_B,),
    PROCEEDING: (),
    ACCEPTED: (TIMER_M,),
    COMPLETED: (TIMER_D,),
    TERMINATED: (),
}

# Figure 6.
NON_INVITE_CLIENT: Final[Table] = {
    (TRYING, TIMER_E): (retransmit, TRYING),
    (TRYING, TIMER_F): (report_timeout, TERMINATED),
    (TRYING, TRANSPORT_ERROR): (report_transport_error, TERMINATED),
    (TRYING, RECEIVED_1XX): (pass_up, PROCEEDING),
    (TRYING, RECEIVED_2XX): (pass_up, COMPLETED),
    (TRYING, RECEIVED_3XX_6XX): (pass_up, COMPLETED),
    (PROCEEDING, TIMER_E): (retransmit, PROCEEDING),
    (PROCEEDING, TIMER_F): (report_timeout, TERMINATED),
    (PROCEEDING, TRANSPORT_ERROR): (report_transport_error, TERMINATED),
    (PROCEEDING, RECEIVED_1XX): (pass_up, PROCEEDING),
    (PROCEEDING, RECEIVED_2XX): (pass_up, COMPLETED),
    (PROCEEDING, RECEIVED_3XX_6XX): (pass_up, COMPLETED),
    (COMPLETED, TIMER_K): (nothing, TERMINATED),
}
NON_INVITE_CLIENT_TIMERS: Final[LiveTimers] = {
    TRYING: (TIMER_E, TIMER_F),
    PROCEEDING: (TIMER_E, TIMER_F),
    COMPLETED: (TIMER_K,),
    TERMINATED: (),
}

# Figure 7 (Figure 2 of RFC 6026's section 8.7): a transport error leaves the state, the timers end it. C is ours here:
# the limit for a user that never answers.
INVITE_SERVER: Final[Table] = {
    (PROCEEDING, RECEIVED_REQUEST): (retransmit, PROCEEDING),
    (PROCEEDING, SENT_1XX): (send, PROCEEDING),
    (PROCEEDING, SENT_2XX): (send, ACCEPTED),
    (PROCEEDING, SENT_3XX_6XX): (send, COMPLETED),
    (PROCEEDING, TRANSPORT_ERROR): (report_transport_error, PROCEEDING),
    (PROCEEDING, TIMER_C): (report_timeout, PROCEEDING),
    (ACCEPTED, SENT_2XX): (send, ACCEPTED),
    (ACCEPTED, RECEIVED_ACK): (pass_up, ACCEPTED),
    (ACCEPTED, TRANSPORT_ERROR): (report_transport_error, ACCEPTED),
    (ACCEPTED, TIMER_L): (nothing, TERMINATED),
    (COMPLETED, RECEIVED_REQUEST): (retransmit, COMPLETED),
    (COMPLETED, RECEIVED_ACK): (nothing, CONFIRMED),
    (COMPLETED, TRANSPORT_ERROR): (report_transport_error, COMPLETED),
    (COMPLETED, TIMER_G): (retransmit, COMPLETED),
    (COMPLETED, TIMER_H): (report_timeout, TERMINATED),
    (CONFIRMED, TIMER_I): (nothing, TERMINATED),
}
INVITE_SERVER_TIMERS: Final[LiveTimers] = {
    PROCEEDING: (TIMER_C,),
    ACCEPTED: (TIMER_L,),
    COMPLETED: (TIMER_G, TIMER_H),
    CONFIRMED: (TIMER_I,),
    TERMINATED: (),
}

# Figure 8. U is ours: a user that never answers.
NON_INVITE_SERVER: Final[Table] = {
    (TRYING, SENT_1XX): (send, PROCEEDING),
    (TRYING, SENT_2XX): (send, COMPLETED),
    (TRYING, SENT_3XX_6XX): (send, COMPLETED),
    (TRYING, TIMER_U): (report_timeout, TERMINATED),
    (PROCEEDING, RECEIVED_REQUEST): (retransmit, PROCEEDING),
    (PROCEEDING, SENT_1XX): (send, PROCEEDING),
    (PROCEEDING, SENT_2XX): (send, COMPLETED),
    (PROCEEDING, SENT_3XX_6XX): (send, COMPLETED),
    (PROCEEDING, TRANSPORT_ERROR): (report_transport_error, TERMINATED),
    (PROCEEDING, TIMER_U): (report_timeout, TERMINATED),
    (COMPLETED, RECEIVED_REQUEST): (retransmit, COMPLETED),
    (COMPLETED, TRANSPORT_ERROR): (report_transport_error, TERMINATED),
    (COMPLETED, TIMER_J): (nothing, TERMINATED),
}
NON_INVITE_SERVER_TIMERS: Final[LiveTimers] = {
    TRYING: (TIMER_U,),
    PROCEEDING: (TIMER_U,),
    COMPLETED: (TIMER_J,),
    TERMINATED: (),
}


class Transaction:
    """One transaction: where it stands and what it sent last. Which machine it is, its class says.

    Messages go from `local` to `destination`; `fallback`: see `Outgoing`.
    """

    __slots__ = (
        "destination",
        "fallback",
        "interval_s",
        "key",
        "last_sent",
        "local",
        "number",
        "running",
        "state",
    )

    table: ClassVar[Table]
    live_timers: ClassVar[LiveTimers]
    first_state: ClassVar[str]

    def __init__(
        self,
        number: int,
        key: tuple[str, ...],
        destination: TransportAddress,
        local: TransportAddress,
        fallback: TransportAddress | None,
    ) -> None:
        self.number = number
        self.key = key
        self.destination = destination
        self.fallback = fallback
        self.local = local
        self.state = self.first_state
        self.last_sent = b""
        self.interval_s = 0.0
        self.running: dict[str, int] = {}

    def take(self, happened: str, item: Item = None) -> tuple[Output, ...]:
        """Let an input happen: move to the next state and return what is to be done."""
        row = self.table.get((self.state, happened))
        if row is None:
            return ()
        action, self.state = row
        return action(self, item)

    def duration_s(self, timer: str) -> float | None:
        """How long a timer of the present state runs when it is armed now; None where the transport needs none."""
        longest_s = LONGEST_INTERVAL_S.get(timer)
        if longest_s is None:
            return 0.0 if timer in WAITING_TIMERS and self.destination.reliable else DURATION_S[timer]
        if self.destination.reliable:
            return None
        if self.state == PROCEEDING:
            self.interval_s = T2_S  # 17.1.2.2: E is reset to T2 once a provisional has come
        else:
            self.interval_s = min(self.interval_s * 2, longest_s) if self.interval_s else DURATION_S[timer]
        return self.interval_s


class ClientTransaction(Transaction):
    """A transaction of a request that we sent. `errand` is what its user sent it for."""

    __slots__ = ("errand", "request")

    def __init__(self, number: int, key: tuple[str, ...], request: "SentRequest", errand: "Errand") -> None:
        super().__init__(number, key, request.destination, request.local.bound, request.fallback)
        self.request = request
        self.errand = errand


class InviteClientTransaction(ClientTransaction):
    """17.1.1."""

    __slots__ = ()
    table = INVITE_CLIENT
    live_timers = INVITE_CLIENT_TIMERS
    first_state = CALLING


class NonInviteClientTransaction(ClientTransaction):
    """17.1.2."""

    __slots__ = ()
    table = NON_INVITE_CLIENT
    live_timers = NON_INVITE_CLIENT_TIMERS
    first_state = TRYING


class ServerTransaction(Transaction):
    """A transaction of a request that we received. `source` is where it came from, over streams the last time.

    `usage` is what its user made it part of.
    """

    __slots__ = ("large_octets", "legacy_key", "merge_key", "request", "response_to_tag", "source", "usage")

    def __init__(
        self,
        number: int,
        key: tuple[str, ...],
        request: Request,
        source: TransportAddress,
        local: TransportAddress,
        destination: TransportAddress,
    ) -> None:
        super().__init__(number, key, destination, local, response_fallback(request, source))
        self.request = request
        self.source = source
        self.large_octets = 0
        self.merge_key: tuple[str, ...] | None = None
        self.legacy_key: tuple[str, ...] | None = None
        self.response_to_tag = ""
        self.usage: Usage | None = None

    def come_by(self, source: TransportAddress, fallback: TransportAddress | None) -> None:
        """Its sender has come back over this connection: responses go over that, or to `fallback` where it is gone."""
        self.source = self.destination = source
        usage = self.usage
        if fallback is not None and usage is not None:
            fallback = fallback.expecting(usage.whom_to_expect(self.request))
        self.fallback = fallback


class InviteServerTransaction(ServerTransaction):
    """17.2.1."""

    __slots__ = ()
    table = INVITE_SERVER
    live_timers = INVITE_SERVER_TIMERS
    first_state = PROCEEDING


class NonInviteServerTransaction(ServerTransaction):
    """17.2.2."""

    __slots__ = ()
    table = NON_INVITE_SERVER
    live_timers = NON_INVITE_SERVER_TIMERS
    first_state = TRYING
