"""A transaction layer whose clock a test steps: what it sends, and when."""

from b2bua.sip.message import Request, Response
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import LocalAddress, Outgoing, TransportAddress
from b2bua.sip.sent_request import SentRequest
from b2bua.sip.timers import TimerQueue
from b2bua.sip.transaction_layer import ToUser, TransactionLayer, server_key
from b2bua.sip.transactions import ClientTransaction, ServerTransaction, Transaction
from b2bua.sip.usage import STANDALONE, Errand
from tests.support.agents import answer_to, request_from_peer


class SteppedLayer:
    """One transaction at a time, on UDP or on a reliable transport; times are seconds since the start."""

    def __init__(self, transport: str = "udp") -> None:
        self.now = 0.0
        self.timers = TimerQueue()
        self.outgoing: list[Outgoing] = []
        self.ended: list[tuple[float, Transaction]] = []
        self.layer = TransactionLayer(self.timers, self.outgoing, lambda one, now: self.ended.append((now, one)))
        self.peer = TransportAddress(transport, "203.0.113.10", 5060)
        self.local = TransportAddress(transport, "192.0.2.1", 5060)
        self.told: list[tuple[float, ToUser]] = []

    def client(self, method: str) -> ClientTransaction:
        """A request of ours, sent now."""
        request = SentRequest(
            method=method,
            request_uri="sip:someone@203.0.113.10",
            destination=self.peer,
            local=LocalAddress(self.local, self.local.host, self.local.port),
            branch="z9hG4bKours",
            routes=(),
            from_value="<sip:us@192.0.2.1>;tag=us",
            to_value="<sip:someone@203.0.113.10>",
            call_id="call",
            cseq=7,
        )
        return self.layer.send_request(request, Errand(STANDALONE, None, None, number=1), self.now)

    def server(self, method: str) -> ServerTransaction:
        """A request of the peer, received now and handed to its user."""
        request = parse_message(request_from_peer(method))
        assert isinstance(request, Request)
        transaction = self.layer.accept_request(server_key(request, method), request, self.peer, self.local, self.peer)
        self.layer.await_user(transaction, self.now)
        return transaction

    def response(self, transaction: ClientTransaction, status: int, to_tag: str = "them") -> Response:
        """A response to it, as the peer would write it."""
        request = parse_message(transaction.request.render())
        assert isinstance(request, Request)
        response = parse_message(answer_to(request, status, to_tag=to_tag))
        assert isinstance(response, Response)
        return response

    def receive(self, transaction: ClientTransaction, status: int) -> ToUser:
        """Let a response arrive."""
        to_user = self.layer.receive_response(transaction, self.response(transaction, status), self.now)
        self.layer.sweep(transaction, self.now)
        return to_user

    def taken(self) -> list[str]:
        """The first word or two of what was sent since the last look: a method, or a status."""
        words = [outgoing.content.split(b" ", 2) for outgoing in self.outgoing]
        self.outgoing.clear()
        return [(first if first != b"SIP/2.0" else second).decode() for first, second, *_ in words]

    def advance(self, seconds: float) -> list[tuple[float, str]]:
        """Step by the timers; what was sent, and when."""
        self.taken()
        end = self.now + seconds
        sent: list[tuple[float, str]] = []
        due = self.timers.next_due()
        while due is not None and due <= end:
            self.now = due
            popped = self.timers.pop_due(due)
            assert popped is not None
            owner, timer = popped
            assert isinstance(owner, Transaction)
            to_user = self.layer.fire(owner, timer, due)
            if to_user is not None:
                self.told.append((due, to_user))
            self.layer.sweep(owner, due)
            sent += [(due, word) for word in self.taken()]
            due = self.timers.next_due()
        self.now = end
        return sent
