"""One TCP or TLS connection: octets to messages, messages to octets, and what ends it."""

import asyncio
import re
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol, cast

from b2bua.sip.errors import MalformedMessage, SipError
from b2bua.sip.framing import Framed, StreamFramer
from b2bua.sip.message import Request
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import Carried, TransportAddress
from b2bua.sip.timers import T1_S
from b2bua.transport.newest import Newest
from b2bua.transport.tls import PeerIdentity

CHUNK_OCTETS: Final = 16_384
"""Read in one wake-up of a connection, so that others get their turn."""
PING: Final = b"\r\n\r\n"
PONG: Final = b"\r\n"
MOST_PONGS: Final = 8
"""Pings of one chunk that are answered; the others are not."""
ANSWER_DUE_S: Final = 64 * T1_S
"""How long a request may wait for its answer: what was sent earlier is not outstanding any more."""
_CALL_ID: Final = re.compile(rb"\r\nCall-ID: ([^\r]*)\r\n")  # as we write it
ORIGINS_LIMIT: Final = 64
"""Destinations that one connection is remembered to have carried requests for; of one more nothing is told when it
ends: the timers of its requests end them."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """How much a listener's connections may take, and what happens beyond.

    `connections` in all and `connections_of_peer` to and from one address: one more is closed as it comes, or not
    opened: what waits for it fails. `waiting_messages` for one connection that is being opened: one more is dropped and
    counted. `outstanding_requests` of one connection are remembered while their answers are due, 2,000 a second: of one
    more the oldest is forgotten, whose own timer ends it should the connection end. `write_buffer_octets` a peer does
    not take: the connection is closed. `connect_s`: TLS included, then the attempt has failed. `handshake_s` of TLS for
    a connection that comes. `partial_s`: a message half received for so long closes the connection, whatever trickles
    in. `idle_s` without a message (of a peer's connection: without an octet): closed. `ping_s`: on a connection that we
    opened and are silent on, a keep-alive goes out (RFC 5626 3.5.1). `pong_s`: where a request of ours got no answer in
    its time, and nothing else came either, a keep-alive is sent, and without an octet by so long after that the
    connection is cut off (4.4.1): a new one may be served. `closing_s`: a peer that does not take what is left, or does
    not close, is cut off.
    """

    connections: int = 2_000
    connections_of_peer: int = 500
    waiting_messages: int = 1_000
    outstanding_requests: int = 65_536
    write_buffer_octets: int = 1_048_576
    connect_s: float = 3.0
    handshake_s: float = 5.0
    partial_s: float = 10.0
    idle_s: float = 3_600.0
    ping_s: float = 100.0
    pong_s: float = 10.0
    closing_s: float = 2.0


class StreamReceiver(Protocol):
    """Who gets what arrives; `SipEndpoint` is one."""

    def admits(self, source: TransportAddress) -> bool:
        """Whether a connection from `source` may be kept."""
        ...

    def received_message(self, message: Framed, source: TransportAddress, local: TransportAddress) -> None:
        """A message has come from `source` to the listener `local`."""
        ...

    def transport_failed(
        self, destination: TransportAddress, *, unopened: bool = False, requests: Carried = None
    ) -> None:
        """What was sent to `destination` cannot reach it, or its answer cannot reach us. `unopened`: no connection was
        there, so that nothing of it has arrived. `requests`: what that connection had taken; others may have gone over
        another."""
        ...

    def unanswerable(self, content: bytes, destination: TransportAddress) -> None:
        """This response can be sent neither to `destination`, where its request came from, nor where its Via says
        (18.2.2)."""
        ...

    def connection_ended(self, destination: TransportAddress) -> None:
        """A connection that requests went to `destination` over has ended, not by our closing the listener; whatever
        came or failed with it has been told before."""
        ...

    def is_wanted(self, content: bytes) -> bool:
        """Whether a request that has waited for its connection is still to go out, now that there is one."""
        ...

    def withdrawn(self, content: bytes) -> None:
        """A request that was wanted no more has not been sent, and never will be."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be sent: to `destination`, and to `fallback` where that cannot be reached."""

    content: bytes
    destination: TransportAddress
    fallback: TransportAddress | None

    @property
    def is_response(self) -> bool:
        """Whether it belongs on the connection that its request came on, or else to the fallback (18.2.2)."""
        return self.content.startswith(b"SIP/2.0 ")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all connections of one listener share. `chunk` is what is read into: nothing stays in it."""

    local: TransportAddress
    receiver: StreamReceiver
    limits: StreamLimits
    loop: asyncio.AbstractEventLoop
    now: Callable[[], float]
    counters: Counter[str]
    made: Callable[["Connection"], None]
    lost: Callable[["Connection", Exception | None], None]
    chunk: memoryview = field(default_factory=lambda: memoryview(bytearray(CHUNK_OCTETS)))


class Connection(asyncio.BufferedProtocol):
    """See the module. `opened`: by us. `waiting`: what is sent once it is there. `heard`: anything came over it.
    `cut_for`: why we have cut it off, where that is its peer's doing. `identity`: who was expected where we have opened
    it by TLS, None before that is asked. `apart`: it may not stand for the address that it leads to, and is remembered
    to have brought what it brings.

    It comes into being before its handshake, tells `made` and later `lost` once each, and never `lost` alone.
    """

    def __init__(self, surroundings: Surroundings, remote: TransportAddress, *, opened: bool) -> None:
        self.remote = remote
        self.opened = opened
        self.waiting: deque[Message] = deque()
        self.heard = False
        self.cut_for = ""
        self.identity: PeerIdentity | None = None
        self.apart = False
        self._brought = Newest(surroundings.limits.outstanding_requests)  # the branches of requests, hashed
        self._calls = Newest(surroundings.limits.outstanding_requests)  # the Call-IDs of messages, likewise
        self._around = surroundings
        self._transport: asyncio.Transport | None = None
        self._framer = StreamFramer()
        self._inbox: deque[Framed] = deque()
        self._origins: set[TransportAddress] = set()
        self._asked: deque[tuple[float, Message]] = deque(maxlen=surroundings.limits.outstanding_requests)
        now = surroundings.now()
        self._last_message_at = self._last_sent_at = now
        self._unheard_since: float | None = None  # the first request that was to be answered since anything came
        self._doubted_at: float | None = None  # the keep-alive that is to show whether anybody is there
        self._partial_since: float | None = None
        self._closing_since: float | None = None
        self._settled = self._to_be_cut = False

    @property
    def usable(self) -> bool:
        """Whether a message can be sent over it now."""
        transport = self._transport
        if transport is None or self._to_be_cut:
            return False
        return self._closing_since is None and not transport.is_closing()

    @property
    def connecting(self) -> bool:
        """Whether it is not there yet."""
        return self._transport is None

    @property
    def lasts(self) -> bool:
        """Whether a message can be sent over it, now or once it is there."""
        return self.usable or self.connecting

    def send(self, message: Message) -> None:
        """Send over a usable connection; one whose peer does not take it is closed."""
        transport = self._transport
        if transport is None:
            return
        transport.write(message.content)
        self._last_message_at = self._last_sent_at = self._around.now()
        if not message.is_response:
            self._remember(message)
            if self._unheard_since is None and not message.content.startswith(b"ACK "):
                self._unheard_since = self._last_sent_at
        self._limit_buffer(transport)

    def _limit_buffer(self, transport: asyncio.Transport) -> None:
        """Cut it off where its peer leaves too much of what is written."""
        if transport.get_write_buffer_size() > self._around.limits.write_buffer_octets:
            self._around.counters["connections closed: full write buffer"] += 1
            self.cut_for = "what is sent is not taken"
            self.abort()

    def _remember(self, request: Message) -> None:
        """Whose failure it is when the connection ends, until its answer is not due any more."""
        origins, asked, now = self._origins, self._asked, self._last_sent_at
        if len(origins) < ORIGINS_LIMIT:
            origins.add(request.destination)
        while asked and now - asked[0][0] > ANSWER_DUE_S:
            asked.popleft()
        asked.append((now, request))

    def has_asked(self, message: Message) -> bool:
        """Whether this answers a request that came over it; only of one that is `apart` is it known."""
        with suppress(SipError):
            branch = parse_message(message.content).via.branch if self.apart and message.is_response else None
            return branch is not None and hash(branch) in self._brought
        return False

    def has_brought_call_of(self, request: Message) -> bool:
        """Whether something of the same Call-ID, which only those know who take part, came over it while it was
        `apart`."""
        found = _CALL_ID.search(request.content)
        return found is not None and hash(found[1]) in self._calls

    def _bring(self, message: Framed) -> None:
        if isinstance(message, MalformedMessage):
            return
        with suppress(SipError):
            if isinstance(message, Request):
                self._brought.add(hash(message.via.branch))
            self._calls.add(hash(message.call_id.encode("utf-8", "surrogateescape")))

    @property
    def carried(self) -> frozenset[TransportAddress]:
        """The destinations that requests went to over it."""
        return frozenset(self._origins)

    def outstanding(self) -> dict[TransportAddress, frozenset[bytes]]:
        """The requests that wait for it, or may still wait for an answer over it, by the destinations it leads to."""
        now = self._around.now()
        due: dict[TransportAddress, set[bytes]] = {}
        for sent_at, request in self._asked:
            if now - sent_at <= ANSWER_DUE_S and request.destination in self._origins:
                due.setdefault(request.destination, set()).add(request.content)
        for request in self.waiting:  # of what it was cut off before it could take
            if not request.is_response:
                due.setdefault(request.destination, set()).add(request.content)
        return {destination: frozenset(requests) for destination, requests in due.items()}

    def close(self) -> None:
        """Let what is written go out, then close."""
        if self._transport is not None and self._closing_since is None:
            self._closing_since = self._around.now()
            self._transport.close()

    def abort(self) -> None:
        """Cut it off, as soon as it is settled."""
        if not self._settled:
            self._to_be_cut = True
        elif self._transport is not None:
            self._transport.abort()

    def settle(self) -> "Connection":
        """The event loop has all of its socket by now. Cut off before, it would leave uvloop with the socket's object,
        which closes whatever descriptor has its number by then."""
        self._settled = True
        if self._to_be_cut:
            self.abort()
        return self

    def check(self, now: float) -> None:
        """Let the time pass: to be called about once a second."""
        limits, counters = self._around.limits, self._around.counters
        if self._closing_since is not None:
            if now - self._closing_since > limits.closing_s:
                self.abort()
        elif self._partial_since is not None and now - self._partial_since > limits.partial_s:
            counters["connections closed: half a message"] += 1
            self.abort()
        elif self._doubted_at is not None and now - self._doubted_at > limits.pong_s:
            counters["connections closed: nothing comes"] += 1
            self._unheard_since = self._doubted_at = None
            self.cut_for = "nothing comes back"
            self.abort()
        elif now - self._last_message_at > limits.idle_s:
            counters["connections closed: idle"] += 1
            self.close()
        elif self.opened and self._doubted_at is None and self._transport is not None:
            unheard = self._unheard_since is not None and now - self._unheard_since > ANSWER_DUE_S
            if unheard or now - self._last_sent_at > limits.ping_s:
                self._last_sent_at = now
                self._doubted_at = now if unheard else None
                self._transport.write(PING)

    # What the event loop says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there, its handshake done."""
        self._transport = cast(asyncio.Transport, transport)
        self._last_message_at = self._last_sent_at = self._around.now()
        self._around.made(self)

    def get_buffer(self, _sizehint: int) -> memoryview:
        """What is read into."""
        return self._around.chunk

    def buffer_updated(self, size: int) -> None:
        """So many octets have come."""
        around, framer = self._around, self._framer
        if framer.broken or self._transport is None:
            return
        self.heard = True
        self._unheard_since = self._doubted_at = None
        messages = framer.feed(around.chunk[:size])
        now = around.now()
        if messages or not self.opened:
            self._last_message_at = now
        if framer.idle:
            self._partial_since = None
        elif messages or self._partial_since is None:
            self._partial_since = now
        pings = min(framer.take_pings(), MOST_PONGS)
        if pings and self.usable:
            self._transport.write(PONG * pings)
            self._last_sent_at = now
            self._limit_buffer(self._transport)
        if size == CHUNK_OCTETS and self.usable:
            # There may be more: it waits until the others have had their turn.
            self._transport.pause_reading()
            around.loop.call_soon(self._resume)
        if messages:
            # Not from within: a handler's mistake would close the connection.
            self._inbox += messages
            around.loop.call_soon(self._deliver)

    def eof_received(self) -> None:
        """The peer sends no more: the connection closes."""

    def connection_lost(self, error: Exception | None) -> None:
        """It is gone."""
        try:
            self._deliver()
        finally:
            self._around.lost(self, error)

    def _resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _deliver(self) -> None:
        """Hand on what has come whole; after a handler's mistake, the rest later."""
        around, inbox = self._around, self._inbox
        try:
            while inbox:
                message = inbox.popleft()
                if self.apart:
                    self._bring(message)
                around.receiver.received_message(message, self.remote, around.local)
        finally:
            if inbox:
                around.loop.call_soon(self._deliver)
        if self._framer.broken and self._closing_since is None:
            around.counters["connections closed: broken frame"] += 1
            self.close()
