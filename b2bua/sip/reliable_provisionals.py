"""Provisional responses that we send reliably (RFC 3262 section 3), as a table: (state, input) -> (action, next state).

A pair that is absent is ignored. A state names the timers that live in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from b2bua.sip.bodies import describes
from b2bua.sip.errors import SipError
from b2bua.sip.settings import RELIABLE_PROVISIONALS
from b2bua.sip.timers import T1_S

if TYPE_CHECKING:
    from b2bua.sip.headers import RAck
    from b2bua.sip.message import Request, Response
    from b2bua.sip.settings import PeerPolicy
    from b2bua.sip.station import Station
    from b2bua.sip.transactions import ServerTransaction
    from b2bua.sip.usage import Usage

QUEUE_LIMIT: Final = 8
"""Responses to one INVITE that wait for the PRACK of the one before; one more is dropped and counted, the one before it
in its stead where it has the session description."""

# Timers.
RESEND_1XX: Final = "resend 1xx"  # T1, doubling without a limit
NO_PRACK: Final = "no prack"  # 64*T1 after it was sent first
_LIMIT_S: Final = 64 * T1_S

# States.
CLEAR: Final = "clear"  # all that was sent is acknowledged
UNACKNOWLEDGED: Final = "unacknowledged"  # one is out, and sent again
PRACK_OPEN: Final = "prack open"  # its PRACK brought an offer, which our user has not answered
DONE: Final = "done"  # the INVITE has its final response

# Inputs beside the timers.
PROVISIONAL: Final = "provisional"
GOT_PRACK: Final = "got PRACK"
GOT_OFFER: Final = "got PRACK with an offer"
PRACK_ANSWERED: Final = "PRACK answered"
SENT_FINAL: Final = "sent final"


class Announcing:
    """The reliable provisional responses to one INVITE of a peer.

    `unacknowledged`: the response that has had no PRACK, and `rseq` its number, the last one used. `queue`: what
    follows it. `held`: the 2xx that has to wait. `described`: one of them had a session description, and no other
    response to the INVITE may have one.
    """

    __slots__ = (
        "described",
        "held",
        "interval_s",
        "queue",
        "rseq",
        "running",
        "state",
        "transaction",
        "unacknowledged",
        "usage",
    )

    def __init__(self, usage: Usage, transaction: ServerTransaction) -> None:
        self.usage = usage
        self.transaction = transaction
        self.state = CLEAR
        self.rseq: int | None = None
        self.unacknowledged: Response | None = None
        self.queue: deque[Response] = deque()
        self.held: Response | None = None
        self.described = False
        self.interval_s = 0.0
        self.running: dict[str, int] = {}

    def is_acknowledged_by(self, rack: RAck) -> bool:
        """Whether a PRACK matches the response that waits for one."""
        cseq = self.transaction.request.cseq
        known = (self.rseq, cseq.number, cseq.method)
        return self.unacknowledged is not None and (rack.rseq, rack.cseq, rack.method) == known

    @property
    def must_precede_2xx(self) -> bool:
        """Whether a 2xx has to wait: for the PRACK of a session description, or for the answer to an offer in one."""
        waiting = (self.unacknowledged, *self.queue)
        return self.state == PRACK_OPEN or any(response is not None and describes(response) for response in waiting)


Action = Callable[["Station", Announcing, "Response | None", float], None]


def is_settled(announcing: Announcing | None) -> bool:
    """Whether the peer has acknowledged all that was sent reliably, and that is something: it knows the dialog."""
    return announcing is not None and announcing.state == CLEAR


def goes_reliably(policy: PeerPolicy, invite: Request, *, has_body: bool, wished: bool | None) -> bool:
    """Whether a response of 101-199 to this INVITE is to be sent reliably.

    Always where the INVITE requires it, never where it does not support it or the policy is off. Where it is only
    supported, as the caller has `wished`; without a wish when it has a body, which must not be lost, or when the policy
    requires it: a ringing that is sent again and again until a PRACK comes is worth less than it costs.
    """
    if policy.reliable_provisional == "off":
        return False
    if is_required(invite):
        return True
    if not is_offered(invite):
        return False
    if wished is not None:
        return wished
    return has_body or policy.reliable_provisional == "required"


def is_required(invite: Request) -> bool:
    """Whether the INVITE's sender takes none but reliable provisional responses."""
    try:
        return RELIABLE_PROVISIONALS in map(str.lower, invite.require)
    except SipError:
        return False


def is_offered(invite: Request) -> bool:
    """Whether the INVITE says that its sender acknowledges reliable provisional responses."""
    try:
        return is_required(invite) or RELIABLE_PROVISIONALS in map(str.lower, invite.supported)
    except SipError:
        return False


# Actions.


def _send(station: Station, announcing: Announcing, response: Response | None, now: float) -> None:
    """Number it and send it; the first number is a random one of 1 .. 2**31 - 1."""
    if response is None:
        return
    if announcing.rseq is None:
        announcing.rseq = max(1, station.tokens.integer(31))
    else:
        announcing.rseq += 1
    response.headers.add("Require", RELIABLE_PROVISIONALS)
    response.headers.add("RSeq", str(announcing.rseq))
    announcing.unacknowledged = response
    announcing.interval_s = 0.0
    station.layer.send_response(announcing.transaction, response, now)


def _queue(station: Station, announcing: Announcing, response: Response | None, _now: float) -> None:
    if response is None:
        return
    if len(announcing.queue) >= QUEUE_LIMIT:
        station.counters["reliable provisionals dropped"] += 1
        if not describes(response):  # there is one alone, and no other response says what is in it
            return
        announcing.queue.pop()
    announcing.queue.append(response)


def _send_again(station: Station, announcing: Announcing, _response: Response | None, now: float) -> None:
    if announcing.unacknowledged is not None:
        station.layer.send_response(announcing.transaction, announcing.unacknowledged, now)


def _acknowledge(_station: Station, announcing: Announcing, _response: Response | None, _now: float) -> None:
    announcing.unacknowledged = None


def _go_on(station: Station, announcing: Announcing, _response: Response | None, now: float) -> None:
    """Acknowledged: the next one may follow."""
    announcing.unacknowledged = None
    if announcing.queue:
        take(station, announcing, PROVISIONAL, now, announcing.queue.popleft())


def _give_up(_station: Station, announcing: Announcing, _response: Response | None, _now: float) -> None:
    announcing.unacknowledged = None
    announcing.held = None
    announcing.queue.clear()


def _fall_silent(_station: Station, announcing: Announcing, _response: Response | None, _now: float) -> None:
    """Nothing is sent any more; the PRACK of what was sent last may still come."""
    announcing.held = None
    announcing.queue.clear()


RELIABLE: Final[dict[tuple[str, str], tuple[Action, str]]] = {
    (CLEAR, PROVISIONAL): (_send, UNACKNOWLEDGED),
    (CLEAR, SENT_FINAL): (_fall_silent, DONE),
    (UNACKNOWLEDGED, PROVISIONAL): (_queue, UNACKNOWLEDGED),
    (UNACKNOWLEDGED, RESEND_1XX): (_send_again, UNACKNOWLEDGED),
    (UNACKNOWLEDGED, NO_PRACK): (_give_up, DONE),
    (UNACKNOWLEDGED, GOT_PRACK): (_go_on, CLEAR),
    (UNACKNOWLEDGED, GOT_OFFER): (_acknowledge, PRACK_OPEN),
    (UNACKNOWLEDGED, SENT_FINAL): (_fall_silent, DONE),
    (PRACK_OPEN, PROVISIONAL): (_queue, PRACK_OPEN),
    (PRACK_OPEN, PRACK_ANSWERED): (_go_on, CLEAR),
    (PRACK_OPEN, SENT_FINAL): (_fall_silent, DONE),
    (DONE, GOT_PRACK): (_acknowledge, DONE),
    (DONE, GOT_OFFER): (_acknowledge, DONE),
}
LIVE_TIMERS: Final[dict[str, tuple[str, ...]]] = {
    CLEAR: (),
    UNACKNOWLEDGED: (RESEND_1XX, NO_PRACK),
    PRACK_OPEN: (),
    DONE: (),
}


def take(station: Station, announcing: Announcing, happened: str, now: float, response: Response | None = None) -> None:
    """Let an input happen: its action runs, then exactly the timers of the state."""
    row = RELIABLE.get((announcing.state, happened))
    if row is None:
        return
    action, announcing.state = row
    station.timers.keep(announcing, LIVE_TIMERS[announcing.state])
    action(station, announcing, response, now)
    for timer in LIVE_TIMERS[announcing.state]:
        if timer not in announcing.running:
            station.timers.arm(announcing, timer, now + _duration_s(announcing, timer))


def _duration_s(announcing: Announcing, timer: str) -> float:
    if timer == NO_PRACK:
        return _LIMIT_S
    announcing.interval_s = announcing.interval_s * 2 or T1_S
    return announcing.interval_s


def hold(announcing: Announcing, answer: Response) -> None:
    """Keep a 2xx back until `released`; of what is queued only a session description still goes out before it."""
    announcing.held = answer
    announcing.queue = deque(response for response in announcing.queue if describes(response))


def released(announcing: Announcing) -> Response | None:
    """The 2xx that waits no more, once; None while there is none."""
    if announcing.state != CLEAR:
        return None
    answer, announcing.held = announcing.held, None
    return answer


def stop_announcing(station: Station, usage: Usage, now: float) -> None:
    """The INVITE has its final response."""
    if usage.announcing is not None:
        take(station, usage.announcing, SENT_FINAL, now)
