"""The event store's writer: what happens in calls, gathered in memory and written down in batches.

What happens is only appended to a tape when it happens. A quarter of a second later the tape is sorted out by call, and
once a second what there is of each call goes to the journal as one row. So the path of a call pays for an append, and a
crash loses a second of what is told of calls, never anything of the calls themselves.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Final

from b2bua.alarm import Alarm, Scheduler
from b2bua.clock import Clock
from b2bua.redaction import redact_text
from b2bua.sip.framing import Framed
from b2bua.sip.glance import call_id_of, glance
from b2bua.sip.routing import TransportAddress
from b2bua.switch.journal import Journal
from b2bua.switch.trace_steps import Told
from storage.records import TracePart, TraceStep
from storage.units import UnitOfWork

SORT_S: Final = 0.25  # how long a message waits on the tape; one of a call that is not known yet waits once more
SORTS_PER_WRITE: Final = 4
TAPE_LIMIT: Final = 50_000  # messages and notes that wait to be sorted out; what is over it is dropped and counted
SORTED_AT_ONCE: Final = 5_000  # of them; the rest waits for the next turn, so that calls do not wait for their traces
STEPS_PER_CALL: Final = 500  # after so many a call's trace says that it is full, and takes no more
CALL_IDS_PER_CALL: Final = 32
STEPS_UNWRITTEN: Final = 100_000  # in all calls, while the store cannot be written; beyond, dropped and counted
JOURNAL_BUSY: Final = 100  # entries waiting there: what calls need comes first
LINGER_S: Final = 33.0  # a settled call's last messages come within 64*T1 (RFC 3261 17.1.1.2)
FORGET_AT_ONCE: Final = 5_000  # rows of one unit of work
DAY_MS: Final = 86_400_000
_redacted: Final = lru_cache(maxsize=256)(redact_text)  # of what nearly all messages have in common

Message = bytes | Framed


@dataclass(slots=True, eq=False)
class CallTrace:
    """What is gathered of one call. `org_id` "": nobody's."""

    call_id: str
    org_id: str
    steps: list[TraceStep] = field(default_factory=list)
    kept: int = 0
    parts: int = 0
    sip_call_ids: list[str] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    last: dict[str, tuple[str, TransportAddress]] = field(default_factory=dict)


# What is on the tape, with the monotonic second it happened: plain tuples, as there are dozens of each call.
_Message = tuple[float, bool, Message, TransportAddress]
_Note = tuple[float, CallTrace, Told]


class Tracing:
    """Gathers what happens in calls. `keep_days` 0: nothing is gathered, and nothing costs anything.

    `unbilled`: calls that are nobody's are traced too.
    """

    def __init__(
        self, journal: Journal, clock: Clock, scheduler: Scheduler, *, keep_days: float, unbilled: bool = False
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._scheduler = scheduler
        self._keep_ms = round(keep_days * DAY_MS)
        self._unbilled = unbilled
        self._tape: list[_Message | _Note] = []
        self._strays: list[tuple[str, _Message]] = []  # of a Call-ID not known yet, which has one more turn
        self._unsorted: list[_Message | _Note] = []  # what came before the tape and has not been looked at
        self._tape_room = TAPE_LIMIT  # what may stand on the tape beside those
        self._traces: dict[str, CallTrace] = {}
        self._legs: dict[str, tuple[CallTrace, str]] = {}  # by the Call-ID of the dialog
        self._ended: deque[tuple[float, str]] = deque()
        self._unwritten = 0
        self._turns = 0
        self._alarm = Alarm(scheduler, self._turn)
        self.written = 0
        self.dropped = 0

    @property
    def message_tape(self) -> Callable[[bool, Message, TransportAddress], None] | None:
        """Where the SIP endpoint tells each message of, None where nobody wants to know."""
        return self._message if self._keep_ms else None

    def begin(self, call_id: str, org_id: str) -> CallTrace | None:
        """Trace a call from now; None where it is not wanted."""
        if not self._keep_ms or not (org_id or self._unbilled):
            return None
        trace = self._traces[call_id] = CallTrace(call_id, org_id)
        self._wake()
        return trace

    def dialog(self, trace: CallTrace, leg: str, sip_call_id: str | None) -> None:
        """A leg has a dialog of this Call-ID. One that another leg has already stays that leg's."""
        if sip_call_id and sip_call_id not in self._legs and len(trace.sip_call_ids) < CALL_IDS_PER_CALL:
            trace.sip_call_ids.append(sip_call_id)
            self._legs[sip_call_id] = (trace, leg)

    def note(self, trace: CallTrace, step: Told) -> None:
        """Something has happened in a call. Its details stand in JSON and tell no number."""
        self._put((self._scheduler.time(), trace, step))

    def teller(self, trace: CallTrace) -> Callable[[Told], None]:
        """`note` for one call."""
        return partial(self.note, trace)

    def end(self, call_id: str) -> None:
        """The call is settled: what still comes of its dialogs is taken for a while. Nothing where it is not traced."""
        if call_id in self._traces:
            self._ended.append((self._scheduler.time() + LINGER_S, call_id))
            self._wake()

    @property
    def held(self) -> int:
        """Calls whose trace is still open."""
        return len(self._traces)

    def counters(self) -> Mapping[str, float]:
        """Numbers for /metrics."""
        return {
            "trace_steps_written_total": self.written,
            "trace_steps_dropped_total": self.dropped,
            "trace_steps_waiting": self._unwritten + len(self._tape) + len(self._unsorted),
        }

    def close(self) -> None:
        """Hand what there is to the journal, and stop."""
        self._alarm.clear()
        while self._tape or self._unsorted:
            self._sort()
        self._sort()  # what waited for its call
        self._write()
        self._keep_ms = 0

    def forget_old(self) -> None:
        """Drop what has been kept for long enough."""
        if self._keep_ms:
            self._forget(self._clock.wall_ms() - self._keep_ms)

    def _forget(self, before: int) -> None:
        def again(gone: object) -> None:
            if gone == FORGET_AT_ONCE:
                self._forget(before)

        self._journal.add(partial(_forget, before), again)

    def _message(self, received: bool, content: Message, peer: TransportAddress) -> None:
        tape, entry = self._tape, (self._scheduler.time(), received, content, peer)
        if tape and len(tape) < self._tape_room:  # as for nearly every one of a busy service
            tape.append(entry)
        else:
            self._put(entry)

    def _put(self, entry: _Message | _Note) -> None:
        tape = self._tape
        if len(tape) >= self._tape_room:
            self.dropped += 1
            return
        if not tape:
            self._wake()
        tape.append(entry)

    def _wake(self) -> None:
        soon = self._scheduler.time() + SORT_S
        # Where calls that are over linger it may be set for half a minute from now.
        if self._keep_ms and (self._alarm.when is None or self._alarm.when > soon):
            self._alarm.set(soon)

    def _turn(self) -> None:
        self._sort()
        self._let_go()
        self._turns += 1
        if self._turns % SORTS_PER_WRITE == 0 or not self._traces:
            self._write()
        if self._tape or self._strays or self._unsorted or self._unwritten:
            self._wake()
        elif self._ended:
            self._alarm.set(self._ended[0][0])

    def _sort(self) -> None:
        """Give what is on the tape to its calls, so much of it as a turn may take. Where no call is traced, it is only
        kept for one more turn: a call that arrives is known as one only once it has been admitted."""
        tape, self._tape = self._tape, []
        if not self._traces:
            self._leave(tape)
            self._strays.clear()
            return
        waiting = [*self._unsorted, *tape]
        self._leave(waiting[SORTED_AT_ONCE:])
        offset_ms = self._clock.wall_ms() - self._scheduler.time() * 1000
        strays, self._strays = self._strays, []
        for call_id, message in strays:
            self._take(call_id, message, offset_ms)
        for entry in waiting[:SORTED_AT_ONCE]:
            if len(entry) == 3:
                at_s, trace, step = entry
                self._keep(trace, TraceStep(round(at_s * 1000 + offset_ms), *step))
                continue
            sip_call_id = call_id_of(entry[2])
            if sip_call_id is not None and not self._take(sip_call_id, entry, offset_ms):
                self._strays.append((sip_call_id, entry))

    def _leave(self, unsorted: list[_Message | _Note]) -> None:
        """Have these wait for the next turn."""
        self._unsorted = unsorted
        self._tape_room = TAPE_LIMIT - len(unsorted)

    def _take(self, sip_call_id: str, message: _Message, offset_ms: float) -> bool:
        """Give a message to its call; False where there is none."""
        found = self._legs.get(sip_call_id)
        if found is None:
            return False
        trace, leg = found
        if trace.kept <= STEPS_PER_CALL:
            step = _step_of(trace, leg, sip_call_id, message, offset_ms)
            if step is not None:
                self._keep(trace, step)
        return True

    def _keep(self, trace: CallTrace, step: TraceStep) -> None:
        if trace.kept > STEPS_PER_CALL or self._unwritten >= STEPS_UNWRITTEN:
            self.dropped += 1
            return
        if trace.kept == STEPS_PER_CALL:
            step = TraceStep(step.at, "state", None, "trace.full", {"limit": STEPS_PER_CALL})
        trace.kept += 1
        trace.steps.append(step)
        self._unwritten += 1

    def _let_go(self) -> None:
        """Forget calls that have been over for long enough, once the rest of them is on its way to the store."""
        now = self._scheduler.time()
        over = [call_id for ends_at, call_id in self._ended if ends_at <= now]
        if not over:
            return
        self._write()
        if self._unwritten:
            return  # the store is busy: later
        for call_id in over:
            self._ended.popleft()
            trace = self._traces.pop(call_id, None)
            for sip_call_id in () if trace is None else trace.sip_call_ids:
                self._legs.pop(sip_call_id, None)

    def _write(self) -> None:
        """Hand what is new of each call to the journal, as one entry."""
        if not self._unwritten or self._journal.backlog >= JOURNAL_BUSY:
            return
        at = self._clock.wall_ms()
        parts = []
        for trace in self._traces.values():
            if trace.steps:
                trace.parts += 1
                parts.append(TracePart(trace.call_id, trace.parts, trace.org_id, at, tuple(trace.steps)))
                trace.steps.clear()
        self.written += self._unwritten
        self._unwritten = 0
        self._journal.add(partial(_add, parts))


def _add(parts: list[TracePart], unit: UnitOfWork) -> None:
    unit.traces.add(parts)


def _forget(before: int, unit: UnitOfWork) -> int:
    return unit.traces.forget(before, FORGET_AT_ONCE)


def _step_of(trace: CallTrace, leg: str, sip_call_id: str, message: _Message, offset_ms: float) -> TraceStep | None:
    """A message as a step. The Call-ID and the peer's address stand in it where they are not those of the last."""
    seen = glance(message[2])
    if seen is None:
        return None
    at_s, received, content, peer = message
    details: dict[str, object] = {"direction": "received" if received else "sent", "cseq": _redacted(seen.cseq)}
    if isinstance(content, bytes):
        octets = hash(content)
        if octets in trace.seen:
            details["again"] = True
        trace.seen.add(octets)
    if seen.reason is not None:
        details["reason"] = redact_text(seen.reason)
    if seen.warning is not None:
        details["warning"] = redact_text(seen.warning)
    if seen.body_type is not None:
        details["body"] = _redacted(seen.body_type)
    last = trace.last.get(leg)
    if last is None or last[0] != sip_call_id:
        details["call_id"] = redact_text(sip_call_id)
    if last is None or last[1] != peer:
        details["peer"] = str(peer)
    trace.last[leg] = (sip_call_id, peer)
    return TraceStep(round(at_s * 1000 + offset_ms), "sip", leg, _name(seen.name), details)


def _name(name: str) -> str:
    """A status stays next to whatever phrase a peer puts after it."""
    first, space, phrase = name.partition(" ")
    return f"{first} {_redacted(phrase)}" if space else _redacted(first)
