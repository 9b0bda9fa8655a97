"""A SIP user agent without sockets and clock: messages and verbs in, messages and events out."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from b2bua.addresses import canonical_host
from b2bua.sip.answers import dispatch
from b2bua.sip.errors import MalformedHeader, MalformedMessage, SipError, is_answerable
from b2bua.sip.events import NoResponse, RequestFailed, UsageEnded, UserAgentEvent
from b2bua.sip.framing import Framed
from b2bua.sip.grammar import is_token, is_unsafe, quote
from b2bua.sip.headers import Via
from b2bua.sip.in_dialog import stop_answering
from b2bua.sip.incoming_calls import send_2xx_again
from b2bua.sip.location import Target
from b2bua.sip.message import Request, Response
from b2bua.sip.outgoing_requests import request_in_dialog
from b2bua.sip.oversized import by_udp_after_all, send_setup, setup_lines
from b2bua.sip.parser import is_keep_alive, parse_message, validate_response
from b2bua.sip.plain import is_plain_uri
from b2bua.sip.reception import dispatch_server, is_told_elsewhere, receive_request
from b2bua.sip.reliable_provisionals import Announcing
from b2bua.sip.responding import answer_waits, fire, respond
from b2bua.sip.routing import Carried, LocalAddress, Outgoing, TransportAddress, stamp_via
from b2bua.sip.sent_request import SentRequest
from b2bua.sip.session_agreement import session_lines
from b2bua.sip.settings import (
    HeaderLines,
    OutgoingInvite,
    OutgoingRequest,
    PeerPolicy,
    UserAgentLimits,
    UserAgentSettings,
)
from b2bua.sip.station import Station, credential_lines, lines_of
from b2bua.sip.timers import TimerOwner
from b2bua.sip.transactions import ClientTransaction, ServerTransaction
from b2bua.sip.uri import Uri
from b2bua.sip.usage import NO_ACK, SETUP, STANDALONE, Answering, Errand, Usage
from b2bua.sip.usage_table import (
    CALLING,
    HANG_UP,
    NEVER_ACKED,
    PROGRESSING,
    UNANSWERABLE,
    UNCONNECTED,
    UNDELIVERED,
    UNWANTED,
    enter,
    take,
)
from b2bua.tokens import Tokens

__all__ = [
    "LocalAddress",
    "Outgoing",
    "OutgoingInvite",
    "OutgoingRequest",
    "PeerPolicy",
    "TransportAddress",
    "UserAgent",
    "UserAgentLimits",
    "UserAgentSettings",
]

_FIRST_CSEQ = 1
_NO_CREDENTIALS = ""  # before the first challenge


@dataclass(frozen=True, slots=True)
class TableSizes:
    """How much a UserAgent holds; all zero when all of its calls are over."""

    transactions: int
    usages: int
    dialogs: int
    timers: int


def _everywhere(_address: TransportAddress) -> bool:
    return True


def _nowhere(_target: Target) -> Sequence[TransportAddress]:
    return ()


_DEFAULT_POLICY = PeerPolicy()


def _alike(_request: Request, _source: TransportAddress) -> PeerPolicy:
    return _DEFAULT_POLICY


class UserAgent:
    """All calls and requests of one SIP element.

    Give it what arrives (`receive`), what could not be delivered (`transport_failed`) and the time (`handle_timers` at
    `next_timer`); after each of these and after each verb take what it wants sent (`to_send`) and what it has to tell
    (`next_event`). `now` is monotonic seconds. `may_reach` says which addresses may be talked to: where a Contact, a
    route or a Via names another, the message goes to where the dialog or request came from instead. `policy_of` gives
    the policy for a request outside a dialog, whose From and To can be read, that comes from an address; calls that are
    made bring theirs along. `names` says at once what a host name in a Contact or route leads to, as far as is known.
    """

    def __init__(
        self,
        settings: UserAgentSettings,
        tokens: Tokens,
        may_reach: Callable[[TransportAddress], bool] = _everywhere,
        policy_of: Callable[[Request, TransportAddress], PeerPolicy] = _alike,
        names: Callable[[Target], Sequence[TransportAddress]] = _nowhere,
    ) -> None:
        if not settings.locals:
            raise ValueError("a user agent needs at least one listener")
        self._station = station = Station(settings, tokens, may_reach, policy_of, names)
        # For its driver, which looks at them after each message: what `next_event` and `to_send` take from, and when
        # `handle_timers` is next due, in monotonic seconds, None when nothing runs.
        self.events = station.events
        self.outgoing = station.outgoing
        self.next_timer: Callable[[], float | None] = station.timers.next_due

    @property
    def accepting(self) -> bool:
        """False while draining: OPTIONS and new calls are answered 503 with Retry-After."""
        return self._station.accepting

    @accepting.setter
    def accepting(self, value: bool) -> None:
        self._station.accepting = value

    @property
    def counters(self) -> Mapping[str, int]:
        """What has been dropped, refused and lost so far, by name."""
        return self._station.counters

    def table_sizes(self) -> TableSizes:
        """How much is held now."""
        station = self._station
        return TableSizes(
            max(len(station.layer), *station.layer.table_sizes),
            len(station.usages),
            len(station.dialogs),
            len(station.timers),
        )

    def is_parting(self) -> bool:
        """Whether what ends calls is still on its way, or waits for its ACK to go: BYE, CANCEL, refusals. With no call
        live, it is all that is."""
        station = self._station
        return station.layer.is_parting() or any(usage.state == UNWANTED for usage in station.usages.values())

    # What happens to it.

    def receive(self, content: bytes, source: TransportAddress, local: TransportAddress, now: float) -> None:
        """Take a datagram that came from `source` to the listener bound to `local`.

        Never raises: what is malformed is answered 400 where it can be, and counted.
        """
        if is_keep_alive(content):
            self._station.counters["keep-alives"] += 1
            return
        message: Framed
        try:
            message = parse_message(content)
        except MalformedMessage as error:
            message = error
        self.receive_message(message, source, local, now, len(content))

    def receive_message(
        self,
        message: Framed,
        source: TransportAddress,
        local: TransportAddress,
        now: float,
        octets: int | None = None,
    ) -> None:
        """Take what a `StreamFramer` has cut out of a stream; otherwise as `receive`. `octets`: its size, where that is
        known."""
        request = None
        try:
            if isinstance(message, MalformedMessage):
                self._refuse_malformed(message.request, message, source, local)
            elif isinstance(message, Response):
                self._receive_response(message, source, local, now)
            else:
                request = message
                receive_request(self._station, message, source, local, now, octets)
        except SipError as error:
            broken = error.request if isinstance(error, MalformedMessage) else request
            self._refuse_malformed(broken, error, source, local)

    def _receive_response(
        self, response: Response, source: TransportAddress, local: TransportAddress, now: float
    ) -> None:
        station = self._station
        response.skip_empty_parameters()
        transaction = station.layer.client_of(response)
        if transaction is None or not _is_ours(response.via, transaction.request.local):
            station.counters["responses to nothing"] += 1
            return
        validate_response(response)
        dialog = transaction.errand.dialog
        if dialog is not None and source != transaction.destination:
            dialog.answered_over(source, local, transaction.destination)
        dispatch(station, transaction, station.layer.receive_response(transaction, response, now), now)

    def _refuse_malformed(
        self, request: Request | None, error: SipError, source: TransportAddress, local: TransportAddress
    ) -> None:
        """Say what is wrong with a request: the reason phrase names it (21.4.1)."""
        self._station.counters["malformed"] += 1
        if request is None or not is_answerable(request):
            return
        try:
            with suppress(MalformedHeader):  # one that cannot be read is answered as it stands
                stamp_via(request, source)
            self._station.reply_without_transaction(request, error.status, source, local, reason=error.reason)
        except SipError:
            self._station.counters["malformed, unanswered"] += 1

    def transport_failed(
        self, destination: TransportAddress, now: float, *, unopened: bool = False, requests: Carried = None
    ) -> None:
        """A connection to `destination` broke, or could not be opened: what waits for its answer fails, as far as it is
        among `requests`. `unopened`: none was there, so that nothing has arrived. An INVITE that was to go there for
        its size alone then goes by UDP (18.1.1). Over one that broke it may have arrived: sent again, it could ring a
        second phone."""
        for transaction in self._station.layer.clients_to(destination):
            if requests is None or transaction.last_sent in requests:  # others went over another, which may stand
                self._fail(transaction, now, unopened=unopened)

    def undelivered(self, content: bytes, destination: TransportAddress, now: float) -> None:
        """The network says that a datagram to `destination` was not delivered; `content` is what it quotes of it.

        18.4 has an ICMP error tell the transport's user of a failure. Anybody can send one: it counts for the request
        whose branch it quotes, which only who has seen that knows, and says nothing of others. An INVITE that begins a
        call is not sent again, which lets its user go on at once; what still comes of it is cancelled or ended. A
        request in a dialog is left to its timers: it is sent again, the dialog may well stand, and nobody waits to try
        another peer.
        """
        station = self._station
        transaction = station.layer.client_quoted(content)
        if transaction is None or transaction.destination != destination:
            station.counters["network errors about nothing open"] += 1
        elif transaction.errand.kind in (SETUP, STANDALONE):
            self._fail(transaction, now)
        else:
            station.counters["network errors within dialogs"] += 1

    def unanswerable(self, content: bytes, now: float, destination: TransportAddress | None = None) -> None:
        """A response could not be sent, by no way that 18.2.2 knows: who has called, and has no answer yet, is gone
        (17.2.4). A 2xx is sent again all the same until its time is over (13.3.1.4). `destination`: where it was to go;
        a peer that has come back over another connection meanwhile was told again over that one, or is now."""
        station = self._station
        transaction = None
        with suppress(SipError):
            response = parse_message(content)
            transaction = station.layer.server_of(response) if isinstance(response, Response) else None
        if transaction is None or destination not in (None, transaction.destination):
            return
        if is_told_elsewhere(station, transaction):
            return
        usage = transaction.usage
        if usage is not None and transaction is usage.arrival:
            take(station, usage, UNANSWERABLE, None, now)

    def is_wanted(self, content: bytes) -> bool:
        """Whether a request that has not left yet, its connection being opened, is still to go out. An INVITE whose
        call has been hung up or given up meanwhile, or has gone another way, is not: it could only be cancelled once a
        phone rings."""
        transaction = self._station.layer.client_quoted(content)
        if transaction is None and content.startswith(b"INVITE "):
            return False
        usage = None if transaction is None else transaction.errand.usage
        if usage is None or usage.setup is None or usage.setup.transaction is not transaction:
            return True
        return usage.state == CALLING

    def withdrawn(self, content: bytes, now: float) -> None:
        """A request that `is_wanted` was asked for has not been sent: nothing comes of it any more."""
        station = self._station
        transaction = station.layer.client_quoted(content)
        if transaction is not None:
            dispatch(station, transaction, station.layer.fail(transaction, now), now)

    def _fail(self, transaction: ClientTransaction, now: float, *, unopened: bool = False) -> None:
        usage = transaction.errand.usage
        setup = None if usage is None else usage.setup
        if usage is None or setup is None or setup.transaction is not transaction:
            dispatch(self._station, transaction, self._station.layer.fail(transaction, now), now)
            return
        if usage.state == PROGRESSING and (usage.dialogs or not transaction.destination.reliable):
            return  # it rings, or goes on: what still comes may come over another connection (18.2.2)
        again = by_udp_after_all(self._station, setup) if unopened and usage.state == CALLING else None
        take(self._station, usage, UNDELIVERED if again is None else UNCONNECTED, again, now)

    def handle_timers(self, now: float) -> None:
        """Let everything happen that is due at `now`."""
        due = self._station.timers.pop_due(now)
        while due is not None:
            self._fire(*due, now)
            due = self._station.timers.pop_due(now)

    def _fire(self, owner: TimerOwner, timer: str, now: float) -> None:
        station = self._station
        if isinstance(owner, ClientTransaction):
            dispatch(station, owner, station.layer.fire(owner, timer, now), now)
        elif isinstance(owner, ServerTransaction):
            dispatch_server(station, owner, station.layer.fire(owner, timer, now), now)
        elif isinstance(owner, Usage):
            take(station, owner, timer, None, now)
        elif isinstance(owner, Announcing):
            fire(station, owner, timer, now)
        elif isinstance(owner, Answering):
            if timer == NO_ACK:
                stop_answering(station, owner.usage)
                take(station, owner.usage, NEVER_ACKED, "no_ack", now)
            else:
                send_2xx_again(station, owner, now)

    # What it has for its driver.

    @property
    def has_events(self) -> bool:
        """Whether `next_event` has one."""
        return bool(self._station.events)

    def next_event(self) -> UserAgentEvent | None:
        """Take the oldest event, None when there is none."""
        events = self._station.events
        return events.popleft() if events else None

    def to_send(self) -> list[Outgoing]:
        """Take what is to be sent, in order."""
        outgoing = self._station.outgoing
        if not outgoing:
            return []
        taken = outgoing.copy()
        outgoing.clear()
        return taken

    # Verbs.

    def invite(self, plan: OutgoingInvite, now: float) -> int:
        """Call: returns the handle of the usage, whose events follow. Raises SipError for what cannot be written."""
        station = self._station
        own_lines = lines_of(plan.headers)
        display = f"{quote(plan.from_display)} " if plan.from_display else ""
        _check_text(display, plan.content_type, *plan.routes)
        _check_uris(plan.request_uri, plan.from_uri, plan.to_uri)
        handle = station.new_handle()
        local = station.local_for(plan.destination)
        limits = station.settings.limits
        if len(station.usages) >= limits.usages or len(station.layer) >= limits.transactions or local is None:
            station.counters["calls refused for want of room"] += local is not None
            station.tell(NoResponse(handle, "transport" if local is None else "limit"))
            station.tell(UsageEnded(handle))
            return handle
        tag, call_id = station.tokens.hex(16), station.tokens.hex(32)
        usage = Usage(handle, CALLING, call_id, tag, station.digest_for(plan.credentials), plan.policy)
        errand = Errand(SETUP, usage, usage.digest)
        request = SentRequest(
            "INVITE",
            plan.request_uri,
            plan.destination,
            local,
            station.new_branch(),
            plan.routes,
            f"{display}<{plan.from_uri}>;tag={tag}",
            f"<{plan.to_uri}>",
            call_id,
            _FIRST_CSEQ,
            setup_lines(station, plan, local),
            own_lines,
            session_lines(usage, errand),
            _NO_CREDENTIALS,
            plan.max_forwards,
            plan.content_type,
            plan.body,
        )
        send_setup(station, usage, plan, request, errand, now)
        enter(station, usage, now)
        return handle

    def hang_up(self, usage: int, now: float, reason: str | None = None, status: int = 480) -> None:
        """End a usage whatever its state; nothing when it is over.

        Before any response: the CANCEL is held until a provisional comes; after NoResponse("no_answer") the INVITE is
        not sent again either. After one: CANCEL. Confirmed: BYE. An incoming call not yet answered: `status`, a final
        failure. `reason` is a whole Reason value (RFC 3326), such as `Q.850;cause=16`. Raises SipError for one that
        cannot be written.
        """
        found = self._station.usages.get(usage)
        if found is None:
            return
        if reason is not None:
            _check_text(reason)
            found.bye_reason = reason
        take(self._station, found, HANG_UP, status, now)

    def respond(
        self,
        transaction: int,
        status: int,
        now: float,
        *,
        reason: str | None = None,
        headers: HeaderLines = (),
        body: bytes = b"",
        content_type: str | None = None,
        reliable: bool | None = None,
    ) -> None:
        """Answer an IncomingInvite or IncomingRequest; a response that comes too late is counted and goes nowhere.

        A provisional response of 101-199 goes reliably, as RFC 3262 has it, where the INVITE requires that; where the
        INVITE supports it, as `reliable` says: None when it has a body (or the peer's policy requires it), True, or
        False never. One goes out when the one before has been acknowledged, and a 2xx when no session description waits
        for that; unacknowledged for 64*T1, the call ends with 504 and IncomingCancelled("no_prack"). The first with a
        body gives the answer, so that any later response to the INVITE goes without its own; of an INVITE without an
        offer it makes the offer, and one that would have to and has no body is not sent. Raises SipError when it cannot
        be written.
        """
        station = self._station
        found = station.layer.server_numbered(transaction)
        if found is None:
            station.counters["responses too late"] += 1
            return
        response = station.compose(found, status, reason=reason, headers=headers, body=body, content_type=content_type)
        respond(station, found, response, now, reliable=reliable)

    def request(self, plan: OutgoingRequest, now: float) -> int:
        """Send a request outside any dialog: returns the handle that its answer has. Raises SipError."""
        station = self._station
        own_lines = lines_of(plan.headers)
        _check_method(plan.method)
        _check_text(plan.content_type or "", plan.call_id, plan.from_tag)
        _check_uris(plan.request_uri, plan.from_uri, plan.to_uri)
        handle = station.new_handle()
        local = station.local_for(plan.destination)
        if local is None or len(station.layer) >= station.settings.limits.transactions:
            station.tell(RequestFailed(handle, "transport" if local is None else "refused"))
            return handle
        errand = Errand(STANDALONE, None, station.digest_of(plan.credentials, plan.call_id), number=handle)
        request = SentRequest(
            method=plan.method,
            request_uri=plan.request_uri,
            destination=plan.destination,
            local=local,
            branch=station.new_branch(),
            routes=(),
            from_value=f"<{plan.from_uri}>;tag={plan.from_tag or station.tokens.hex(16)}",
            to_value=f"<{plan.to_uri}>",
            call_id=plan.call_id or station.tokens.hex(32),
            cseq=plan.cseq,
            common_lines=station.agent_line + station.supported_line,
            own_lines=own_lines,
            credential_lines=credential_lines(errand, plan.method, plan.request_uri, plan.body),
            content_type=plan.content_type,
            body=plan.body,
        )
        station.send_request(request, errand, now)
        return handle

    def answer_waits(self, usage: int) -> bool:
        """Whether a 2xx to this call of a peer would have to wait for a PRACK: `HeldAnswerSent` tells when it goes."""
        found = self._station.usages.get(usage)
        return found is not None and answer_waits(found)

    def call_id_of(self, usage: int) -> str | None:
        """The Call-ID of a usage, None where it is over."""
        found = self._station.usages.get(usage)
        return None if found is None else found.call_id

    def contact_for(self, destination: TransportAddress, user: str) -> str | None:
        """The URI where `destination` reaches us, with this user part, escaped; None without a listener for it."""
        local = self._station.local_for(destination)
        return None if local is None else local.contact_uri(user)

    def request_in_dialog(
        self,
        usage: int,
        method: str,
        now: float,
        *,
        headers: HeaderLines = (),
        body: bytes = b"",
        content_type: str | None = None,
        to_tag: str | None = None,
    ) -> int:
        """Send a request (INVITE, INFO, UPDATE ...) in a dialog: returns the handle that its answer has.

        A 2xx to an INVITE is acknowledged by itself, without a body. In an early dialog, that of `to_tag` or the
        newest, only what the peer's Allow names, and no INVITE; of a call that we get, only once a reliable provisional
        response has been acknowledged and none waits. In a confirmed one, an INVITE or UPDATE that crosses one of the
        peer's (491), or that it asks to wait with (500 with Retry-After), goes out again by itself, a few times.
        RequestFailed("refused") where there is no such dialog, for an INVITE while another of either side is open, for
        an UPDATE while one of ours is, for either while one waits to be sent again, and for an offer while another of
        either side has no answer (RFC 3311 5.1). Raises SipError.
        """
        own_lines = lines_of(headers)
        _check_method(method)
        _check_text(content_type or "")
        return request_in_dialog(
            self._station,
            self._station.usages.get(usage),
            method,
            now,
            own_lines=own_lines,
            body=body,
            content_type=content_type,
            to_tag=to_tag,
        )


def _is_ours(via: Via, local: LocalAddress) -> bool:
    """18.1.2: a response whose sent-by is not what we put there is discarded."""
    if (via.port or 5060) != local.advertised_port:
        return False
    told = local.advertised_host
    return via.host == told or canonical_host(via.host).lower() == told.lower()


def _check_text(*texts: str) -> None:
    for text in texts:
        if is_unsafe(text):
            raise MalformedHeader("Control character in a plan")


def _check_uris(*texts: str) -> None:
    for text in texts:
        if not is_plain_uri(text):
            Uri.parse(text)


def _check_method(method: str) -> None:
    if not is_token(method):
        raise MalformedHeader("Method is not a token")
