"""An INVITE usage (RFC 5057): one call with one peer, from its INVITE to the end of its last transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from b2bua.sip.digest import ChallengeLog
from b2bua.sip.errors import SipError
from b2bua.sip.timers import T1_S, T2_S

if TYPE_CHECKING:
    from b2bua.sip.dialog import Dialog
    from b2bua.sip.digest import DigestClient
    from b2bua.sip.message import Message, Request, Response
    from b2bua.sip.reliable_provisionals import Announcing
    from b2bua.sip.routing import Outgoing
    from b2bua.sip.sent_request import SentRequest
    from b2bua.sip.session_timer import SessionTimer
    from b2bua.sip.settings import OutgoingInvite, PeerPolicy
    from b2bua.sip.transactions import ClientTransaction, ServerTransaction

# What a request of ours was sent for.
SETUP: Final = "setup"
CANCEL: Final = "cancel"
PRACK: Final = "prack"
BYE: Final = "bye"
REINVITE: Final = "re-invite"
IN_DIALOG: Final = "in dialog"
STANDALONE: Final = "standalone"

# Timers of ours beside the lettered ones.
NO_ANSWER: Final = "no answer"  # nothing at all came back to our INVITE
LAST_TRY: Final = "last try"  # 32*T1 after an INVITE that nothing came back to
CANCEL_WAIT: Final = "cancel wait"  # 64*T1 after the CANCEL, and again after its 200 (9.1)
RESEND_2XX: Final = "resend 2xx"  # 13.3.1.4: T1, doubling to T2
NO_ACK: Final = "no ack"  # 13.3.1.4: 64*T1 after the 2xx
SAY_AGAIN: Final = "say again"  # 13.3.1.1: a minute after the last 101-199 to an INVITE that still waits
EXPIRY: Final = "expiry"  # 13.3.1: the INVITE's own Expires
REFRESH: Final = "refresh"  # RFC 4028 10: half the session interval, where we refresh
SESSION_END: Final = "session end"  # RFC 4028 10: no refresh came, or none of ours got through
REINVITE_LIMIT: Final = "re-INVITE limit"  # 64*T1 after the first provisional response to a re-INVITE of ours
REINVITE_WAIT: Final = "re-INVITE wait"  # 64*T1 after its CANCEL (9.1)
NEXT_TRY: Final = "next try"  # 14.1: a re-INVITE or UPDATE of ours that was refused for now


class Errand:
    """What one request of ours, with its repetitions under credentials, was sent for.

    `number` is the handle its caller has, 0 where the UserAgent sends by itself. `answered`: the outcome has been told.
    `asked_s`: the session interval it asks for, None for none. `raises`: how often a 422 has raised that. `tries`: how
    often it has been put off, or a connection that it went over has broken. `cancelled`: a re-INVITE that had
    provisional responses alone.
    """

    __slots__ = (
        "_log",
        "answered",
        "asked_s",
        "cancelled",
        "dialog",
        "digest",
        "kind",
        "number",
        "raises",
        "tries",
        "usage",
    )

    def __init__(
        self,
        kind: str,
        usage: Usage | None,
        digest: DigestClient | None,
        dialog: Dialog | None = None,
        number: int = 0,
    ) -> None:
        self.kind = kind
        self.usage = usage
        self.digest = digest
        self.dialog = dialog
        self.number = number
        self._log: ChallengeLog | None = None
        self.answered = False
        self.asked_s: int | None = None
        self.raises = 0
        self.tries = 0
        self.cancelled = False

    @property
    def log(self) -> ChallengeLog:
        """What the request has been sent with so far, made when it is first asked for."""
        if self._log is None:
            self._log = ChallengeLog()
        return self._log


class OutgoingSetup:
    """The INVITE of a call that we make: its plan, and the attempt that counts now."""

    __slots__ = ("plan", "sent", "transaction")

    def __init__(self, plan: OutgoingInvite, sent: SentRequest, transaction: ClientTransaction) -> None:
        self.plan = plan
        self.sent = sent
        self.transaction = transaction


class PutOff:
    """A re-INVITE or UPDATE of ours that was refused for now, and is sent again later (14.1): what came last."""

    __slots__ = ("errand", "request", "response")

    def __init__(self, errand: Errand, request: SentRequest, response: Response) -> None:
        self.errand = errand
        self.request = request
        self.response = response


class Answering:
    """A 2xx of ours to an INVITE, sent again until its ACK comes (13.3.1.4). `asked_cseq`: the peer's last number
    before it, above `cseq` where a PRACK, an UPDATE or the like came while it rang."""

    __slots__ = ("asked_cseq", "cseq", "interval_s", "running", "transaction", "usage")

    def __init__(self, usage: Usage, transaction: ServerTransaction) -> None:
        self.usage = usage
        self.transaction = transaction
        self.cseq = transaction.request.cseq.number
        dialog = usage.dialog_with(transaction.request)
        self.asked_cseq = None if dialog is None else dialog.remote_cseq
        self.interval_s = 0.0
        self.running: dict[str, int] = {}

    def next_interval_s(self) -> float:
        """How long to wait before it is sent again."""
        self.interval_s = min(self.interval_s * 2, T2_S) if self.interval_s else T1_S
        return self.interval_s


class Usage:
    """Where one call with a peer stands.

    `dialogs` by the peer's tag, `dialog` the confirmed one. `acks`: the ACK of each 2xx, by CSeq number and To tag.
    `open_transactions` of it in the layer. `pending`: the peer's requests that wait for `respond`. `setup` of a call we
    make, `arrival` of one we get. `reinvite`: ours without a final response. `announcing`: what goes reliably to the
    peer's last INVITE, `progress` the last 101-199 sent to its first. `bye_reason`: the Reason of the hang-up.
    `policy`: what the peer's profile says. `peer_allows`: the methods of its last Allow, empty while none was seen.
    `refuses_update`: a refresh by UPDATE was not let pass, whatever the peer allows.
    `put_off`: a re-INVITE or UPDATE of ours that is to be sent again. `session`: the session timer that holds, None for
    none; `min_session_s`: the largest Min-SE of either side; `refusals` of our refreshes in a row.
    """

    __slots__ = (
        "acks",
        "announcing",
        "answering",
        "arrival",
        "bye_reason",
        "call_id",
        "dialog",
        "dialogs",
        "digest",
        "local_tag",
        "min_session_s",
        "number",
        "open_transactions",
        "outcome_told",
        "peer_allows",
        "pending",
        "policy",
        "progress",
        "put_off",
        "refusals",
        "refuses_update",
        "reinvite",
        "running",
        "session",
        "setup",
        "state",
    )

    def __init__(
        self,
        number: int,
        state: str,
        call_id: str,
        local_tag: str,
        digest: DigestClient | None,
        policy: PeerPolicy,
    ) -> None:
        self.number = number
        self.state = state
        self.call_id = call_id
        self.local_tag = local_tag
        self.digest = digest
        self.policy = policy
        self.peer_allows: frozenset[str] = frozenset()
        self.dialogs: dict[str, Dialog] = {}
        self.dialog: Dialog | None = None
        self.acks: dict[tuple[int, str], Outgoing] = {}
        self.answering: Answering | None = None
        self.announcing: Announcing | None = None
        self.setup: OutgoingSetup | None = None
        self.arrival: ServerTransaction | None = None
        self.pending: dict[int, ServerTransaction] = {}
        self.reinvite: ClientTransaction | None = None
        self.put_off: PutOff | None = None
        self.session: SessionTimer | None = None
        self.min_session_s = policy.session_timer_min_s
        self.refusals = 0
        self.refuses_update = False
        self.open_transactions = 0
        self.outcome_told = False
        self.bye_reason: str | None = None
        self.progress = 0
        self.running: dict[str, int] = {}

    def learn(self, message: Message) -> None:
        """Take the methods of the peer's Allow; nothing where it has none, or none that can be read."""
        if message.headers.get("Allow") is None:
            return
        try:
            self.peer_allows = frozenset(message.allow)
        except SipError:
            return

    @property
    def made_by_us(self) -> bool:
        """Whether we began the call, and so own its Call-ID (14.1)."""
        return self.setup is not None

    def dialog_with(self, request: Request) -> Dialog | None:
        """The dialog that a request of the peer, whose From-tag has been read, belongs to."""
        return self.dialogs.get(request.from_tag or "")

    def whom_to_expect(self, request: Request) -> str:
        """Who has to be where the sender of a request of the peer listens, as a `TransportAddress` has it."""
        dialog = self.dialog_with(request)
        return self.policy.expected if dialog is None else dialog.expected
