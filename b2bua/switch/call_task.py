"""One call's runner: one queue, one `CallMachine`, one interpreter of its effects.

Everything here runs on the event loop's thread and returns at once; what needs the database is handed to it in order.
"""

import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from b2bua.alarm import Alarm, Scheduler
from b2bua.call import effects as do
from b2bua.call import events as happened
from b2bua.call.errors import CapacityExhausted, NotConnected, NotRecorded, TooManyPauses, TooManySupervisors
from b2bua.call.events import CallEvent, Deadline
from b2bua.call.hangup import CLEARINGS, COMPLETED_ELSEWHERE, q850_reason, reason_header
from b2bua.call.inputs import State
from b2bua.call.machine import CallMachine
from b2bua.call.model import HangupCause, Leg, LiveRecording, StreamWish
from b2bua.call.prompting import Prompt
from b2bua.call.record import leg_of
from b2bua.clock import Clock
from b2bua.switch.audience import Audience, Ear, Take
from b2bua.switch.call_leg import CallLeg
from b2bua.switch.incoming_leg import IncomingLeg
from b2bua.switch.leg_task import LegTask
from b2bua.switch.prompting import Prompting
from b2bua.switch.trace_steps import (
    RECORDING_PAUSED,
    RECORDING_RESUMED,
    RECORDING_STOPPED,
    Told,
    of_effect,
    of_event,
    of_statistics,
)
from media.engine import MediaEngine
from media.errors import MediaError, UnknownLeg
from media.errors import TooManySupervisors as CallIsFull
from media.forking.seats import Mode, Seat, SeatLine
from media.recording.pauses import MOST_PAUSES
from media.tones import Tone as Sound
from storage.records import CallRecord, WebhookEvent, changed

LOG: Final = logging.getLogger(__name__)

QUEUE_LIMIT: Final = 256  # events waiting on one call: more than it can cause; beyond, they are dropped and logged
NO_SOUNDS: Final[Mapping[Prompt, Sound]] = {}
# The tones that a prompt can take the place of.
_REPLACED: Final = {do.Tone.RINGBACK: Prompt.WAIT, do.Tone.BALANCE_WARNING: Prompt.BALANCE_WARNING}


class CallBooks(Protocol):
    """Where a call's facts are written down: all of it in order, none of it waited for. `keeps` False: nowhere."""

    @property
    def keeps(self) -> bool:
        """Whether steps of the call are written down."""
        ...

    def write(self, record: CallRecord, event: WebhookEvent) -> CallRecord:
        """Store the live row and the webhook event; returns the record with its new sequence number."""
        ...

    def extend(self, record: CallRecord, reserved_pulses: int, pulses: int, done: Callable[[int], None]) -> None:
        """Reserve so many pulses more, or as many as can be, and tell how many; nothing while that is not known."""
        ...

    def settle(self, record: CallRecord, event: WebhookEvent) -> None:
        """Settle the call once and for all, however often the store has to be asked."""
        ...

    def recording_path(self, record: CallRecord) -> str:
        """A free path for the call's recording, relative to the recordings folder."""
        ...


class CallTask:
    """Runs one call from `start` to its settlement, then tells `on_settled`."""

    def __init__(
        self,
        machine: CallMachine,
        legs: Mapping[Leg, CallLeg],
        *,
        media: MediaEngine,
        books: CallBooks,
        clock: Clock,
        scheduler: Scheduler,
        on_settled: Callable[["CallTask"], None],
        sounds: Mapping[Prompt, Sound] = NO_SOUNDS,
        tell: Callable[[Told], None] | None = None,
        audience: Audience | None = None,
        stream: StreamWish | None = None,
    ) -> None:
        """`sounds`: the call's own prompts, in place of the product's tones and before the bridge. `tell` gets the
        steps of the call's trace, None where none is kept; `audience` gets them too. `stream`: where the call wants its
        audio streamed, which is the audience's affair."""
        self.machine = machine
        self.legs = legs
        self._media = media
        self._books = books
        self._clock = clock
        self._scheduler = scheduler
        self._on_settled = on_settled
        self._sounds = sounds
        self._prompting = Prompting(media, {leg: task.media_name for leg, task in legs.items()}, sounds)
        self._tell = tell
        self._audience = audience
        self._is_told = tell is not None or audience is not None
        self.stream = stream
        self._queue: deque[CallEvent] = deque()
        self._running = False
        self._recording = False
        self._paused = False
        self._pauses = 0
        self._given_up = False
        self._alarms: dict[Deadline, Alarm] = {}
        self.settled = False

    @property
    def call_id(self) -> str:
        """The call's id."""
        return self.machine.record.call_id

    @property
    def org_id(self) -> str:
        """Whose call it is; "": nobody's."""
        return self.machine.record.org_id

    @property
    def reference(self) -> str | None:
        """The organisation's own name for it."""
        return self.machine.record.reference

    @property
    def recording(self) -> bool:
        """Whether a recording has been begun whose end has not been told yet."""
        return self._recording

    def start(self) -> None:
        """Dial A, or B where A has called us; one that has given up meanwhile is not gone on with."""
        caller = self.legs[Leg.A]
        if not isinstance(caller, IncomingLeg):
            self.post(happened.Started())
        elif caller.over:
            self.post(caller.gone or happened.LegHungUp(Leg.A))
        else:
            self.post(happened.Arrived())

    def end_unstarted(self) -> None:
        """End it in place of starting it, as the process stops: nobody is dialled, and an A who has called us is
        refused."""
        caller, cause = self.legs[Leg.A], HangupCause.SYSTEM_RESTART
        if isinstance(caller, IncomingLeg):
            caller.hang_up(reason_header(cause), CLEARINGS[cause].sip_status)
        self.post(happened.SystemStopping())

    def end_unwanted(self) -> None:
        """End it in place of starting it: whoever asked for it was told that there is none."""
        self.post(happened.SystemFailed())

    def post(self, event: CallEvent) -> None:
        """Take an event in; it is worked off at once, or after those already being worked off."""
        if len(self._queue) >= QUEUE_LIMIT:
            LOG.error(
                "call %s: more than %d events waiting, dropped %s", self.call_id, QUEUE_LIMIT, type(event).__name__
            )
            return
        self._queue.append(event)
        if self._running:
            return
        self._running = True
        try:
            while self._queue:
                self._work_off(self._queue.popleft())
        finally:
            self._running = False

    @property
    def live_recording(self) -> LiveRecording:
        """Whether it is being recorded, or streamed, now."""
        if not self._recording and not self._media.is_heard(self.call_id):
            return LiveRecording.OFF
        return LiveRecording.PAUSED if self._paused else LiveRecording.ON

    def pause_recording(self, *, paused: bool) -> None:
        """Leave both parties out of the recording from now on, or record them again.

        Raises NotRecorded, TooManyPauses.
        """
        if self.live_recording is LiveRecording.OFF:
            raise NotRecorded("The call is not being recorded now.")
        if paused is self._paused:
            return
        if paused and self._pauses >= MOST_PAUSES:
            raise TooManyPauses(f"A recording can be paused {MOST_PAUSES} times.")
        self._paused = paused
        self._pauses += paused
        if paused:
            self._media.pause_recording(self.call_id)
        else:
            self._media.resume_recording(self.call_id)
        self.tell(RECORDING_PAUSED if paused else RECORDING_RESUMED)

    def listen_in(self, rate_hz: int, take: Take) -> Ear:
        """Hear both parties from now on, but not while the recording is paused. Raises NotConnected,
        CapacityExhausted."""
        record = self.machine.record
        if record.answered_at is None or record.ended_at is not None:
            raise NotConnected("The parties of the call are not connected now.")
        a, b = self.legs[Leg.A].media_name, self.legs[Leg.B].media_name
        try:
            return self._media.listen_in(a, b, rate_hz, take, muted=self._paused)
        except UnknownLeg:
            raise NotConnected("The parties of the call are not connected now.") from None
        except MediaError as error:
            raise CapacityExhausted("The call cannot be heard now.") from error

    def listen_no_more(self, ear: Ear) -> None:
        """Hear it no more; harmless when the call is over."""
        self._media.listen_no_more(ear)

    def sit(self, line: SeatLine, codec: str, payload_type: int, mode: Mode) -> Seat:
        """Let a supervisor take part from now on, over plain RTP. Raises NotConnected, TooManySupervisors,
        CapacityExhausted; the line is closed then."""
        record = self.machine.record
        a, b = self.legs[Leg.A].media_name, self.legs[Leg.B].media_name
        try:
            if record.answered_at is None or record.ended_at is not None:
                raise UnknownLeg("the call is not bridged")
            return self._media.sit(a, b, line, codec, payload_type, mode)
        except UnknownLeg:
            line.close()
            raise NotConnected("The parties of the call are not connected now.") from None
        except CallIsFull as error:
            raise TooManySupervisors(f"There are too many: {error}.") from None
        except MediaError as error:
            line.close()
            raise CapacityExhausted("The call cannot be heard now.") from error

    def leave(self, seat: Seat) -> None:
        """A supervisor takes part no more; harmless when the call is over."""
        self._media.leave(seat)

    def recording_failed(self) -> None:
        """The call has no recording to tell of: nothing is left of it, or the disk ended it before the call."""
        if not self.settled:
            self.machine.note_recording(None)
        self.recording_stopped()

    def recording_stopped(self) -> None:
        """The recorder has closed the call's file, or failed to."""
        if self._recording:
            self._recording = False
            self.tell(RECORDING_STOPPED)
            self._media.stop_recording(self.call_id)  # where it was the disk's doing
            self.post(happened.RecordingStopped())

    def playback_finished(self, leg: Leg) -> None:
        """What was played to a leg has come to its end."""
        if self.machine.state is State.PROMPTING and self._prompting.finished(leg):
            self.post(happened.PromptsHeard())

    def digit_heard(self, leg: Leg, digit: str, duration_ms: int) -> None:
        """A key's tones were in a leg's audio."""
        events_agreed = self._media.takes_events(self.legs[leg].media_name)
        self.post(happened.DigitPressed(leg, digit, duration_ms, happened.DigitWay.TONE, events_agreed))

    def tell(self, step: Told | None) -> None:
        """Put a step into the call's trace, where one is kept, and tell who hears the call of it."""
        if step is None:
            return
        if self._tell is not None:
            self._tell(step)
        if self._audience is not None:
            self._audience.told(self, step)

    def _work_off(self, event: CallEvent) -> None:
        if type(event) is happened.LegAnswered and self._a_waits():
            event = happened.LegAnsweredAhead(event.leg, event.sip_status, event.codec)
        if self._is_told:
            self.tell(of_event(event))
        for effect in self.machine.handle(event, self._clock.wall_ms(), self._clock.monotonic()):
            if self._is_told:
                self.tell(of_effect(effect))
            try:
                _PERFORM[type(effect)](self, effect)
            except Exception:
                # The rest is done all the same (a leg hung up, a port freed, the call settled); then the call is ended.
                LOG.exception("call %s: %s could not be carried out", self.call_id, type(effect).__name__)
                self._give_up()

    def _a_waits(self) -> bool:
        """Whether A has called us and cannot be answered yet."""
        caller = self.legs[Leg.A]
        return isinstance(caller, IncomingLeg) and caller.answer_waits

    def _give_up(self) -> None:
        """End the call on every leg, once: nobody knows what works of it."""
        if not self._given_up:
            self._given_up = True
            self.post(happened.SystemFailed())

    # One method an effect.

    def _dial(self, effect: do.Dial) -> None:
        task = self.legs[effect.leg]
        assert isinstance(task, LegTask), "a leg that has called us is not dialled"
        failure = task.dial(prefer=self.legs[effect.leg.other].codec)
        if failure is not None:
            self.post(happened.LegFailed(effect.leg, failure))

    def _report_progress(self, effect: do.ReportProgress) -> None:
        self._caller().report_progress(effect.sip_status, effect.with_media)

    def _answer(self, _effect: do.Answer) -> None:
        caller = self._caller()
        caller.answer()
        self.machine.note_codec(Leg.A, caller.codec)

    def _caller(self) -> IncomingLeg:
        task = self.legs[Leg.A]
        assert isinstance(task, IncomingLeg), "a leg that we call cannot be answered"
        return task

    def _play_tone(self, effect: do.PlayTone) -> None:
        name = self.legs[effect.leg].media_name
        sound = None if effect.tone not in _REPLACED else self._sounds.get(_REPLACED[effect.tone])
        if sound is None:
            self._media.play(name, effect.tone.value)
        else:
            self._media.play_prompt(name, sound, gives_way=sound.endless)

    def _play_prompts(self, effect: do.PlayPrompts) -> None:
        self._prompting.begin(effect.a, effect.b)

    def _relay_early_media(self, _effect: do.RelayEarlyMedia) -> None:
        self._media.relay_early(self.legs[Leg.B].media_name, self.legs[Leg.A].media_name)

    def _bridge(self, _effect: do.Bridge) -> None:
        if self._prompting.hearing:
            LOG.error("call %s: its prompts never came to their end; it goes on without them", self.call_id)
        self._media.bridge(self.legs[Leg.A].media_name, self.legs[Leg.B].media_name)

    def _send_digit(self, effect: do.SendDigit) -> None:
        name = self.legs[effect.leg].media_name
        if not effect.was_heard or self._media.takes_events(name):
            self._media.send_digit(name, effect.digit, effect.duration_ms)

    def _start_recording(self, _effect: do.StartRecording) -> None:
        path = self._books.recording_path(self.machine.record)
        self._media.record(self.legs[Leg.A].media_name, self.legs[Leg.B].media_name, self.call_id, path)
        self._recording = True
        self.machine.note_recording(path)

    def _stop_recording(self, _effect: do.StopRecording) -> None:
        if self._recording:
            self._media.stop_recording(self.call_id)
        else:
            self.post(happened.RecordingStopped())

    def _hang_up(self, effect: do.HangUp) -> None:
        final = effect.final
        if final is None:
            reason = reason_header(effect.cause) if effect.q850 is None else q850_reason(effect.q850)
            reason = COMPLETED_ELSEWHERE if effect.elsewhere else reason
            self.legs[effect.leg].hang_up(reason, CLEARINGS[effect.cause].sip_status)
        else:
            self.legs[effect.leg].hang_up(final.reason, final.sip_status)

    def _close_media(self, _effect: do.CloseMedia) -> None:
        for leg, task in self.legs.items():
            statistics = task.close_media()
            if statistics is not None:
                # What was agreed last: a re-INVITE may have changed it, and of who has called us only its ACK may tell.
                codec = task.codec and (statistics.codec or task.codec)
                noted = leg_of(self.machine.record, leg).codec
                if codec and codec != noted and (noted or isinstance(task, IncomingLeg)):
                    self.machine.note_codec(leg, codec)
                if statistics.packets_received:  # Nothing is known of a way on which nothing has come.
                    self.machine.note_media(leg, statistics.packets_lost, statistics.jitter_ms, statistics.mos)
                if self._is_told:
                    self.tell(of_statistics(leg, codec, statistics))

    def _notify(self, effect: do.Notify) -> None:
        if not self._books.keeps:
            return
        record = self.machine.record
        if effect.status is not None:
            record = changed(record, status=effect.status)
        self.machine.note_sequence(self._books.write(record, effect.event).sequence)

    def _set_deadline(self, effect: do.SetDeadline) -> None:
        deadline = effect.deadline
        alarm = self._alarms.get(deadline)
        if alarm is None:
            alarm = self._alarms[deadline] = Alarm(
                self._scheduler, lambda: self.post(happened.DeadlinePassed(deadline))
            )
        alarm.set(self._scheduler.time() + effect.after_s)

    def _clear_deadline(self, effect: do.ClearDeadline) -> None:
        alarm = self._alarms.get(effect.deadline)
        if alarm is not None:
            alarm.clear()

    def _extend_reservation(self, effect: do.ExtendReservation) -> None:
        self._books.extend(
            self.machine.record,
            effect.reserved_pulses,
            effect.pulses,
            lambda had: self.post(happened.ReservationExtended(had) if had else happened.ReservationRefused()),
        )

    def _settle(self, effect: do.Settle) -> None:
        for alarm in self._alarms.values():
            alarm.clear()
        self._alarms.clear()
        try:
            self.legs[Leg.A].close_media()
        finally:  # whatever fails, what is reserved for the call must not stay so
            try:
                self.legs[Leg.B].close_media()
            finally:
                self._part(effect)

    def _part(self, effect: do.Settle) -> None:
        self.settled = True
        self._books.settle(self.machine.record, effect.event)
        for task in self.legs.values():
            task.part()
        self._on_settled(self)


_PERFORM: Final[Mapping[type, Callable[..., None]]] = {
    do.Dial: CallTask._dial,
    do.ReportProgress: CallTask._report_progress,
    do.Answer: CallTask._answer,
    do.PlayTone: CallTask._play_tone,
    do.PlayPrompts: CallTask._play_prompts,
    do.RelayEarlyMedia: CallTask._relay_early_media,
    do.Bridge: CallTask._bridge,
    do.SendDigit: CallTask._send_digit,
    do.StartRecording: CallTask._start_recording,
    do.StopRecording: CallTask._stop_recording,
    do.HangUp: CallTask._hang_up,
    do.CloseMedia: CallTask._close_media,
    do.Notify: CallTask._notify,
    do.SetDeadline: CallTask._set_deadline,
    do.ClearDeadline: CallTask._clear_deadline,
    do.ExtendReservation: CallTask._extend_reservation,
    do.Settle: CallTask._settle,
}
