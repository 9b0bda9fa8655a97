"""The table of transactions: which one a message belongs to (RFC 3261 17.1.3, 17.2.3), and what it sends."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from b2bua.addresses import canonical_host
from b2bua.sip.headers import Via
from b2bua.sip.message import Request, Response
from b2bua.sip.routing import Outgoing, TransportAddress
from b2bua.sip.sent_request import SentRequest
from b2bua.sip.timers import TimerQueue
from b2bua.sip.transactions import (
    ACCEPTED,
    COMPLETED,
    GIVEN_UP,
    LET_GO,
    PROCEEDING,
    RECEIVED_ACK,
    RECEIVED_BY_CLASS,
    RECEIVED_REQUEST,
    SENT_BY_CLASS,
    TERMINATED,
    TRANSPORT_ERROR,
    UNDECIDED_CLIENT_STATES,
    ClientTransaction,
    Failed,
    InviteClientTransaction,
    InviteServerTransaction,
    Item,
    NonInviteClientTransaction,
    NonInviteServerTransaction,
    PassUp,
    Send,
    ServerTransaction,
    Transaction,
)

if TYPE_CHECKING:
    from b2bua.sip.usage import Errand

Key = tuple[str, ...]
ORDINARY_OCTETS: Final = 4_096
"""A request up to this size counts as one alone, by its number; a larger one by its octets as well."""
ToUser = PassUp | Failed | None
"""What a step leaves for the transaction's user."""

_OF_NO_REQUEST: Final[Key] = ()
_ENDINGS: Final = frozenset({"BYE", "CANCEL", "INVITE"})  # an INVITE that is given up may still be answered
_REQUEST_HEAD: Final = re.compile(rb"([A-Z]{1,32}) [^\r\n]*\r\nVia: [^\r\n]*?;branch=([^\s;,]{1,128})[\r;,]")


def client_key(branch: str, method: str) -> Key:
    """17.1.3: the branch of the top Via and the method of CSeq."""
    return (branch.lower(), method)


def server_key(request: Request | Response, method: str) -> Key:
    """17.2.3: branch, sent-by and method, which our response shows too; for a request without the magic cookie what
    RFC 2543 matched by.

    Raises MalformedHeader or MalformedUri.
    """
    via = request.via
    transaction_id = via.transaction_id()
    if transaction_id is not None:
        return _key(transaction_id, via, method)
    if isinstance(request, Response):
        return _OF_NO_REQUEST
    return (*_legacy_parts(request), request.to_tag or "", method)


def _key(transaction_id: str, via: Via, method: str) -> Key:
    return (transaction_id, f"{canonical_host(via.host).lower()}:{via.port or ''}", method)


def _legacy_parts(request: Request) -> Key:
    """What stays the same in an RFC 2543 request, its CANCEL and its ACK; the To tag is compared apart."""
    via = str(request.via)
    return ("2543", request.request_uri, request.from_tag or "", request.call_id, str(request.cseq.number), via)


def merge_key(request: Request) -> Key:
    """8.2.2.2: what two copies of one request that came by different paths have in common."""
    cseq = request.cseq
    return (request.from_tag or "", request.call_id, str(cseq.number), cseq.method)


def large_octets(request: Request, octets: int | None = None) -> int:
    """The size of a request that is larger than usual, about, as its transaction keeps it; 0 for any other. `octets`:
    its size, where that is known."""
    if octets is None:
        octets = len(request.body) + sum([len(name) + len(value) for name, value in request.headers])
    return octets if octets > ORDINARY_OCTETS else 0


class TransactionLayer:
    """All live transactions. A step sends by itself, and returns what is for the transaction's user.

    `on_end` is called once for each transaction that has reached Terminated and left the table; the caller of a step
    calls `sweep` after having dealt with the step's result, so that the end always comes last. `large_octets`: of all
    requests here that are larger than usual.
    """

    def __init__(
        self, timers: TimerQueue, outgoing: list[Outgoing], on_end: Callable[[Transaction, float], None]
    ) -> None:
        self._timers = timers
        self._outgoing = outgoing
        self._on_end = on_end
        self._next_number = 0
        self._clients: dict[Key, ClientTransaction] = {}
        self._servers: dict[Key, ServerTransaction] = {}
        self._servers_by_number: dict[int, ServerTransaction] = {}
        self._legacy_invites: dict[Key, ServerTransaction] = {}
        self._merges: dict[Key, ServerTransaction] = {}
        self._clients_by_destination: dict[TransportAddress, dict[int, ClientTransaction]] = {}
        self.large_octets = 0

    def __len__(self) -> int:
        """Live transactions of both sides."""
        return len(self._clients) + len(self._servers)

    @property
    def table_sizes(self) -> tuple[int, ...]:
        """The sizes of all tables; all zero when nothing lives."""
        return (
            len(self._clients),
            len(self._servers),
            len(self._servers_by_number),
            len(self._legacy_invites),
            len(self._merges),
            len(self._clients_by_destination),
        )

    def is_parting(self) -> bool:
        """Whether a BYE or CANCEL has no final response yet, an INVITE of ours neither, or a refusal of ours no ACK."""
        ours = any(
            each.request.method in _ENDINGS and each.state in UNDECIDED_CLIENT_STATES for each in self._clients.values()
        )
        return ours or any(
            isinstance(each, InviteServerTransaction) and each.state == COMPLETED for each in self._servers.values()
        )

    # Matching.

    def client_of(self, response: Response) -> ClientTransaction | None:
        """The client transaction a response belongs to. Raises MalformedHeader."""
        branch = response.via.branch
        return None if branch is None else self._clients.get(client_key(branch, response.cseq.method))

    def has_client(self, branch: str, method: str) -> bool:
        """Whether a client transaction of that branch is live."""
        return client_key(branch, method) in self._clients

    def server_at(self, key: Key) -> ServerTransaction | None:
        """The server transaction that a request with this `server_key` is a retransmission within."""
        return self._servers.get(key)

    def server_of(self, response: Response) -> ServerTransaction | None:
        """The server transaction that a response of ours is of; none where its request was an RFC 2543 peer's. Raises
        MalformedHeader."""
        return self._servers.get(server_key(response, response.cseq.method))

    def server_numbered(self, number: int) -> ServerTransaction | None:
        """The live server transaction of that number."""
        return self._servers_by_number.get(number)

    def cancelled_by(self, cancel: Request) -> ServerTransaction | None:
        """The INVITE transaction that a CANCEL is for (9.2). Raises as server_key does."""
        return self._servers.get(server_key(cancel, "INVITE"))

    def acknowledged_by(self, ack: Request) -> ServerTransaction | None:
        """The INVITE transaction of an ACK: a failure's, or any of an RFC 2543 peer. Raises as server_key does."""
        via = ack.via
        transaction_id = via.transaction_id()
        if transaction_id is not None:
            return self._servers.get(_key(transaction_id, via, "INVITE"))
        invite = self._legacy_invites.get(_legacy_parts(ack))
        return invite if invite is not None and invite.response_to_tag == (ack.to_tag or "") else None

    def is_merged(self, request: Request) -> bool:
        """Whether a request outside a dialog that matches no transaction copies one that does (8.2.2.2): one that is
        undecided, or has had a 2xx.

        Once it is refused, a proxy that tries one way after the other may send it again, and one that answers a
        challenge for its client need not count CSeq up as 22.2 asks.
        """
        return merge_key(request) in self._merges

    def _forget_merge(self, transaction: ServerTransaction) -> None:
        """Let what has the same From tag, Call-ID and CSeq as this request be another one, and no copy."""
        if transaction.merge_key is not None:
            _drop(self._merges, transaction.merge_key, transaction)
            transaction.merge_key = None

    # Client side.

    def send_request(self, request: SentRequest, errand: "Errand", now: float) -> ClientTransaction:
        """Send a request (no ACK) in a new client transaction."""
        self._next_number += 1
        machine = InviteClientTransaction if request.method == "INVITE" else NonInviteClientTransaction
        key = client_key(request.branch, request.method)
        transaction = machine(self._next_number, key, request, errand)
        self._clients[key] = transaction
        self._clients_by_destination.setdefault(request.destination, {})[transaction.number] = transaction
        self._send(transaction, request.render())
        self._arm(transaction, now)
        return transaction

    def receive_response(self, transaction: ClientTransaction, response: Response, now: float) -> ToUser:
        """Let a response reach its transaction."""
        return self._step(transaction, RECEIVED_BY_CLASS[response.status // 100], response, now)

    def client_quoted(self, content: bytes) -> ClientTransaction | None:
        """The client transaction whose request `content` is, or begins: it must go as far as the branch of its Via."""
        found = _REQUEST_HEAD.match(content)
        if found is None:
            return None
        method, branch = found[1].decode("ascii", "replace"), found[2].decode("ascii", "replace")
        return self._clients.get(client_key(branch, method))

    def clients_to(self, destination: TransportAddress) -> tuple[ClientTransaction, ...]:
        """The client transactions whose requests go to that address."""
        return tuple(self._clients_by_destination.get(destination, {}).values())

    # Server side.

    def accept_request(
        self,
        key: Key,
        request: Request,
        source: TransportAddress,
        local: TransportAddress,
        destination: TransportAddress,
        large: int = 0,
    ) -> ServerTransaction:
        """A new server transaction for a stamped request (no ACK) whose `server_key` has none. `large`: its
        `large_octets`."""
        self._next_number += 1
        machine = InviteServerTransaction if request.method == "INVITE" else NonInviteServerTransaction
        transaction = machine(self._next_number, key, request, source, local, destination)
        self._servers[key] = transaction
        self._servers_by_number[transaction.number] = transaction
        transaction.large_octets = large
        self.large_octets += large
        if request.method == "INVITE" and not request.via.has_transaction_id:
            transaction.legacy_key = _legacy_parts(request)
            self._legacy_invites[transaction.legacy_key] = transaction
        if request.to_tag is None and request.method != "CANCEL":
            transaction.merge_key = merge_key(request)
            self._merges[transaction.merge_key] = transaction
        return transaction

    def receive_again(self, transaction: ServerTransaction, request: Request, now: float) -> ToUser:
        """Let a retransmission of the request reach its transaction."""
        return self._step(transaction, RECEIVED_REQUEST, request, now)

    def receive_ack(self, transaction: ServerTransaction, ack: Request, now: float) -> ToUser:
        """Let an ACK reach the INVITE's transaction."""
        return self._step(transaction, RECEIVED_ACK, ack, now)

    def send_response(self, transaction: ServerTransaction, response: Response, now: float) -> ToUser:
        """Send a response of the user; ignored where the machine has no place for it (a 1xx after a final)."""
        if response.status > 100:
            transaction.response_to_tag = response.to_tag or ""
        if response.status >= 300:
            self._forget_merge(transaction)
        return self._step(transaction, SENT_BY_CLASS[response.status // 100], response.render(), now)

    def await_user(self, transaction: ServerTransaction, now: float) -> None:
        """The request goes to its user: let the timers run that limit how long the answer may take."""
        self._arm(transaction, now)

    def send_again(self, transaction: ServerTransaction) -> None:
        """The user's retransmission of its 2xx (13.3.1.4)."""
        if transaction.state == ACCEPTED:
            self._send(transaction, transaction.last_sent)

    def send_provisional_again(self, transaction: ServerTransaction) -> None:
        """The user's repetition of its last provisional response (13.3.1.1)."""
        if transaction.state == PROCEEDING:
            self._send(transaction, transaction.last_sent)

    def send_over(
        self, transaction: ServerTransaction, source: TransportAddress, fallback: TransportAddress | None
    ) -> None:
        """Send the last response again, and what follows, over this connection: its own is gone."""
        transaction.come_by(source, fallback)
        self._send(transaction, transaction.last_sent)

    # Either side.

    def fire(self, transaction: Transaction, timer: str, now: float) -> ToUser:
        """Let a timer that has fallen due reach its transaction."""
        return self._step(transaction, timer, None, now)

    def give_up(self, transaction: Transaction, now: float) -> ToUser:
        """The user expects nothing of it any more."""
        return self._step(transaction, GIVEN_UP, None, now)

    def let_go(self, transaction: Transaction, now: float) -> ToUser:
        """What an INVITE of the user's was sent for is over; the final response that comes of it is acknowledged."""
        return self._step(transaction, LET_GO, None, now)

    def fail(self, transaction: Transaction, now: float) -> ToUser:
        """The transport could not deliver what it sent."""
        return self._step(transaction, TRANSPORT_ERROR, None, now)

    def sweep(self, transaction: Transaction, now: float) -> None:
        """Take a terminated transaction out of the tables and say so; nothing for a live one, or one swept already."""
        if transaction.state != TERMINATED or not self._forget(transaction):
            return
        self._timers.disarm_all(transaction)
        self._on_end(transaction, now)

    def _step(self, transaction: Transaction, happened: str, item: Item, now: float) -> ToUser:
        to_user: ToUser = None
        for output in transaction.take(happened, item):
            if isinstance(output, Send):
                self._send(transaction, output.content)
            else:
                to_user = output
        self._arm(transaction, now)
        return to_user

    def _send(self, transaction: Transaction, content: bytes) -> None:
        transaction.last_sent = content
        self._outgoing.append(Outgoing(content, transaction.destination, transaction.local, transaction.fallback))

    def _arm(self, transaction: Transaction, now: float) -> None:
        """Let exactly the timers of the state run; one of zero seconds has fallen due already."""
        running = transaction.running
        live = transaction.live_timers[transaction.state]
        if running:
            self._timers.keep(transaction, live)
        for timer in live:
            if timer in running:
                continue
            duration_s = transaction.duration_s(timer)
            if duration_s == 0.0:
                transaction.take(timer)
                self._arm(transaction, now)
                return
            if duration_s is not None:
                self._timers.arm(transaction, timer, now + duration_s)

    def _forget(self, transaction: Transaction) -> bool:
        if isinstance(transaction, ClientTransaction):
            return self._forget_client(transaction)
        if isinstance(transaction, ServerTransaction):
            return self._forget_server(transaction)
        return False

    def _forget_client(self, transaction: ClientTransaction) -> bool:
        if self._clients.get(transaction.key) is not transaction:
            return False
        del self._clients[transaction.key]
        there = self._clients_by_destination[transaction.destination]
        del there[transaction.number]
        if not there:
            del self._clients_by_destination[transaction.destination]
        return True

    def _forget_server(self, transaction: ServerTransaction) -> bool:
        if self._servers_by_number.pop(transaction.number, None) is None:
            return False
        del self._servers[transaction.key]
        self.large_octets -= transaction.large_octets
        if transaction.legacy_key is not None:
            _drop(self._legacy_invites, transaction.legacy_key, transaction)
        if transaction.merge_key is not None:
            _drop(self._merges, transaction.merge_key, transaction)
        return True


def _drop(table: dict[Key, ServerTransaction], key: Key, transaction: ServerTransaction) -> None:
    """Take a transaction out of a table where another may have taken its place."""
    if table.get(key) is transaction:
        del table[key]
