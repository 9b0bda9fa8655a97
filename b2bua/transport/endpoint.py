"""Pumps one UserAgent: what arrives goes in, what it sends goes out in order, what it tells goes to one callable."""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from b2bua.alarm import Alarm, Scheduler
from b2bua.sip.events import UserAgentEvent
from b2bua.sip.framing import Framed
from b2bua.sip.routing import Carried, Outgoing, TransportAddress
from b2bua.sip.settings import HeaderLines, OutgoingInvite, OutgoingRequest
from b2bua.sip.user_agent import UserAgent
from b2bua.transport.strangers import StrangerLog

OWN_WAITING: Final = 10_000
"""Messages of ours to ourselves that wait for their turn; one more is dropped and counted, as a datagram would be."""


class MessageTransport(Protocol):
    """What carries messages from one listener of ours."""

    @property
    def local(self) -> TransportAddress:
        """The address its socket is bound to, as the UserAgent's settings name it."""
        ...

    def send(self, content: bytes, destination: TransportAddress, fallback: TransportAddress | None = None) -> None:
        """Send, in the order of the calls, without blocking; what cannot be sent is dropped and counted there.

        `fallback`: see `Outgoing`.
        """
        ...


class SipEndpoint:
    """One UserAgent over its transports, on one thread.

    A source for which `is_peer` is false is dropped before it is parsed: it gets no answer, whatever it sends. Every
    event goes to `on_event`, one at a time and in order; a handler may use the verbs, whose events follow later.
    `tape`, where there is one, is told each message that is taken in (True) or sent (False), and whom from or to.
    `on_connection_ended`, where there is one, is told each destination that a connection which has ended had carried
    requests to, after the events that come of it.
    """

    def __init__(
        self,
        user_agent: UserAgent,
        scheduler: Scheduler,
        is_peer: Callable[[TransportAddress], bool],
        on_event: Callable[[UserAgentEvent], None],
        tape: Callable[[bool, bytes | Framed, TransportAddress], None] | None = None,
        on_connection_ended: Callable[[TransportAddress], None] | None = None,
    ) -> None:
        self._user_agent = user_agent
        self._scheduler = scheduler
        self._is_peer = is_peer
        self._on_event = on_event
        self._tape = tape
        self._on_connection_ended = on_connection_ended
        self._transports: dict[TransportAddress, MessageTransport] = {}
        self._alarm = Alarm(scheduler, self._on_alarm)
        self._own: deque[Outgoing] = deque()  # from us to us
        self._own_alarm = Alarm(scheduler, self._take_own)
        self._strangers = StrangerLog(scheduler)
        self._counters: Counter[str] = Counter(received=0, sent=0)
        self._pumping = False

    @property
    def user_agent(self) -> UserAgent:
        """The UserAgent that is pumped; its verbs are used through the endpoint alone."""
        return self._user_agent

    def counters(self) -> Mapping[str, int]:
        """What went through and what was dropped, by name; the UserAgent's own counts included."""
        return {**self._user_agent.counters, **self._counters, "strangers": self._strangers.dropped}

    @property
    def accepting(self) -> bool:
        """False while draining."""
        return self._user_agent.accepting

    @accepting.setter
    def accepting(self, value: bool) -> None:
        self._user_agent.accepting = value

    def is_parting(self) -> bool:
        """Whether what ends calls is still on its way."""
        return self._user_agent.is_parting()

    # Transports.

    def attach(self, transport: MessageTransport) -> None:
        """Send what leaves from the transport's local address over it."""
        self._transports[transport.local] = transport

    def detach(self, transport: MessageTransport) -> None:
        """Use it no more; what would leave from it is dropped and counted."""
        self._transports.pop(transport.local, None)

    def close(self) -> None:
        """Stop the timers; the transports are their owners' to close."""
        self._alarm.clear()
        self._own_alarm.clear()
        self._strangers.close()

    def received(self, content: bytes, source: TransportAddress, local: TransportAddress) -> None:
        """A message has arrived."""
        if not self.admits(source):
            return
        self._counters["received"] += 1
        if self._tape is not None:
            self._tape(True, content, source)
        self._user_agent.receive(content, source, local, self._scheduler.time())
        self._pump()

    def admits(self, source: TransportAddress) -> bool:
        """Whether a connection from `source` may be kept; a stranger's is counted."""
        if self._is_peer(source):
            return True
        self._strangers.dropped_one(source)
        return False

    def received_message(self, message: Framed, source: TransportAddress, local: TransportAddress) -> None:
        """A message, or what a broken one leaves, has been cut out of a stream from `source`."""
        if self.admits(source):
            self._counters["received"] += 1
            if self._tape is not None:
                self._tape(True, message, source)
            self._user_agent.receive_message(message, source, local, self._scheduler.time())
            self._pump()

    def transport_failed(
        self, destination: TransportAddress, *, unopened: bool = False, requests: Carried = None
    ) -> None:
        """A connection to `destination` could not be opened (`unopened`), or broke; `requests`: what it carried."""
        self._counters["transport failures"] += 1
        now = self._scheduler.time()
        self._user_agent.transport_failed(destination, now, unopened=unopened, requests=requests)
        self._pump()

    def unanswerable(self, content: bytes, destination: TransportAddress | None = None) -> None:
        """`UserAgent.unanswerable`."""
        self._counters["transport failures"] += 1
        self._user_agent.unanswerable(content, self._scheduler.time(), destination)
        self._pump()

    def connection_ended(self, destination: TransportAddress) -> None:
        """A connection that requests went to `destination` over is there no more."""
        if self._on_connection_ended is not None:
            self._on_connection_ended(destination)

    def is_wanted(self, content: bytes) -> bool:
        """`UserAgent.is_wanted`."""
        return self._user_agent.is_wanted(content)

    def withdrawn(self, content: bytes) -> None:
        """`UserAgent.withdrawn`."""
        self._user_agent.withdrawn(content, self._scheduler.time())
        self._pump()

    def undelivered(self, content: bytes, destination: TransportAddress) -> None:
        """The network reports that a datagram did not reach `destination`; `content` is what it quotes of it."""
        self._counters["transport failures"] += 1
        self._user_agent.undelivered(content, destination, self._scheduler.time())
        self._pump()

    # Verbs: those of the UserAgent, now.

    def invite(self, plan: OutgoingInvite) -> int:
        """`UserAgent.invite`. Its events are delivered later, never from within."""
        handle = self._user_agent.invite(plan, self._scheduler.time())
        self._pump_soon()
        return handle

    def hang_up(self, usage: int, reason: str | None = None, status: int = 480) -> None:
        """`UserAgent.hang_up`."""
        self._user_agent.hang_up(usage, self._scheduler.time(), reason, status)
        self._pump_soon()

    def respond(
        self,
        transaction: int,
        status: int,
        *,
        reason: str | None = None,
        headers: HeaderLines = (),
        body: bytes = b"",
        content_type: str | None = None,
        reliable: bool | None = None,
    ) -> None:
        """`UserAgent.respond`."""
        self._user_agent.respond(
            transaction,
            status,
            self._scheduler.time(),
            reason=reason,
            headers=headers,
            body=body,
            content_type=content_type,
            reliable=reliable,
        )
        self._pump_soon()

    def request(self, plan: OutgoingRequest) -> int:
        """`UserAgent.request`."""
        handle = self._user_agent.request(plan, self._scheduler.time())
        self._pump_soon()
        return handle

    def answer_waits(self, usage: int) -> bool:
        """`UserAgent.answer_waits`."""
        return self._user_agent.answer_waits(usage)

    def call_id_of(self, usage: int) -> str | None:
        """`UserAgent.call_id_of`."""
        return self._user_agent.call_id_of(usage)

    def contact_for(self, destination: TransportAddress, user: str) -> str | None:
        """`UserAgent.contact_for`."""
        return self._user_agent.contact_for(destination, user)

    def request_in_dialog(
        self,
        usage: int,
        method: str,
        *,
        headers: HeaderLines = (),
        body: bytes = b"",
        content_type: str | None = None,
        to_tag: str | None = None,
    ) -> int:
        """`UserAgent.request_in_dialog`."""
        handle = self._user_agent.request_in_dialog(
            usage, method, self._scheduler.time(), headers=headers, body=body, content_type=content_type, to_tag=to_tag
        )
        self._pump_soon()
        return handle

    # The pump.

    def _on_alarm(self) -> None:
        self._user_agent.handle_timers(self._scheduler.time())
        self._pump()

    def _pump_soon(self) -> None:
        """Send at once, deliver events from the scheduler, so that a verb's caller has its handle before its events.

        While a pump runs, what is to be sent is the pump's.
        """
        if not self._pumping:
            self._flush()
            self._arm()

    def _pump(self) -> None:
        """Deliver until nothing is left, then send. A handler that comes back here adds to what the first does.

        All is sent at the end, in its order: sending wakes who receives, and where that is on this processor it takes
        the caches from the work that is left.
        """
        if self._pumping:
            return
        self._pumping = True
        events = self._user_agent.events
        try:
            while events:
                self._on_event(events.popleft())
        finally:
            self._pumping = False
            self._arm()
            self._flush()

    def _flush(self) -> None:
        if not self._user_agent.outgoing:
            return
        for outgoing in self._user_agent.to_send():
            content, destination, local, fallback = outgoing
            transport = self._transports.get(local)
            if transport is None:
                self._counters["unsendable"] += 1
            else:
                self._counters["sent"] += 1
                if self._tape is not None:
                    self._tape(False, content, destination)
                if (destination.place if destination.expected else destination) in self._transports:
                    self._send_to_self(outgoing)
                else:
                    transport.send(content, destination, fallback)

    def _send_to_self(self, outgoing: Outgoing) -> None:
        """From one listener of ours to another or itself: both ends of a dialog are ours. No network need lead there,
        and nobody else is let in for having such an address."""
        if len(self._own) >= OWN_WAITING:
            self._counters["messages to ourselves dropped"] += 1
            return
        self._own.append(outgoing)
        if self._own_alarm.when is None:
            self._own_alarm.set(self._scheduler.time())

    def _take_own(self) -> None:
        """Take what waits, one in a turn: what a handler's mistake leaves is taken all the same. The tape has it
        already, as sent."""
        sent = self._own.popleft()
        if self._own:
            self._own_alarm.set(self._scheduler.time())
        self._counters["received"] += 1
        self._user_agent.receive(sent.content, sent.local, sent.destination.place, self._scheduler.time())
        self._pump()

    def _arm(self) -> None:
        """Wake at the next timer, or at once for events that a failed handler left.

        A timer that moves later leaves the alarm as it is: it finds nothing due and sets itself again.
        """
        user_agent = self._user_agent
        due = self._scheduler.time() if user_agent.events else user_agent.next_timer()
        set_for = self._alarm.when
        if due is not None and (set_for is None or due < set_for):
            self._alarm.set(due)
