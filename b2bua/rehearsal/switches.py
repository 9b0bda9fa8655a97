"""Both switches as the API sees them: the live one, and that of test calls."""

from collections.abc import Mapping, Sequence

from b2bua.call.errors import CapacityExhausted
from b2bua.call.model import LiveRecording, PlaceCall, PlacedCall, TrunkState
from b2bua.rehearsal.stage import Rehearsal
from b2bua.switch.audience import HeardCall
from b2bua.switch.supervisors import SupervisedCall
from b2bua.switch.switch import Switch


class Switches:
    """Gives each command to the switch that it is for. What is counted and shown is of the live one alone."""

    def __init__(self, live: Switch, rehearsal: Rehearsal) -> None:
        self._live = live
        self._rehearsal = rehearsal

    async def place_call(self, command: PlaceCall) -> PlacedCall:
        """Admit a call and start it. Raises a CallError when it is refused."""
        if not command.test:
            return await self._live.place_call(command)
        if not self._live.ready():
            raise CapacityExhausted("The service takes no new calls right now.")
        return await self._rehearsal.place_call(command)

    async def hang_up(self, org_id: str, call_id: str) -> None:
        """End a live call. Raises CallNotFound, CallAlreadyEnded."""
        await self._of(call_id).hang_up(org_id, call_id)

    async def pause_recording(self, org_id: str, call_id: str, *, paused: bool) -> None:
        """Pause a live call's recording or go on with it; refused as the switch refuses it."""
        await self._of(call_id).pause_recording(org_id, call_id, paused=paused)

    async def live_recording(self, org_id: str, call_id: str) -> LiveRecording:
        """Whether a live call is being recorded now. Raises CallNotFound, CallAlreadyEnded."""
        return await self._of(call_id).live_recording(org_id, call_id)

    async def supervised_call(self, org_id: str, call_id: str) -> SupervisedCall:
        """A live call as a supervisor takes part in it. Raises CallNotFound, CallAlreadyEnded."""
        return await self._of(call_id).supervised_call(org_id, call_id)

    async def heard_call(self, org_id: str, call_id: str) -> HeardCall:
        """A live call as who listens in sees it. Raises CallNotFound, CallAlreadyEnded."""
        return await self._of(call_id).heard_call(org_id, call_id)

    def ready(self) -> bool:
        """Whether calls are taken."""
        return self._live.ready()

    def live_calls(self) -> int:
        """Calls being set up or talking now, without test calls."""
        return self._live.live_calls()

    def trunk_states(self) -> Sequence[TrunkState]:
        """Every trunk with its health."""
        return self._live.trunk_states()

    def counters(self) -> Mapping[str, float]:
        """Numbers for /metrics."""
        return self._live.counters()

    def _of(self, call_id: str) -> Switch:
        return self._rehearsal.switch_of(call_id) or self._live
