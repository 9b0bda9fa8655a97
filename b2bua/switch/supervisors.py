"""Supervisors of live calls: browsers that hear both parties, and may whisper to one or speak to both.

The browser is the gateway's affair, what is heard and mixed is media's; here they are brought together, and parted when
the browser vanishes or the call ends. Nothing of it can end the call.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final, Protocol

from b2bua.alarm import Alarm, Scheduler
from b2bua.call.agent_calls import IceServerTold
from b2bua.call.errors import CallError, CapacityExhausted, NoSuchSupervisor, TooManySupervisors, UnusableOffer
from b2bua.call.patience import Patience
from b2bua.clock import Clock
from b2bua.switch.audience import HeardCall
from b2bua.switch.trace_steps import CLOSED, Told
from b2bua.tokens import Tokens
from media.errors import BrowserRefused, PortsExhausted, UnknownBrowser, UnusableBrowserOffer, UnusableFragment
from media.forking.seats import Mode, PlainLine, Seat, SeatLine
from media.webrtc import interface as browser
from storage.errors import StorageError

__all__ = ["Joined", "Mode", "Supervisor", "SupervisorDesk", "SupervisorState"]

LOG: Final = logging.getLogger(__name__)

SUPERVISORS_MAX: Final = 50  # in all, those who are joining among them
CODECS: Final = ("PCMA", "PCMU", "opus")
SESSIONS: Final = "supervisor/"  # how their sessions in the gateway are called
CREDENTIALS_OF: Final = "supervisor"  # whose a TURN server takes them for
CLOSE_S: Final = 3.0
LOOK_EVERY_S: Final = 15.0  # how long somebody hears on at most who may not any more


async def _for_ever() -> bool:
    return True


class SupervisorState(StrEnum):
    """How a supervisor's browser does."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"  # its network is gone: an ICE restart brings it back


class SupervisedCall(HeardCall, Protocol):
    """A live call that may be supervised; `b2bua.switch.call_task.CallTask` satisfies it."""

    def sit(self, line: SeatLine, codec: str, payload_type: int, mode: Mode) -> Seat:
        """Let a supervisor take part. Raises NotConnected, TooManySupervisors, CapacityExhausted; the line is closed
        then."""
        ...

    def leave(self, seat: Seat) -> None:
        """It takes part no more; harmless when the call is over."""
        ...

    def tell(self, step: Told | None) -> None:
        """Put a step into the call's trace."""
        ...


@dataclass(slots=True, eq=False)
class Supervisor:
    """One at one call. `joined_at`: Unix milliseconds. `may_stay`: whether whoever asked for it may still supervise."""

    supervisor_id: str
    call: SupervisedCall
    seat: Seat
    joined_at: int
    state: SupervisorState = SupervisorState.CONNECTING
    patience: Patience | None = None
    may_stay: Callable[[], Awaitable[bool]] = _for_ever
    look: Alarm | None = None

    @property
    def mode(self) -> Mode:
        """Whom it speaks to."""
        return self.seat.mode


@dataclass(frozen=True, slots=True)
class Joined:
    """A supervisor with the SDP answer for its browser."""

    supervisor: Supervisor
    sdp: str


class SupervisorDesk:
    """All supervisors. An `Audience` of the switch; runs on the event loop."""

    def __init__(
        self,
        gateway: browser.BrowserGateway,
        clock: Clock,
        tokens: Tokens,
        scheduler: Scheduler,
        ice_servers: Callable[[str], tuple[browser.IceServer, ...]] = lambda _session: (),
        open_line: Callable[[browser.Address], SeatLine] = PlainLine,
        connect_timeout_s: float = 15.0,
    ) -> None:
        """`ice_servers`: for a session of this name. `open_line`: the plain side of a browser at that address of the
        gateway, which gives browsers `connect_timeout_s` to be connected. Raises PortsExhausted."""
        self._gateway = gateway
        self._clock = clock
        self._tokens = tokens
        self._scheduler = scheduler
        self._ice_servers = ice_servers
        self._open_line = open_line
        self._connect_timeout_s = connect_timeout_s
        self._supervisors: dict[str, Supervisor] = {}
        self._joining = 0
        self._joined = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(
        self, call: SupervisedCall, offer: str, mode: Mode, may_stay: Callable[[], Awaitable[bool]] = _for_ever
    ) -> Joined:
        """Let a browser take part in a call, by its SDP offer, for as long as `may_stay` says so. Raises NotConnected,
        TooManySupervisors, UnusableOffer, CapacityExhausted."""
        if len(self._supervisors) + self._joining >= SUPERVISORS_MAX:
            raise TooManySupervisors("There are as many supervisors as there can be. Please try again.")
        supervisor_id = self._tokens.uuid()
        session = SESSIONS + supervisor_id
        self._joining += 1
        try:
            answer = await self._answered(session, offer)
            try:
                seat = call.sit(self._line(answer), answer.codec, answer.payload_types.codec, mode)
            except CallError:
                self._later(self._gateway.close(session))
                raise
        finally:
            self._joining -= 1
        supervisor = Supervisor(supervisor_id, call, seat, self._clock.wall_ms(), may_stay=may_stay)
        self._supervisors[supervisor_id] = supervisor
        try:
            await self._aimed(session, seat, answer)
            self._find(call.call_id, supervisor_id)  # the call may have ended meanwhile
        except CallError:
            if supervisor_id in self._supervisors:
                self._part(supervisor, None)
            raise
        self._joined += 1
        self._watch(supervisor)
        call.tell(_step("joined", supervisor))
        return Joined(supervisor, answer.sdp)

    def of(self, call_id: str) -> Sequence[Supervisor]:
        """A call's supervisors, the first to come first."""
        return tuple(one for one in self._supervisors.values() if one.call.call_id == call_id)

    def ice_servers(self) -> Sequence[IceServerTold]:
        """Where supervisors' browsers find candidates, with credentials that end after a while."""
        return [IceServerTold(each.url, each.username, each.credential) for each in self._ice_servers(CREDENTIALS_OF)]

    def change(self, call_id: str, supervisor_id: str, mode: Mode) -> Supervisor:
        """Let a supervisor speak to somebody else from now on. Raises NoSuchSupervisor."""
        supervisor = self._find(call_id, supervisor_id)
        if supervisor.seat.mode is not mode:
            supervisor.seat.mode = mode
            supervisor.call.tell(_step("mode", supervisor))
        return supervisor

    async def trickle(self, call_id: str, supervisor_id: str, fragment: str) -> None:
        """Take further candidates of the browser's (RFC 8840). Raises NoSuchSupervisor, UnusableOffer."""
        self._find(call_id, supervisor_id)
        try:
            await self._gateway.trickle(SESSIONS + supervisor_id, fragment)
        except UnknownBrowser:
            raise NoSuchSupervisor("No such supervisor of this call.") from None
        except UnusableFragment as error:
            raise UnusableOffer(f"The candidates cannot be used: {error}.", "candidates") from error
        except BrowserRefused as error:
            raise CapacityExhausted("The browser cannot be taken now.") from error

    async def restart(self, call_id: str, supervisor_id: str, offer: str) -> str:
        """Restart ICE by an offer of the same browser with new credentials; returns the SDP answer. What is heard and
        said goes over the new path once it stands. Raises NoSuchSupervisor, UnusableOffer, CapacityExhausted."""
        patience = self._find(call_id, supervisor_id).patience
        try:
            with nullcontext() if patience is None else patience.expecting():
                answer = await self._gateway.restart(SESSIONS + supervisor_id, offer)
        except UnknownBrowser:
            raise NoSuchSupervisor("No such supervisor of this call.") from None
        except (UnusableBrowserOffer, UnusableFragment) as error:
            raise UnusableOffer(f"The offer cannot be used: {error}.", "sdp") from error
        except BrowserRefused as error:
            raise CapacityExhausted("The browser cannot be taken now.") from error
        self._find(call_id, supervisor_id)
        return answer

    def leave(self, call_id: str, supervisor_id: str) -> Supervisor:
        """End a supervisor's part. Raises NoSuchSupervisor."""
        supervisor = self._find(call_id, supervisor_id)
        self._part(supervisor, "left")
        return supervisor

    def on_browser_event(self, event: browser.BrowserEvent) -> None:
        """Take in what the gateway tells of a session of ours; others are passed over."""
        supervisor = self._supervisors.get(event.session.removeprefix(SESSIONS))
        if supervisor is None or not event.session.startswith(SESSIONS):
            return
        match event:
            case browser.BrowserConnected() | browser.BrowserReconnected():
                supervisor.state = SupervisorState.CONNECTED
                if supervisor.patience is not None:
                    supervisor.patience.end()
            case browser.BrowserDisconnected():
                self._wait_for(supervisor)
            case browser.BrowserFailed() | browser.BrowserClosed():
                self._part(supervisor, "vanished")

    def _wait_for(self, supervisor: Supervisor) -> None:
        if supervisor.patience is None:
            given_up = partial(self._part, supervisor, "vanished")
            supervisor.patience = Patience(self._scheduler, self._connect_timeout_s, given_up)
        supervisor.state = SupervisorState.RECONNECTING
        supervisor.patience.begin()

    def _watch(self, supervisor: Supervisor) -> None:
        if supervisor.look is None:
            supervisor.look = Alarm(self._scheduler, lambda: self._keep(self._look(supervisor)))
        supervisor.look.set(self._scheduler.time() + LOOK_EVERY_S)

    async def _look(self, supervisor: Supervisor) -> None:
        """Part with whoever may supervise no more. Where that cannot be said now, it is asked again."""
        try:
            stays = await supervisor.may_stay()
        except StorageError:
            stays = True
        if supervisor.supervisor_id not in self._supervisors:
            return
        if stays:
            self._watch(supervisor)
        else:
            self._part(supervisor, "dismissed")

    def told(self, call: HeardCall, step: Told) -> None:
        """The end of a call's media ends its supervisors' parts."""
        if step.name == CLOSED and self._supervisors:
            for supervisor in self.of(call.call_id):
                self._part(supervisor, None)

    def counters(self) -> Mapping[str, float]:
        """Numbers for /metrics."""
        return {"supervisors_live": len(self._supervisors), "supervisors_joined_total": self._joined}

    async def close(self) -> None:
        """End every part, and wait for the gateway to have let go."""
        for supervisor in tuple(self._supervisors.values()):
            self._part(supervisor, "left")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_S)

    async def _answered(self, session: str, offer: str) -> browser.BrowserAnswer:
        try:
            return await self._gateway.answer(session, offer, browser.BrowserWish(CODECS, self._ice_servers(session)))
        except UnusableBrowserOffer as error:
            raise UnusableOffer(f"The offer cannot be used: {error}.", "sdp") from error
        except BrowserRefused as error:
            raise CapacityExhausted("The browser cannot be taken now.") from error

    async def _aimed(self, session: str, seat: Seat, answer: browser.BrowserAnswer) -> None:
        plain = browser.PayloadTypes(answer.payload_types.codec, None)
        try:
            await self._gateway.aim(session, seat.address, plain)
        except BrowserRefused as error:
            raise CapacityExhausted("The browser cannot be taken now.") from error

    def _line(self, answer: browser.BrowserAnswer) -> SeatLine:
        try:
            return self._open_line(answer.plain)
        except PortsExhausted as error:
            raise CapacityExhausted("No port is free for a supervisor.") from error

    def _find(self, call_id: str, supervisor_id: str) -> Supervisor:
        supervisor = self._supervisors.get(supervisor_id)
        if supervisor is None or supervisor.call.call_id != call_id:
            raise NoSuchSupervisor("No such supervisor of this call.")
        return supervisor

    def _part(self, supervisor: Supervisor, how: str | None) -> None:
        """`how`: as the trace tells it; None: the call itself is over."""
        del self._supervisors[supervisor.supervisor_id]
        if supervisor.patience is not None:
            supervisor.patience.end()
        if supervisor.look is not None:
            supervisor.look.clear()
        supervisor.patience = supervisor.look = None
        supervisor.call.leave(supervisor.seat)
        if how is not None:
            supervisor.call.tell(_step(how, supervisor))
        self._later(self._gateway.close(SESSIONS + supervisor.supervisor_id))

    def _later(self, work: Coroutine[object, object, None]) -> None:
        async def refused() -> None:
            try:
                await work
            except BrowserRefused as error:
                LOG.warning("a supervisor's browser cannot be let go: %s", error)

        self._keep(refused())

    def _keep(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="about a supervisor")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _step(what: str, supervisor: Supervisor) -> Told:
    details = {"supervisor": supervisor.supervisor_id, "mode": supervisor.mode.value}
    return Told("media", None, f"supervisor.{what}", details)
