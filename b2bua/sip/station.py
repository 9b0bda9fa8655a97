"""The tables and queues that the parts of one UserAgent share, and how its messages are built and sent."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from b2bua.sip.dialog import Dialog, DialogKey, wants_sips
from b2bua.sip.digest import Credentials, DigestClient
from b2bua.sip.errors import MalformedHeader, SipError
from b2bua.sip.events import UsageEnded, UserAgentEvent
from b2bua.sip.grammar import is_token, is_unsafe
from b2bua.sip.guard import Guard
from b2bua.sip.location import Target
from b2bua.sip.message import Message, Request, Response, build_response
from b2bua.sip.routing import (
    ANYBODY,
    LocalAddress,
    Outgoing,
    TransportAddress,
    is_ip_literal,
    next_hop_address,
    response_destination,
    response_fallback,
    transport_of,
)
from b2bua.sip.sent_request import MAX_FORWARDS, SentRequest
from b2bua.sip.settings import RELIABLE_PROVISIONALS, PeerPolicy, UserAgentSettings
from b2bua.sip.stateless_tags import StatelessTags
from b2bua.sip.timers import TimerQueue
from b2bua.sip.transaction_layer import TransactionLayer
from b2bua.sip.transactions import ClientTransaction, ServerTransaction, Transaction
from b2bua.sip.uri import Uri
from b2bua.sip.usage import REINVITE, SETUP, Errand, Usage
from b2bua.tokens import Tokens

KEPT_DIGESTS: Final = 1_024
OVER: Final = "over"
"""The state of a usage that has nothing more to say; it ends with its last transaction."""

Headers = Iterable[tuple[str, str]]
Hop = tuple[TransportAddress, TransportAddress | None]
"""Where a request goes, and where it goes when that cannot be reached."""
_TELLING: Final = {405: "Allow", 415: "Accept"}
_WITH_CONTACT: Final = frozenset({"INVITE", "UPDATE"})


class Station:
    """What one UserAgent holds. Its attributes are shared by the modules of this room, and by no other."""

    __slots__ = (
        "_allow_line",
        "_common_lines",
        "_last_handle",
        "_locals",
        "_own_fields",
        "_told",
        "accepting",
        "agent_line",
        "counters",
        "dialogs",
        "digests",
        "events",
        "guard",
        "layer",
        "may_reach",
        "names",
        "outgoing",
        "policy_of",
        "settings",
        "stateless_tags",
        "supported_line",
        "timers",
        "tokens",
        "usages",
    )

    def __init__(
        self,
        settings: UserAgentSettings,
        tokens: Tokens,
        may_reach: Callable[[TransportAddress], bool],
        policy_of: Callable[[Request, TransportAddress], PeerPolicy],
        names: Callable[[Target], Sequence[TransportAddress]],
    ) -> None:
        self.settings = settings
        self.tokens = tokens
        self.may_reach = may_reach
        self.policy_of = policy_of
        self.names = names
        self.guard = Guard(tokens)
        self.stateless_tags = StatelessTags(tokens)
        self.digests: dict[tuple[str, Credentials], DigestClient] = {}
        self.accepting = True
        self.timers = TimerQueue()
        self.outgoing: list[Outgoing] = []
        self.layer = TransactionLayer(self.timers, self.outgoing, self._transaction_ended)
        self.events: deque[UserAgentEvent] = deque()
        self.usages: dict[int, Usage] = {}
        self.dialogs: dict[DialogKey, tuple[Usage, Dialog]] = {}
        self.counters: Counter[str] = Counter()
        self._last_handle = 0
        self._locals = {local.bound: local for local in settings.locals}
        self._told = {local.told: local.bound for local in settings.locals}
        self.agent_line = f"User-Agent: {settings.user_agent}\r\n" if settings.user_agent else ""
        """The User-Agent header line."""
        supported = settings.supported
        self.supported_line = f"Supported: {', '.join(supported)}\r\n" if supported else ""
        """The Supported header line of what is served to everybody: in every request of ours but ACK and CANCEL
        (RFC 4028 section 7.1)."""
        self._allow_line = f"Allow: {', '.join(settings.allow)}\r\n"
        self._common_lines: dict[tuple[TransportAddress, tuple[str, ...], bool], str] = {}
        self._own_fields: dict[tuple[TransportAddress, tuple[str, ...], bool], Headers] = {}

    def _prepare_lines(self, local: LocalAddress, options: tuple[str, ...], secure: bool) -> str:
        settings = self.settings
        tags = (*settings.supported, *options)
        supported = f"Supported: {', '.join(tags)}\r\n" if tags else ""
        contact = f"Contact: <{local.contact_uri(settings.contact_user, secure=secure)}>\r\n"
        return f"{contact}{self.agent_line}{self._allow_line}{supported}"

    def explain_end(self, usage: Usage, cause: object) -> None:
        """Let the CANCEL or BYE of a usage say `cause` where nobody has hung it up with a Reason of his own."""
        if usage.bye_reason is None and isinstance(cause, str):
            usage.bye_reason = self.settings.ending_reasons.get(cause)

    # Handles, addresses.

    def new_handle(self) -> int:
        """A number for a usage or a request, unique in this UserAgent."""
        self._last_handle += 1
        return self._last_handle

    def new_branch(self) -> str:
        """A Via branch, unique to one transaction (8.1.1.7)."""
        return f"z9hG4bK{self.tokens.hex(24)}"

    def local_for(self, destination: TransportAddress) -> LocalAddress | None:
        """The listener that what we begin leaves from: the first of that transport and IP version."""
        is_ipv6 = ":" in destination.host
        for local in self.settings.locals:
            if local.bound.transport == destination.transport and (":" in local.bound.host) == is_ipv6:
                return local
        return None

    def local_at(self, bound: TransportAddress) -> LocalAddress:
        """The listener that a message came in by; an unknown one is taken to be the first."""
        return self._locals.get(bound) or self.settings.locals[0]

    def hop(self, next_hop: str, dialog: Dialog, tried: Sequence[TransportAddress | None] = ()) -> Hop:
        """Where a request within a dialog goes: to what the route names, if that is an address, or is known to lead to
        one, which may be talked to over the dialog's listener, and otherwise to where the dialog was made through. On a
        stream, what cannot be reached (a Contact behind NAT) falls back to the connection that the dialog was made
        through, and where a name leads there, to the next that it leads to (RFC 3263 4.3), as it does where what the
        dialog was made through is among `tried`. Where the peer is ourselves, as a proxy that stays out of the dialog
        has handed our INVITE back, it goes to our own listener."""
        bound = dialog.local.bound
        through = (dialog.peer, dialog.peer_fallback)
        try:
            address = next_hop_address(next_hop, bound.transport)
            named = self._named(next_hop, dialog) if address is None else ()
        except SipError:
            return through
        if named:
            address = named[0]
        elif address is not None and address.transport == "tls":
            address = address.expecting(dialog.expected)
        own = None if address is None else self._told.get(address.place if address.expected else address)
        if own is not None and (dialog.call_id, dialog.remote_tag, dialog.local_tag) in self.dialogs:
            return own, None
        if address is None or address.transport != bound.transport or (":" in address.host) != (":" in bound.host):
            return through
        at_peer = dialog.is_peer(address)
        if len(named) > 1 and address.reliable and (at_peer or dialog.peer in tried):
            listens = None if tried else dialog.peer_fallback
            other = next((each for each in named[1:] if each not in tried), named[1])
            return address, other if listens is None or listens.place == address.place else listens
        if at_peer or not self.may_reach(address):
            return through
        return address, dialog.peer if address.reliable else None

    def _named(self, next_hop: str, dialog: Dialog) -> Sequence[TransportAddress]:
        """The addresses of what a route names by its host name that may be talked to, as far as that is known by now:
        the dialog's peer, then those at its host, then the others. Raises SipError."""
        bound, peer = dialog.local.bound, dialog.peer
        uri = Uri.parse(next_hop)
        host = uri.next_host
        if not uri.is_sip or uri.port == 0 or is_ip_literal(host):
            return ()
        if transport_of(uri, bound.transport) != bound.transport:
            return ()
        found = self.names(Target(host, uri.port, bound.transport, uri.scheme == "sips"))
        fitting = [
            each
            for each in (each.expecting(dialog.expected) for each in found)
            if each.transport == bound.transport
            and (":" in each.host) == (":" in bound.host)
            and (dialog.is_peer(each) or self.may_reach(each))
        ]
        return sorted(
            _each_place_once(fitting, dialog.expected),
            key=lambda each: (not dialog.is_peer(each), each.host != peer.host),
        )

    # Telling.

    def tell(self, event: UserAgentEvent) -> None:
        """Queue an event."""
        self.events.append(event)

    @property
    def is_full(self) -> bool:
        """Whether a request that comes is refused, for want of room."""
        limits = self.settings.limits
        return len(self.layer) >= limits.transactions or len(self.events) >= limits.events

    # Usages and dialogs.

    def add_usage(self, usage: Usage) -> None:
        """Enter it in the table."""
        self.usages[usage.number] = usage

    def add_dialog(self, usage: Usage, dialog: Dialog) -> None:
        """Let messages of the dialog find the usage."""
        usage.dialogs[dialog.remote_tag] = dialog
        self.dialogs[dialog.key] = (usage, dialog)
        self._look_ahead(dialog)

    def move(self, dialog: Dialog, message: Message) -> None:
        """Let a target refresh of the peer, or its answer to ours, say where the dialog's requests go (12.2)."""
        dialog.refresh_target(message)
        self._look_ahead(dialog)

    def _look_ahead(self, dialog: Dialog) -> None:
        """Ask for a host name on a dialog's way now, so that it is known when a request goes there."""
        next_hop = dialog.route().next_hop
        try:
            if next_hop_address(next_hop, dialog.local.bound.transport) is None:
                self._named(next_hop, dialog)
        except SipError:
            return

    def end_if_over(self, usage: Usage) -> None:
        """Take a usage out of the tables once it is over and the last of its transactions has gone."""
        if usage.state != OVER or usage.open_transactions or self.usages.pop(usage.number, None) is None:
            return
        self.timers.disarm_all(usage)
        for dialog in usage.dialogs.values():
            self.dialogs.pop(dialog.key, None)
        # Nothing is left in a cycle that only the garbage collector could free.
        usage.setup = usage.arrival = usage.announcing = None
        self.tell(UsageEnded(usage.number))

    def own(self, transaction: ServerTransaction, usage: Usage) -> None:
        """Make a request of the peer part of the usage."""
        transaction.usage = usage
        if transaction.fallback is not None:
            transaction.fallback = transaction.fallback.expecting(usage.whom_to_expect(transaction.request))
        usage.open_transactions += 1

    def _transaction_ended(self, transaction: Transaction, _now: float) -> None:
        if isinstance(transaction, ClientTransaction):
            usage = transaction.errand.usage
            if usage is not None and transaction.errand.kind in (SETUP, REINVITE):
                cseq = transaction.request.cseq
                usage.acks = {key: ack for key, ack in usage.acks.items() if key[0] != cseq}
        elif isinstance(transaction, ServerTransaction):
            usage = transaction.usage
        else:
            usage = None
        if usage is not None:
            usage.open_transactions -= 1
            self.end_if_over(usage)

    # Requests of ours.

    def digest_for(self, credentials: Credentials | None) -> DigestClient | None:
        """What answers challenges with these credentials."""
        return None if credentials is None else DigestClient(credentials, self._new_cnonce)

    def digest_of(self, credentials: Credentials | None, call_id: str) -> DigestClient | None:
        """The one that requests with this Call-ID of their sender's share, so that a nonce serves them all, as it does
        in a dialog; one of its own for a Call-ID of "". `KEPT_DIGESTS` are kept, the one made first is forgotten."""
        if credentials is None or not call_id:
            return self.digest_for(credentials)
        kept = self.digests.get((call_id, credentials))
        if kept is None:
            if len(self.digests) >= KEPT_DIGESTS:
                del self.digests[next(iter(self.digests))]
            kept = self.digests[call_id, credentials] = DigestClient(credentials, self._new_cnonce)
        return kept

    def _new_cnonce(self) -> str:
        return self.tokens.hex(16)

    def common_lines(self, local: LocalAddress, *options: str, target: str = "") -> str:
        """Contact, User-Agent, Allow and Supported, as requests that make or refresh a dialog carry them; `options` are
        the tags of Supported beside those of the settings, of which there are few combinations. `target`: the dialog's
        remote one; where that is a SIPS URI our Contact is one (8.1.1.8)."""
        secure = local.bound.transport == "tls" and target[:5].lower() == "sips:"
        lines = self._common_lines.get((local.bound, options, secure))
        if lines is None:
            lines = self._common_lines[local.bound, options, secure] = self._prepare_lines(local, options, secure)
        return lines

    def send_request(self, request: SentRequest, errand: Errand, now: float) -> ClientTransaction:
        """Send a request (no ACK) in a transaction of its own."""
        if errand.usage is not None:
            errand.usage.open_transactions += 1
        return self.layer.send_request(request, errand, now)

    def in_dialog(
        self,
        dialog: Dialog,
        method: str,
        errand: Errand,
        *,
        own_lines: str = "",
        session_lines: str = "",
        body: bytes = b"",
        content_type: str | None = None,
        tried: Sequence[TransportAddress | None] = (),
    ) -> SentRequest:
        """Our next request within a dialog (12.2.1.1), with nonces already known. `tried`: see `hop`."""
        routed = dialog.route()
        destination, fallback = self.hop(routed.next_hop, dialog, tried)
        common_lines = self.agent_line + self.supported_line
        if method in _WITH_CONTACT:
            common_lines = self.common_lines(dialog.local, target=dialog.target)
        return SentRequest(
            method,
            routed.request_uri,
            destination,
            dialog.local,
            self.new_branch(),
            routed.routes,
            dialog.local_value,
            dialog.remote_value,
            dialog.call_id,
            dialog.next_cseq(),
            common_lines,
            own_lines,
            session_lines,
            credential_lines(errand, method, routed.request_uri, body),
            MAX_FORWARDS,
            content_type,
            body,
            fallback,
        )

    def sent_again(self, ack: Outgoing, dialog: Dialog) -> Outgoing:
        """The same ACK, to the peer of a dialog that connects to us: over the connection that it has now."""
        if dialog.peer_fallback is None:
            return ack
        destination, fallback = self.hop(dialog.route().next_hop, dialog)
        return ack._replace(destination=destination, fallback=fallback)

    def ack_of_2xx(self, dialog: Dialog, invite: SentRequest) -> Outgoing:
        """The ACK of a 2xx (13.2.2.4): in the dialog, with the INVITE's CSeq number and credentials."""
        routed = dialog.route()
        destination, fallback = self.hop(routed.next_hop, dialog)
        ack = SentRequest(
            "ACK",
            routed.request_uri,
            destination,
            dialog.local,
            self.new_branch(),
            routed.routes,
            dialog.local_value,
            dialog.remote_value,
            dialog.call_id,
            invite.cseq,
            self.agent_line,
            credential_lines=invite.credential_lines,
        )
        return Outgoing(ack.render(), destination, dialog.local.bound, fallback)

    def with_credentials(self, request: SentRequest, errand: Errand, response: Response) -> SentRequest | None:
        """The request again, answering the challenge of a 401 or 407; None when the failure is final."""
        if errand.digest is None or response.status not in (401, 407):
            return None
        try:
            fields = errand.digest.answer(response, errand.log, request.method, request.request_uri, request.body)
        except SipError:
            return None
        if not fields:
            return None
        cseq = request.cseq + 1 if errand.dialog is None else errand.dialog.next_cseq()
        return request._replace(branch=self.new_branch(), cseq=cseq, credential_lines=lines_of(fields))

    def with_longer_session(self, request: SentRequest, errand: Errand, session_lines: str) -> SentRequest:
        """The request again, asking for what a 422 wants (RFC 4028 section 7.3)."""
        cseq = request.cseq + 1 if errand.dialog is None else errand.dialog.next_cseq()
        credentials = credential_lines(errand, request.method, request.request_uri, request.body)
        return request._replace(
            branch=self.new_branch(),
            cseq=cseq,
            session_lines=session_lines,
            credential_lines=credentials,
        )

    # Responses of ours.

    def reply(
        self,
        transaction: ServerTransaction,
        status: int,
        now: float,
        *,
        reason: str | None = None,
        to_tag: str | None = None,
        headers: Headers = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> None:
        """Answer a request of the peer; a second final response, or a 1xx after one, goes nowhere."""
        response = self.compose(
            transaction,
            status,
            reason=reason,
            to_tag=to_tag,
            headers=headers,
            body=body,
            content_type=content_type,
        )
        self.send_response(transaction, response, now)

    def send_response(self, transaction: ServerTransaction, response: Response, now: float) -> None:
        """Send a composed response, and let the transaction end if that ends it. Raises MalformedHeader for a status
        line that cannot be written."""
        self.layer.send_response(transaction, response, now)
        self.layer.sweep(transaction, now)

    def compose(
        self,
        transaction: ServerTransaction,
        status: int,
        *,
        reason: str | None = None,
        to_tag: str | None = None,
        headers: Headers = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Response:
        """A response to a request of the peer. Raises MalformedHeader for header fields that cannot be written."""
        request = transaction.request
        tag = to_tag
        if tag is None:
            tag = transaction.usage.local_tag if transaction.usage is not None else self.tokens.hex(16)
        own: Headers = ()
        if 100 < status < 300 and request.method in _WITH_CONTACT:
            tags = self.settings.supported if transaction.usage is None else self.options_with(transaction.usage.policy)
            secure = transaction.local.transport == "tls" and wants_sips(request)
            own = self._own_fields.get((transaction.local, tags, secure)) or self._prepare_fields(
                transaction.local, tags, secure
            )
        elif status in _TELLING:
            headers = tuple(headers)
            own = self._told_with(status, headers)
        return build_response(
            request, status, reason, to_tag=tag, own=own, headers=headers, body=body, content_type=content_type
        )

    def _told_with(self, status: int, given: Headers) -> Headers:
        """What a refusal has to say (21.4.6, 21.4.13) and is not given: our user may pass on that of another leg."""
        name = _TELLING[status]
        values = self.settings.allow if name == "Allow" else self.settings.accept
        return () if any(other.startswith(name) for other, _ in given) else ((name, ", ".join(values)),)

    def _prepare_fields(self, bound: TransportAddress, tags: tuple[str, ...], secure: bool) -> Headers:
        """Contact and Allow, and Supported as far as the peer's policy goes (13.3.1.4, RFC 3311 section 4)."""
        local = self.local_at(bound)
        contact = f"<{local.contact_uri(self.settings.contact_user, secure=secure)}>"
        fields: Headers = (("Contact", contact), ("Allow", ", ".join(self.settings.allow)))
        if tags:
            fields = (*fields, ("Supported", ", ".join(tags)))
        self._own_fields[local.bound, tags, secure] = fields
        return fields

    def options_with(self, policy: PeerPolicy) -> tuple[str, ...]:
        """The option tags that are served to a peer of this policy."""
        tags = self.settings.supported
        return tags if policy.reliable_provisional == "off" else (*tags, RELIABLE_PROVISIONALS)

    def reply_without_transaction(
        self,
        request: Request,
        status: int,
        source: TransportAddress,
        local: TransportAddress,
        headers: Headers = (),
        reason: str | None = None,
    ) -> None:
        """Answer a request that gets no transaction: it is malformed, or there is no room. Raises SipError."""
        response = build_response(request, status, reason, to_tag=self.stateless_tags.tag_of(request), headers=headers)
        destination, fallback = self.reply_address(request, source), response_fallback(request, source)
        self.outgoing.append(Outgoing(response.render(), destination, local, fallback))

    def reply_address(self, request: Request, source: TransportAddress) -> TransportAddress:
        """Where responses to a stamped request go; to its source where it asks for an address not to be talked to, or
        its Via cannot be read."""
        try:
            address = response_destination(request, source)
        except SipError:
            return source
        return address if address.host == source.host or self.may_reach(address) else source

    @property
    def retry_after(self) -> tuple[tuple[str, str], ...]:
        """What a 503 says of coming back."""
        return (("Retry-After", str(self.settings.retry_after_s)),)


def credential_lines(errand: Errand, method: str, uri: str, body: bytes) -> str:
    """The credentials that nonces known so far allow; none before the first challenge."""
    return "" if errand.digest is None else lines_of(errand.digest.fields(errand.log, method, uri, body))


def lines_of(headers: Headers) -> str:
    """Header lines, each ended by CRLF. Raises MalformedHeader for what would make another header or none."""
    lines = ""
    for name, value in headers:
        if not is_token(name) or is_unsafe(value):
            raise MalformedHeader("Not a header field", name)
        lines += f"{name}: {value}\r\n"
    return lines


def _each_place_once(found: Sequence[TransportAddress], expected: str) -> Sequence[TransportAddress]:
    """These in their order, of those at one place the one where `expected` is, and rather somebody than anybody."""
    if len({each.place for each in found}) == len(found):
        return found
    chosen: dict[TransportAddress, TransportAddress] = {}
    for each in sorted(found, key=lambda each: (each.expected != expected, each.expected == ANYBODY)):
        chosen.setdefault(each.place, each)
    return [chosen[place] for place in dict.fromkeys([each.place for each in found])]
