"""Decides a call: what happened goes in, what is to be done comes out; `b2bua.call.table` is all there is to decide."""

from typing import Final

from b2bua.call.effects import ClearDeadline, Effect, SetDeadline
from b2bua.call.events import CallEvent, Deadline, DeadlinePassed
from b2bua.call.inputs import State, input_of
from b2bua.call.model import Leg
from b2bua.call.progress import Progress
from b2bua.call.prompting import NOTHING_DUE, DuePrompts
from b2bua.call.table import LIVE_DEADLINES, STATUS_WORDS, TABLE
from storage.records import CallRecord

_CLEAR: Final = {deadline: ClearDeadline(deadline) for deadline in Deadline}
_RANK: Final = {deadline: rank for rank, deadline in enumerate(Deadline)}


class CallMachine:
    """Decides one call. Pure: it is told what happened and when, and says what is to be done, in order.

    `record` is always the call as it now stands; from the first effect of the end on it is the CDR, to which only
    the media statistics and the recording's path are still added. `impossible_inputs` counts what came though it
    cannot; such an input changes nothing.
    """

    __slots__ = ("_call", "_deadlines", "impossible_inputs", "state")

    def __init__(self, record: CallRecord, prompts: DuePrompts = NOTHING_DUE) -> None:
        """`prompts`: what is to be heard before the bridge."""
        self.state = State.ADMITTED
        self.impossible_inputs = 0
        self._call = Progress(record, prompts)
        self._deadlines: set[Deadline] = set()

    @property
    def record(self) -> CallRecord:
        """The call as it now stands."""
        return self._call.record

    def handle(self, event: CallEvent, wall_ms: int, now: float) -> tuple[Effect, ...]:
        """What to do about an event. `wall_ms` is UTC in Unix milliseconds, `now` monotonic seconds. Never raises."""
        key = input_of(event, prompts_due=bool(self._call.prompts))
        row = TABLE.get((self.state, key))
        if row is None:
            self.impossible_inputs += 1
            return ()
        action, following = row
        if isinstance(event, DeadlinePassed):
            self._deadlines.discard(event.deadline)
        call = self._call
        call.at(wall_ms, now)
        effects = action(call, event)
        self._note_deadlines(effects)
        if following is self.state:
            return effects
        return effects + self._enter(following)

    def note_recording(self, path: str | None) -> None:
        """The recording runs, at `path` relative to the recordings folder; None: it has failed and is gone."""
        self._call.change(recording_path=path)

    def note_media(self, leg: Leg, packets_lost: int | None, jitter_ms: float | None, mos: float | None) -> None:
        """A closed media leg's statistics."""
        self._call.change_leg(leg, packets_lost=packets_lost, jitter_ms=jitter_ms, mos=mos)

    def note_codec(self, leg: Leg, codec: str | None) -> None:
        """The codec that a leg which called us has been answered with; None while only its ACK will tell."""
        self._call.change_leg(leg, codec=codec)

    def note_sequence(self, sequence: int) -> None:
        """The number of the webhook event just written."""
        self._call.change(sequence=sequence)

    def note_trunk(self, leg: Leg, trunk: str) -> None:
        """The trunk a leg is dialled by."""
        self._call.change_leg(leg, trunk=trunk)

    def _enter(self, state: State) -> tuple[Effect, ...]:
        self.state = state
        word = STATUS_WORDS.get(state)
        if word is not None and word is not self._call.status:
            self._call.change(status=word)
        fallen = self._deadlines - LIVE_DEADLINES[state]
        if not fallen:
            return ()
        self._deadlines -= fallen
        return tuple(map(_CLEAR.__getitem__, sorted(fallen, key=_RANK.__getitem__)))

    def _note_deadlines(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, SetDeadline):
                self._deadlines.add(effect.deadline)
            elif isinstance(effect, ClearDeadline):
                self._deadlines.discard(effect.deadline)
