"""Calls that arrive: what each one is, whether it is taken, and its start as a call like any other."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from b2bua.call.arrival import Caller, Routed, Target, ToMaskedNumber, destination_of, masked_caller, target_of
from b2bua.call.errors import CallError, CapacityExhausted
from b2bua.call.identity import LegHeaders, Shown, compose_routed
from b2bua.call.masking import normalise_mobile
from b2bua.call.model import Leg
from b2bua.clock import Clock
from b2bua.config import Config, Route
from b2bua.sip import events as sip
from b2bua.sip.routing import DEFAULT_PORT, TransportAddress, is_ip_literal
from b2bua.sip.sent_request import MAX_FORWARDS
from b2bua.sip.settings import HeaderLines
from b2bua.sip.uri import escape_user
from b2bua.switch.admission import ArrivalPlan, admit_arrival
from b2bua.switch.call_leg import CallLeg, SipUser
from b2bua.switch.call_rate import Pacing
from b2bua.switch.call_task import CallBooks
from b2bua.switch.calling_party import caller_of, dialled_user
from b2bua.switch.hunting import Hunt
from b2bua.switch.incoming_leg import IncomingLeg
from b2bua.switch.leg_task import LegTask, Relayed
from b2bua.switch.no_books import NoBooks
from b2bua.switch.settlement import Settlement
from b2bua.switch.trunks import Trunk, Trunks
from b2bua.tokens import Tokens
from b2bua.transport.endpoint import SipEndpoint
from media.engine import MediaEngine
from storage.errors import StorageError
from storage.records import CallRecord, CallStatus, LegRecord, Tariff
from storage.store import Store

LOG: Final = logging.getLogger(__name__)

NO_ROUTE: Final = (("Reason", 'Q.850;cause=1;text="Unallocated number"'),)
NOT_TAKEN: Final = (("Reason", 'Q.850;cause=21;text="Call rejected"'),)
UNKNOWN_CALLER: Final = "anonymous"  # what a call without a caller ID is written down under


class Floor(Protocol):
    """Where calls run."""

    def check_capacity(self, *, billed: bool) -> None:
        """Raise `CapacityExhausted` where one more call is not taken; one that is not `billed` needs no store."""
        ...

    def begin(self, record: CallRecord, legs: Mapping[Leg, CallLeg], books: CallBooks) -> None:
        """Run an admitted call."""
        ...

    def admission_over(self) -> None:
        """An admission has ended, with a call or without one."""
        ...


@dataclass(frozen=True, slots=True)
class Means:
    """What arrivals are dealt with by."""

    config: Config
    endpoint: SipEndpoint
    store: Store
    settlement: Settlement
    media: MediaEngine
    trunks: Trunks
    pacing: Pacing
    clock: Clock
    tokens: Tokens
    usages: dict[int, SipUser]


@dataclass(frozen=True, slots=True)
class Arrival:
    """An INVITE that came by a trunk."""

    event: sip.IncomingInvite
    trunk: Trunk
    dialled: str
    caller: Caller
    max_forwards: int


class Arrivals:
    """Takes every INVITE outside a dialog. `admitting` counts those whose admission waits for the store."""

    def __init__(self, means: Means, floor: Floor) -> None:
        self._means = means
        self._floor = floor
        self._admissions: set[asyncio.Task[None]] = set()
        self._no_books = NoBooks(means.settlement.recording_path)
        self.refused = 0

    @property
    def admitting(self) -> int:
        """Calls that are neither begun nor refused yet."""
        return len(self._admissions)

    def take(self, event: sip.IncomingInvite) -> None:
        """Decide what a call is, and begin it or refuse it."""
        means = self._means
        trunk = means.trunks.owner(event.source)
        if trunk is None:
            self._refuse(event, 403)
            return
        dialled = dialled_user(event.request, trunk)
        destination = destination_of(dialled, trunk.config, means.config.routes)
        hops = event.request.max_forwards
        arrival = Arrival(event, trunk, dialled, caller_of(event.request), MAX_FORWARDS if hops is None else hops)
        if isinstance(destination, Routed):
            self._attempt(arrival, lambda: self._route(arrival, destination.route))
        elif isinstance(destination, ToMaskedNumber):
            self._refuse(event, 480)
        else:
            self._refuse(event, 404, NO_ROUTE)

    def _attempt(self, arrival: Arrival, work: Callable[[], None]) -> None:
        """Do the work of taking a call that may be refused for want of room."""
        if arrival.max_forwards == 0:
            self._refuse(arrival.event, 483)
            return
        try:
            work()
        except CapacityExhausted as refusal:
            self._refuse(arrival.event, 503, (("Retry-After", str(refusal.retry_after_s)),))

    def _refuse(self, event: sip.IncomingInvite, status: int, headers: HeaderLines = ()) -> None:
        self.refused += 1
        self._means.endpoint.respond(event.transaction, status, headers=headers)

    # Routes

    def _route(self, arrival: Arrival, route: Route) -> None:
        means = self._means
        self._floor.check_capacity(billed=bool(route.org))
        via = means.trunks.named(route.via)
        now = means.clock.monotonic()
        target = target_of(route, escape_user(arrival.dialled))
        only = _destination(target, via)
        if not (via.usable(now) if only is None else via.up) or not via.has_room(now, 1):
            raise CapacityExhausted("The trunk of a route is down or full.")
        shown = _shown(route, arrival, via)
        call_id = means.tokens.uuid()
        caller = self._accept(arrival, call_id)
        if caller is None:
            return
        via.promise(legs=1, calls=0)
        hunt = Hunt(means.trunks, via, None, means.clock.monotonic, booked=False, only=only)
        relayed = Relayed(arrival.max_forwards - 1, tells_text=route.caller == "pass")
        headers = compose_routed(target, shown, via.config)
        called = self._called_leg(call_id, hunt, lambda _trunk: headers, relayed)
        at = means.clock.wall_ms()
        if not route.org:
            record = self._unbilled(call_id, route, arrival, at)
            self._floor.begin(record, {Leg.A: caller, Leg.B: called}, self._no_books)
            return
        plan = ArrivalPlan(
            call_id=call_id,
            event_id=means.tokens.uuid(),
            org_id=route.org,
            party_a=_party_of(arrival.caller),
            party_b=target.uri,
            masked_number=shown.user or UNKNOWN_CALLER,
            trunk_a=arrival.trunk.name,
            pair_trunk=None,
            ring_timeout_s=means.config.calls.ring_timeout_s,
            record=route.record,
            at=at,
        )
        self._later(self._admit(plan, caller, called), call_id)

    def _unbilled(self, call_id: str, route: Route, arrival: Arrival, at: int) -> CallRecord:
        """A call that is nobody's is written down nowhere; its record only lives as long as it does."""
        return CallRecord(
            call_id=call_id,
            org_id="",
            party_a="",
            party_b="",
            masked_number="",
            direction="inbound",
            status=CallStatus.INITIATED,
            created_at=at,
            tariff=Tariff(rate_paise_per_minute=0),
            record=route.record,
            ring_timeout_s=self._means.config.calls.ring_timeout_s,
            legs=(LegRecord("a", trunk=arrival.trunk.name), LegRecord("b")),
        )

    # Legs and admission

    def _accept(self, arrival: Arrival, call_id: str) -> IncomingLeg | None:
        """The caller's leg with its place on the trunk and its media; None where it has been refused."""
        means = self._means
        if not arrival.trunk.arrive():
            raise CapacityExhausted("The trunk is full.")
        leg = IncomingLeg(
            call_id,
            arrival.trunk,
            arrival.event,
            endpoint=means.endpoint,
            media=means.media,
            usages=means.usages,
        )
        status = leg.open()
        if status is None:
            return leg
        self.refused += 1
        leg.refuse(status, (("Retry-After", str(CapacityExhausted("").retry_after_s)),) if status == 503 else ())
        return None

    def _called_leg(
        self, call_id: str, hunt: Hunt, headers_for: Callable[[Trunk], LegHeaders], relayed: Relayed
    ) -> LegTask:
        means = self._means
        return LegTask(
            Leg.B,
            call_id,
            hunt,
            headers_for,
            endpoint=means.endpoint,
            media=means.media,
            trunks=means.trunks,
            pacing=means.pacing,
            usages=means.usages,
            relayed=relayed,
        )

    def _later(self, admission: Coroutine[object, object, None], call_id: str) -> None:
        task = asyncio.get_running_loop().create_task(admission, name=f"admission of {call_id}")
        self._admissions.add(task)
        task.add_done_callback(self._admitted)

    def _admitted(self, task: asyncio.Task[None]) -> None:
        self._admissions.discard(task)
        if not task.cancelled() and task.exception() is not None:
            LOG.error("a call that arrived could not be admitted", exc_info=task.exception())
        self._floor.admission_over()

    async def _admit(self, plan: ArrivalPlan, caller: IncomingLeg, called: LegTask) -> None:
        """Admit a call and begin it, or refuse its caller; whatever happens, no leg keeps what it holds."""
        status, headers = 500, HeaderLines()
        try:
            record = await self._means.store.run(lambda unit: admit_arrival(unit, plan))
            status = 0
            self._floor.begin(record, {Leg.A: caller, Leg.B: called}, self._means.settlement)
        except CallError as error:
            LOG.info("call %s is refused: %s", plan.call_id, error)
            status, headers = 480, NOT_TAKEN
        except StorageError as error:
            LOG.error("call %s is refused: the store cannot admit it: %s", plan.call_id, error)
            status, headers = 503, (("Retry-After", str(CapacityExhausted("").retry_after_s)),)
        finally:
            if status:
                self.refused += 1
                caller.refuse(status, headers)
                called.close_media()

    def close(self) -> None:
        """Wait for no admission any more."""
        for task in self._admissions:
            task.cancel()


def _shown(route: Route, arrival: Arrival, via: Trunk) -> Shown:
    """The caller that a route lets the other side see."""
    caller = arrival.caller
    if route.caller != "pass":
        return Shown(masked_caller(via.config, arrival.trunk.config))
    if caller.user is None or caller.withheld:
        return Shown(None)
    return Shown(escape_user(caller.user), caller.display, as_given=True)


def _party_of(caller: Caller) -> str:
    """The caller as a call is written down under."""
    if caller.user is None:
        return UNKNOWN_CALLER
    return normalise_mobile(caller.user) or caller.user


def _destination(target: Target, via: Trunk) -> TransportAddress | None:
    """Where a routed call is sent: to its target's own address; None, for where `via` is, if that is the target, is
    reached by a proxy, or the target is a name."""
    config = via.config
    if config.outbound_proxy is not None or not is_ip_literal(target.host):
        return None
    port = target.port or DEFAULT_PORT[config.uri.transport]
    if (target.host, port) == (config.uri.host, config.uri.port):
        return None
    return TransportAddress(config.uri.transport, target.host, port)
