"""The switch: places calls, routes what SIP and media report to them, and keeps count."""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from b2bua.alarm import Alarm, Scheduler
from b2bua.call.errors import BalanceInsufficient, CallAlreadyEnded, CallNotFound, CapacityExhausted, NotOwnNumbers
from b2bua.call.events import DigitBegun, DigitPressed, DigitWay, HangupRequested, LegMoved, SystemStopping
from b2bua.call.machine import CallMachine
from b2bua.call.model import Leg, LiveRecording, PlaceCall, PlacedCall, StreamWish, TrunkState
from b2bua.clock import Clock
from b2bua.config import Config
from b2bua.sip import events as sip
from b2bua.sip.routing import TransportAddress
from b2bua.switch.admission import AdmissionPlan, admit, covers_first_pulse, replay
from b2bua.switch.arrivals import Arrivals, Means
from b2bua.switch.audience import Audience, HeardCall
from b2bua.switch.call_leg import CallLeg, SipUser
from b2bua.switch.call_rate import Pacing
from b2bua.switch.call_sounds import CallPrompts, CallSounds
from b2bua.switch.call_task import CallBooks, CallTask
from b2bua.switch.dialling import Dialling
from b2bua.switch.journal import Journal
from b2bua.switch.leg_task import LegTask
from b2bua.switch.parties import RETRY_AFTER_S, free_legs, parties_of, route
from b2bua.switch.probing import Probing
from b2bua.switch.recordings import Recordings
from b2bua.switch.registrations import Registrations
from b2bua.switch.repeats import Repeats
from b2bua.switch.settlement import Settlement
from b2bua.switch.supervisors import SupervisedCall
from b2bua.switch.timely import ADMISSION_S, given_up_at, run_or_leave
from b2bua.switch.trace_steps import Told, hold_changed, media_started
from b2bua.switch.traced_legs import follow
from b2bua.switch.tracing import Tracing
from b2bua.switch.trunk import Trunk
from b2bua.switch.trunks import Trunks
from b2bua.tokens import Tokens
from b2bua.transport.endpoint import SipEndpoint
from media import events as media_events
from media.engine import MediaEngine
from storage.errors import StoreUnavailable
from storage.records import TEST_NUMBER, CallRecord
from storage.store import Store

LOG: Final = logging.getLogger(__name__)

HEARTBEAT_S: Final = 2.0  # a bridged call is charged to the last one after a crash
# Of the media engine's numbers those that do not only grow.
_MEDIA_GAUGES: Final = frozenset(
    {"legs", "ports_left", "streams", "commands_waiting", "conversions", "listeners", "forked_calls", "running"}
)
_NOT_A_WORD: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the switch brings together."""

    store: Store
    journal: Journal
    settlement: Settlement
    recordings: Recordings
    media: MediaEngine
    trunks: Trunks
    clock: Clock
    tokens: Tokens
    scheduler: Scheduler
    prompts: CallPrompts
    tracing: Tracing | None = None  # None: no call is traced
    audience: Audience | None = None  # who hears calls beside their parties


@dataclass(slots=True)
class Tally:
    """Counters since the start, for /metrics."""

    calls_placed: int = 0
    calls_refused: int = 0
    calls_settled: int = 0


class Switch:
    """The facade the API and the process see. Bound to its SIP endpoint by `attach` before anything else."""

    def __init__(self, config: Config, rooms: Rooms) -> None:
        self._config = config
        self._rooms = rooms
        self._calls: dict[str, CallTask] = {}
        self._usages: dict[int, SipUser] = {}
        self._awaiting_recorder: dict[str, CallTask] = {}
        self._repeats = Repeats()
        self._admitting = 0
        self._draining = False
        self._ending = False
        self._open = False
        self._on_empty: Callable[[], None] | None = None
        self._endpoint: SipEndpoint | None = None
        self._arrivals: Arrivals | None = None
        self._heartbeat = Alarm(rooms.scheduler, self._beat)
        self._probing = Probing(rooms.trunks, rooms.scheduler, self._endpoint_bound)
        self._registrations = Registrations(rooms.trunks, rooms.scheduler, rooms.tokens, self._endpoint_bound)
        rooms.trunks.on_moved = self._moved
        self._pacing = Pacing(rooms.trunks.dialled, rooms.scheduler)
        self.tally = Tally()

    # The process

    def attach(self, endpoint: SipEndpoint) -> None:
        """Bind the SIP endpoint whose events come to `on_sip_event`."""
        self._endpoint = endpoint
        rooms = self._rooms
        means = Means(
            config=self._config,
            endpoint=endpoint,
            store=rooms.store,
            settlement=rooms.settlement,
            media=rooms.media,
            trunks=rooms.trunks,
            pacing=self._pacing,
            clock=rooms.clock,
            tokens=rooms.tokens,
            scheduler=rooms.scheduler,
            prompts=rooms.prompts,
            usages=self._usages,
        )
        self._arrivals = Arrivals(means, self)

    def start(self) -> None:
        """Take calls: probe the trunks, keep the sign of life."""
        self._open = True
        self._probing.start()
        self._registrations.start()
        self._beat()

    def drain(self, on_empty: Callable[[], None]) -> None:
        """Take no more calls; `on_empty` is called once the last live one is settled, at once where there is none."""
        self._draining = True
        self._endpoint_bound().accepting = False
        if self._arrivals is not None:
            self._arrivals.turn_away()
        self._on_empty = on_empty
        self._tell_if_empty()

    def end_all_calls(self) -> None:
        """Hang up every live call at once, and those being admitted as soon as they are; each is still settled and
        reported."""
        self._ending = True
        for task in list(self._calls.values()):
            task.post(SystemStopping())

    def unregister(self, on_done: Callable[[], None]) -> None:
        """Take the registrations with trunks back; `on_done` is called when that is done, in four seconds at most."""
        self._registrations.stop(on_done)

    def is_parting(self) -> bool:
        """Whether what ends calls, settled ones too, is still on its way to their parties."""
        return self._endpoint_bound().is_parting()

    def stop(self) -> None:
        """Stop the timers; calls are over by now."""
        self._open = False
        self._registrations.close()
        self._probing.stop()
        self._heartbeat.clear()
        if self._arrivals is not None:
            self._arrivals.close()

    # What the API asks

    async def place_call(self, command: PlaceCall) -> PlacedCall:
        """Place a masked call; returns once it is admitted. Raises a `CallError`, after `ADMISSION_S` at the latest:
        nobody's phone rings then."""
        due = self._rooms.scheduler.time() + ADMISSION_S
        try:
            async with given_up_at(self._rooms.scheduler, due):
                if command.idempotency_key is None:
                    return await self._find_or_place(command, due)
                async with self._repeats.turn(command.org_id, command.idempotency_key):
                    return await self._find_or_place(command, due)
        except CapacityExhausted as refusal:
            self.tally.calls_refused += 1
            if not command.test and await self._cannot_pay(command, due):
                raise BalanceInsufficient from refusal
            raise
        except StoreUnavailable as error:
            self.tally.calls_refused += 1
            LOG.error("a call is refused: the store is unavailable: %s", error)
            raise CapacityExhausted("The service cannot take calls right now.", RETRY_AFTER_S) from error

    async def _find_or_place(self, command: PlaceCall, due: float) -> PlacedCall:
        if command.idempotency_key is not None:
            at = self._rooms.clock.wall_ms()
            earlier = await self._rooms.store.read(lambda reader: replay(reader, command, at))
            if earlier is not None:
                return earlier
        try:
            return await self._place(command, due)
        except NotOwnNumbers as refusal:  # the trunk whose turn it was shows none of them, another may
            return await self._place(command, due, refusal.numbers)

    async def hang_up(self, org_id: str, call_id: str) -> None:
        """End a live call on every leg. Raises `CallNotFound` or `CallAlreadyEnded`."""
        (await self._live(org_id, call_id)).post(HangupRequested())

    async def _live(self, org_id: str, call_id: str) -> CallTask:
        task = self._calls.get(call_id)
        if task is not None and task.machine.record.org_id == org_id:
            if task.machine.record.ended_at is not None:
                raise CallAlreadyEnded("The call has already ended.")
            return task
        if await self._rooms.store.read(lambda reader: reader.call(org_id, call_id)) is None:
            raise CallNotFound("No such call.")
        raise CallAlreadyEnded("The call has already ended.")

    async def pause_recording(self, org_id: str, call_id: str, *, paused: bool) -> None:
        """Pause the recording of a live call, or go on with it; harmless where it is so already.

        Raises `CallNotFound`, `CallAlreadyEnded`, `NotRecorded`, `TooManyPauses`.
        """
        (await self._live(org_id, call_id)).pause_recording(paused=paused)

    async def live_recording(self, org_id: str, call_id: str) -> LiveRecording:
        """Whether a live call is being recorded now. Raises `CallNotFound`, `CallAlreadyEnded`."""
        return (await self._live(org_id, call_id)).live_recording

    async def supervised_call(self, org_id: str, call_id: str) -> SupervisedCall:
        """A live call as a supervisor takes part in it. Raises `CallNotFound`, `CallAlreadyEnded`."""
        return await self._live(org_id, call_id)

    async def heard_call(self, org_id: str, call_id: str) -> HeardCall:
        """A live call as who listens in sees it. Raises `CallNotFound`, `CallAlreadyEnded`."""
        return await self._live(org_id, call_id)

    def has(self, call_id: str) -> bool:
        """Whether a call runs here now."""
        return call_id in self._calls

    def record_of(self, call_id: str) -> CallRecord | None:
        """A call that runs here, as it now stands."""
        task = self._calls.get(call_id)
        return None if task is None else task.machine.record

    def note(self, call_id: str, step: Told) -> None:
        """Put a step into the trace of a call, where it runs and is traced."""
        task = self._calls.get(call_id)
        if task is not None:
            task.tell(step)

    def ready(self) -> bool:
        """Whether calls are taken now."""
        journal = self._rooms.journal
        return self._open and not self._draining and not journal.broken and not journal.away

    def live_calls(self) -> int:
        """Calls admitted and not yet settled."""
        return len(self._calls)

    def trunk_states(self) -> list[TrunkState]:
        """Every trunk as it is now."""
        return self._rooms.trunks.states()

    def counters(self) -> Mapping[str, float]:
        """Counters and gauges for /metrics, by name."""
        figures: dict[str, float] = {
            "calls_placed_total": self.tally.calls_placed,
            "calls_refused_total": self.tally.calls_refused,
            "calls_settled_total": self.tally.calls_settled,
            "inbound_refused_total": 0 if self._arrivals is None else self._arrivals.refused,
            "journal_backlog": self._rooms.journal.backlog,
            "journal_retries_total": self._rooms.journal.retries,
            "journal_given_up_total": self._rooms.journal.failed,
            "recordings_queue_length": self._rooms.recordings.queue_length,
            "recordings_exported_total": self._rooms.recordings.exported,
            "recordings_failed_total": self._rooms.recordings.failed,
        }
        for name, value in self._rooms.media.counters().items():
            figures[f"media_{name}" if name in _MEDIA_GAUGES else f"media_{name}_total"] = value
        for name, times in self._endpoint_bound().counters().items():
            figures[f"sip_{_NOT_A_WORD.sub('_', name.lower())}_total"] = times
        return figures

    # What SIP and media report

    def on_sip_event(self, event: sip.UserAgentEvent) -> None:
        """Route an event of the user agent to the leg, probe or refusal it belongs to."""
        if isinstance(event, sip.IncomingInvite):
            if self._arrivals is not None:
                self._arrivals.take(event)
        elif isinstance(event, sip.RequestAnswered):
            self._registrations.answered(event.request, event.response)
            self._probing.answered(event.request, event.response)
        elif isinstance(event, sip.RequestFailed):
            self._registrations.failed(event.request, event.cause)
            self._probing.failed(event.request, event.cause)
        elif event.usage is not None:
            user = self._usages.get(event.usage)
            if user is not None:
                user.on_sip_event(event)
        elif isinstance(event, sip.IncomingRequest):
            self._endpoint_bound().respond(event.transaction, 481)

    def _moved(self, trunk: Trunk) -> None:
        self._probing.moved(trunk)
        self._registrations.moved(trunk)

    def on_connection_ended(self, destination: TransportAddress) -> None:
        """A connection that requests went to `destination` over has ended."""
        self._registrations.connection_ended(destination)

    def on_media_event(self, event: media_events.MediaEvent) -> None:
        """Route an event of the media engine to its call."""
        match event:
            case media_events.RecordingFinished():
                self._recording_finished(event)
            case media_events.RecordingFailed():
                self._recording_failed(event)
            case media_events.MediaStarted():
                self._to_call(event.leg, lambda task, leg: task.tell(media_started(leg)))
            case media_events.HoldChanged():
                on_hold = event.on_hold
                self._to_call(event.leg, lambda task, leg: task.tell(hold_changed(leg, on_hold)))
            case media_events.RemoteMoved():
                self._to_call(event.leg, lambda task, leg: task.post(LegMoved(leg)))
            case media_events.MediaLost():
                self._to_call(event.leg, lambda task, leg: task.legs[leg].media_lost())
            case media_events.DigitBegun() | media_events.DigitPressed() | media_events.DigitHeard():
                self._key_used(event)
            case media_events.PlaybackFinished():
                self._to_call(event.leg, lambda task, leg: task.playback_finished(leg))
                if self._arrivals is not None:
                    self._arrivals.playback_finished(event.leg)

    # Inside

    def _key_used(self, event: media_events.DigitBegun | media_events.DigitPressed | media_events.DigitHeard) -> None:
        digit = event.digit
        match event:
            case media_events.DigitBegun():
                self._to_call(event.leg, lambda task, leg: task.post(DigitBegun(leg, digit)))
            case media_events.DigitPressed(duration_ms=duration_ms):
                self._to_call(
                    event.leg, lambda task, leg: task.post(DigitPressed(leg, digit, duration_ms, DigitWay.EVENT))
                )
            case media_events.DigitHeard(duration_ms=duration_ms):
                self._to_call(event.leg, lambda task, leg: task.digit_heard(leg, digit, duration_ms))

    def _to_call(self, media_leg: str, work: Callable[[CallTask, Leg], None]) -> None:
        """Do something for the call of a media leg, where it still lives."""
        call_id, _, leg = media_leg.partition("/")
        task = self._calls.get(call_id)
        if task is not None:
            work(task, Leg(leg))

    async def _place(self, command: PlaceCall, due: float, own: tuple[str, ...] = ()) -> PlacedCall:
        party_a, party_b = parties_of(command, self._rooms.trunks, sip_allowed=self._config.calls.sip_parties)
        sounds = await self._rooms.prompts.for_call(command.org_id, command.prompts)
        self.check_capacity(billed=True)
        trunk_a, trunk_b, candidates = route(party_a, party_b, self._rooms.trunks, self._rooms.clock.monotonic(), own)
        if command.test != ([number for _trunk, number in candidates] == [TEST_NUMBER]):
            raise CapacityExhausted("Test calls go between simulated parties, and no others do.", RETRY_AFTER_S)
        plan = AdmissionPlan(
            call_id=self._rooms.tokens.uuid(),
            event_id=self._rooms.tokens.uuid(),
            party_a=party_a.text,
            party_b=party_b.text,
            candidates=candidates,
            ring_timeout_s=command.ring_timeout_s or self._config.calls.ring_timeout_s,
            record=self._config.calls.record if command.record is None else command.record,
            at=self._rooms.clock.wall_ms(),
            free_legs=free_legs(self._config.webrtc, party_a, party_b),
        )
        dialling = Dialling(command, sounds, {Leg.A: (party_a, trunk_a), Leg.B: (party_b, trunk_b)})
        placed = await self._admit(dialling, plan, due)
        if not placed.replayed:
            legs = self._legs_of(dialling, placed.record)
            self.begin(placed.record, legs, self._rooms.settlement, sounds, command.stream)
        return placed

    async def _admit(self, dialling: Dialling, plan: AdmissionPlan, due: float) -> PlacedCall:
        """Write the call down. Where the wait is broken off, and it turns out to be written, it is withdrawn."""
        command, rooms, late = dialling.command, self._rooms, list[asyncio.Task[PlacedCall]]()

        def left(running: asyncio.Task[PlacedCall]) -> None:
            late.append(running)
            if command.idempotency_key is not None:
                self._repeats.hold(command.org_id, command.idempotency_key)
            running.add_done_callback(partial(self._admitted_late, dialling))

        dialling.promise()
        self._admitting += 1
        admitted = False
        try:
            work = partial(admit, command=command, plan=plan)
            placed = await run_or_leave(rooms.store, work, rooms.scheduler, due, left)
            admitted = not placed.replayed
        finally:
            if not late:
                self._admission_ended(dialling, admitted=admitted)
        return placed

    def _admitted_late(self, dialling: Dialling, running: asyncio.Task[PlacedCall]) -> None:
        """Whoever waited was told that there is no call: whether one is written is known now."""
        failed = running.cancelled() or running.exception() is not None
        if failed or running.result().replayed:
            self._let_repeats_go(dialling.command)
            self._admission_ended(dialling, admitted=False)
        else:
            self._admission_ended(dialling, admitted=True)
            self._withdraw(dialling, running.result().record)

    def _admission_ended(self, dialling: Dialling, *, admitted: bool) -> None:
        self._admitting -= 1
        if not admitted:
            dialling.withdraw()
            self._tell_if_empty()

    def _withdraw(self, dialling: Dialling, record: CallRecord) -> None:
        """End a call that is written and that nobody is to get. Its Idempotency-Key, if any, is good for another."""
        LOG.warning("call %s is not dialled: it was written too late", record.call_id)
        command, key = dialling.command, dialling.command.idempotency_key
        if key is not None:
            self._rooms.journal.add(
                lambda unit: unit.idempotency.forget(command.org_id, key, record.call_id),
                lambda _: self._let_repeats_go(command),
            )
        self._take_on(record, self._legs_of(dialling, record), self._rooms.settlement, dialling.sounds).end_unwanted()

    def _let_repeats_go(self, command: PlaceCall) -> None:
        if command.idempotency_key is not None:
            self._repeats.let_go(command.org_id, command.idempotency_key)

    async def _cannot_pay(self, command: PlaceCall, due: float) -> bool:
        """Whether the first pulse is not covered: that is told before a lack of capacity, which adding funds outlasts.

        Where there is capacity, admission decides this within its unit of work.
        """
        parties = parties_of(command, self._rooms.trunks, sip_allowed=self._config.calls.sip_parties)
        free = free_legs(self._config.webrtc, *parties)
        try:
            async with given_up_at(self._rooms.scheduler, due):
                return await self._rooms.store.read(lambda reader: not covers_first_pulse(reader, command.org_id, free))
        except StoreUnavailable:
            return False

    def check_capacity(self, *, billed: bool) -> None:
        """Raise `CapacityExhausted` where one more call is not taken; one that is not `billed` needs no store."""
        if not self._open or self._draining:
            raise CapacityExhausted("The service takes no new calls right now.", RETRY_AFTER_S)
        if len(self._calls) + self._being_admitted() >= self._config.calls.max_concurrent:
            raise CapacityExhausted("The limit of concurrent calls is reached.", RETRY_AFTER_S)
        if billed and self._rooms.journal.overloaded:
            raise CapacityExhausted("The service cannot take calls right now.", RETRY_AFTER_S)
        # A call back promises its other leg no sooner than the store has said who that is; one by a route at once.
        unplanned = 0 if self._arrivals is None else self._arrivals.unplanned
        if self._rooms.media.ports_left() < self._rooms.trunks.promised + unplanned + 2:
            raise CapacityExhausted("No media port is free.", RETRY_AFTER_S)

    def _being_admitted(self) -> int:
        return self._admitting + (0 if self._arrivals is None else self._arrivals.admitting)

    def _legs_of(self, dialling: Dialling, record: CallRecord) -> dict[Leg, CallLeg]:
        rooms, endpoint = self._rooms, self._endpoint_bound()
        return dialling.legs(record, rooms.trunks, rooms.media, rooms.clock, endpoint, self._pacing, self._usages)

    def begin(
        self,
        record: CallRecord,
        legs: Mapping[Leg, CallLeg],
        books: CallBooks,
        sounds: CallSounds,
        stream: StreamWish | None = None,
    ) -> None:
        """Run an admitted call."""
        task = self._take_on(record, legs, books, sounds, stream)
        if self._ending:
            task.end_unstarted()
        else:
            task.start()

    def _take_on(
        self,
        record: CallRecord,
        legs: Mapping[Leg, CallLeg],
        books: CallBooks,
        sounds: CallSounds,
        stream: StreamWish | None = None,
    ) -> CallTask:
        rooms = self._rooms
        tracing = rooms.tracing
        trace = None if tracing is None else tracing.begin(record.call_id, record.org_id)
        task = CallTask(
            CallMachine(record, sounds.due(recorded=record.record)),
            legs,
            media=rooms.media,
            books=books,
            clock=rooms.clock,
            scheduler=rooms.scheduler,
            on_settled=self._settled,
            sounds=sounds.sounds,
            tell=None if tracing is None or trace is None else tracing.teller(trace),
            audience=rooms.audience if record.org_id else None,
            stream=stream,
        )
        for leg, leg_task in legs.items():
            leg_task.post = task.post
            if isinstance(leg_task, LegTask):
                leg_task.note_trunk = partial(task.machine.note_trunk, leg)
            if tracing is not None and trace is not None:
                follow(tracing, trace, leg, leg_task, self._endpoint_bound())
        self._calls[record.call_id] = task
        self.tally.calls_placed += 1
        return task

    def admission_over(self) -> None:
        """An admission has ended, with a call or without one."""
        self._tell_if_empty()

    def _settled(self, task: CallTask) -> None:
        self._calls.pop(task.call_id, None)
        tracing = self._rooms.tracing
        if tracing is not None:
            tracing.end(task.call_id)
        if task.recording:
            self._awaiting_recorder[task.call_id] = task
        self.tally.calls_settled += 1
        record = task.machine.record
        if record.org_id:
            LOG.info("call %s: %s, %s%s", record.call_id, record.status.value, record.hangup_cause, _answers(record))
        self._tell_if_empty()

    def _recording_finished(self, event: media_events.RecordingFinished) -> None:
        task = self._recorded(event.call_id)
        if task is None:
            return
        org_id, recordings = task.machine.record.org_id, self._rooms.recordings
        if org_id:
            recordings.finished(
                event.call_id,
                org_id,
                event.wav_path,
                event.duration_ms,
                event.gap_frames,
                event.sealed_key,
                event.facts,
            )
        else:
            recordings.leave(event.call_id)  # nobody's: its file is all there is of it
        if event.facts.cut_short:
            task.recording_failed()
        else:
            task.recording_stopped()

    def _recording_failed(self, event: media_events.RecordingFailed) -> None:
        LOG.error("call %s: the recording failed: %s", event.call_id, event.error)
        task = self._recorded(event.call_id)
        if task is None:
            return
        if task.machine.record.org_id:
            self._rooms.recordings.failed_for_good(
                event.call_id, task.machine.record.org_id, event.wav_path, left=event.left
            )
        task.recording_failed()

    def _recorded(self, call_id: str) -> CallTask | None:
        return self._calls.get(call_id) or self._awaiting_recorder.pop(call_id, None)

    def _tell_if_empty(self) -> None:
        if self._on_empty is not None and not self._calls and not self._being_admitted():
            on_empty, self._on_empty = self._on_empty, None
            on_empty()

    def _beat(self) -> None:
        at = self._rooms.clock.wall_ms()
        if self._rooms.journal.backlog < 100:  # a store that cannot be written has no use for more signs of life
            self._rooms.journal.add(lambda unit: unit.calls.heartbeat(at))
        self._heartbeat.set(self._rooms.scheduler.time() + HEARTBEAT_S)

    def _endpoint_bound(self) -> SipEndpoint:
        assert self._endpoint is not None, "attach() comes first"
        return self._endpoint


def _answers(record: CallRecord) -> str:
    """What each leg of a call that never came about was answered, for the log: nothing else there tells of it."""
    if record.answered_at is not None:
        return ""
    answers = [f"{leg.leg} answered {leg.sip_status}" for leg in record.legs if leg.sip_status is not None]
    return f" ({', '.join(answers)})" if answers else ""
