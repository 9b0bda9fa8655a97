"""Calls that arrive: what each one is, whether it is taken, and its start as a call like any other."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from b2bua.alarm import Scheduler
from b2bua.call.arrival import (
    Caller,
    Routed,
    Target,
    ToMaskedNumber,
    calling_mobile,
    destination_of,
    masked_caller,
    parties_of,
    target_of,
)
from b2bua.call.errors import CallError, CapacityExhausted, InvalidParties, OrganisationFull
from b2bua.call.hangup import q850_reason
from b2bua.call.identity import LegHeaders, Shown, compose, compose_agent, compose_routed
from b2bua.call.masking import Party, parse_party
from b2bua.call.model import Leg
from b2bua.clock import Clock
from b2bua.config import Config, Route
from b2bua.redaction import redact_text
from b2bua.sip import events as sip
from b2bua.sip.routing import TransportAddress
from b2bua.sip.sent_request import MAX_FORWARDS
from b2bua.sip.settings import HeaderLines
from b2bua.sip.uri import escape_user
from b2bua.switch.admission import ArrivalPlan, admit_arrival
from b2bua.switch.announcements import Announcements
from b2bua.switch.call_leg import CallLeg, SipUser
from b2bua.switch.call_rate import Pacing
from b2bua.switch.call_sounds import CallPrompts, CallSounds
from b2bua.switch.call_task import CallBooks
from b2bua.switch.calling_party import caller_of, dialled_user
from b2bua.switch.hunting import Hunt
from b2bua.switch.incoming_leg import IncomingLeg
from b2bua.switch.leg_task import LegTask, Relayed
from b2bua.switch.no_books import NoBooks
from b2bua.switch.parties import free_legs
from b2bua.switch.route_host import RouteHost
from b2bua.switch.seldom import Seldom
from b2bua.switch.settlement import Settlement
from b2bua.switch.timely import run_in_time
from b2bua.switch.trunk import Trunk
from b2bua.switch.trunks import Trunks
from b2bua.tokens import Tokens
from b2bua.transport.endpoint import SipEndpoint
from media.engine import MediaEngine
from storage.errors import StorageError
from storage.records import TEST_NUMBER, CallRecord, CallStatus, MaskingSession, Tariff, changed
from storage.store import Store
from storage.units import Reader

LOG: Final = logging.getLogger(__name__)

RETRY_AFTER_S: Final = 5
Refusal = tuple[int, HeaderLines]  # a final status of 400-699 and its further header fields
NO_ROUTE: Final[Refusal] = (404, (("Reason", q850_reason(1)),))
# Whoever calls cannot help it, and another trunk would not either: no 503.
NOT_TAKEN: Final[Refusal] = (480, (("Reason", q850_reason(21)),))
# Nor does it concern the calls of others, which a 503 would have the trunk hold back too (RFC 3261 21.5.4).
ALL_BUSY: Final[Refusal] = (486, (("Reason", q850_reason(17)),))
LATER: Final[Refusal] = (503, (("Retry-After", str(RETRY_AFTER_S)),))
FAILED: Final[Refusal] = (500, ())
TAKEN: Final[Refusal] = (0, ())  # no refusal
DIALLED_SHOWN: Final = 64  # characters of what a trunk has dialled, in the log
UNMATCHED: Final = "no route matches that, and it is none of the trunk's numbers"
UNKNOWN_CALLER: Final = "anonymous"  # what a call without a caller ID is written down under
_NOBODYS: Final = CallRecord(
    call_id="",
    org_id="",
    party_a="",
    party_b="",
    masked_number="",
    direction="inbound",
    status=CallStatus.INITIATED,
    created_at=0,
    tariff=Tariff(rate_paise_per_minute=0),
)


class CallRunner(Protocol):
    """Runs the calls that are admitted; `Switch` is one."""

    def check_capacity(self, *, billed: bool) -> None:
        """Raise `CapacityExhausted` where one more call is not taken; one that is not `billed` needs no store."""
        ...

    def begin(self, record: CallRecord, legs: Mapping[Leg, CallLeg], books: CallBooks, sounds: CallSounds) -> None:
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
    scheduler: Scheduler
    prompts: CallPrompts
    usages: dict[int, SipUser]


class Arrival(NamedTuple):
    """An INVITE that came by a trunk."""

    event: sip.IncomingInvite
    trunk: Trunk
    dialled: str
    caller: Caller
    max_forwards: int


@dataclass(frozen=True, slots=True)
class Planned:
    """A call to be admitted, and the leg of the party to be called. `whispers`: both are masked parties."""

    plan: ArrivalPlan
    called: LegTask
    whispers: bool


class Arrivals:
    """Takes every INVITE outside a dialog. `admitting` counts those whose admission waits for the store, `unplanned`
    those of them that have not promised their other leg yet: the store has to say first who that is."""

    def __init__(self, means: Means, runner: CallRunner) -> None:
        self._means = means
        self._runner = runner
        self._admissions: set[asyncio.Task[None]] = set()
        self._unplanned: set[IncomingLeg] = set()
        self._refusals = Seldom()
        self._announcements = Announcements(means.media, means.scheduler)
        self._no_books = NoBooks(means.settlement.recording_path)
        self.refused = 0

    @property
    def admitting(self) -> int:
        """Calls that are neither begun nor refused yet."""
        return len(self._admissions)

    @property
    def unplanned(self) -> int:
        """Calls whose other leg may still be promised."""
        return len(self._unplanned)

    def take(self, event: sip.IncomingInvite) -> None:
        """Decide what a call is, and begin it or refuse it."""
        means = self._means
        trunk = means.trunks.held_to(event.policy)
        if trunk is None:
            self._tell_of_refusal("", f"a call from {event.source}", 403, "only a route leads there, it is no trunk's")
            self._refuse(event, (403, ()))
            return
        dialled = dialled_user(event.request, trunk, means.config.routes)
        destination = destination_of(dialled, trunk.config, means.config.routes)
        hops = event.request.max_forwards
        arrival = Arrival(event, trunk, dialled, caller_of(event.request), MAX_FORWARDS if hops is None else hops)
        if isinstance(destination, Routed):
            self._attempt(arrival, lambda: self._route(arrival, destination.route))
        elif isinstance(destination, ToMaskedNumber):
            self._attempt(arrival, lambda: self._call_back(arrival, destination.number))
        else:
            self._refuse_arrival(arrival, NO_ROUTE, UNMATCHED)

    def playback_finished(self, media_name: str) -> None:
        """What was played to a leg is over; nothing where it is none of ours."""
        self._announcements.finished(media_name)

    def turn_away(self) -> None:
        """No calls are taken any more: whoever hears an announcement has heard enough."""
        self._announcements.end_all()

    def _attempt(self, arrival: Arrival, work: Callable[[], None]) -> None:
        """Do the work of taking a call that may be refused for want of room."""
        if arrival.max_forwards == 0:
            self._refuse_arrival(arrival, (483, ()), "its Max-Forwards is 0")
            return
        try:
            work()
        except CapacityExhausted as refusal:
            headers = (("Retry-After", str(refusal.retry_after_s)),)
            self._refuse_arrival(arrival, (503, headers), str(refusal))

    def _refuse_arrival(self, arrival: Arrival, refusal: Refusal, why: str) -> None:
        name = arrival.trunk.name
        dialled = redact_text(arrival.dialled[:DIALLED_SHOWN])
        self._tell_of_refusal(name, f"trunk {name}: a call to {dialled!r}", refusal[0], why)
        self._refuse(arrival.event, refusal)

    def _tell_of_refusal(self, trunk: str, what: str, status: int, why: str, level: int = logging.INFO) -> None:
        untold = self._refusals.untold((trunk, status, level), self._means.clock.monotonic())
        if untold is not None:
            more = f" ({untold} more were, since the last one told)" if untold else ""
            LOG.log(level, "%s is refused with %d: %s%s", what, status, why, more)

    def _refuse(self, event: sip.IncomingInvite, refusal: Refusal) -> None:
        self.refused += 1
        status, headers = refusal
        self._means.endpoint.respond(event.transaction, status, headers=headers)

    # Routes

    def _route(self, arrival: Arrival, route: Route) -> None:
        means = self._means
        self._runner.check_capacity(billed=bool(route.org))
        via = means.trunks.named(route.via)
        now = means.clock.monotonic()
        target = target_of(route, escape_user(arrival.dialled))
        if not target.user:  # nothing was dialled, and the route says nothing of its own
            self._refuse_arrival(arrival, NO_ROUTE, UNMATCHED)
            return
        only = _destination(target, via, means.trunks)
        legs = 2 if via is arrival.trunk else 1  # the caller's has no place yet
        if not _may_call(only, via, now) or not via.has_room(now, legs):
            raise CapacityExhausted("The trunk of a route, or what it names, is down or full.")
        shown = _shown(route, arrival, via)
        headers = compose_routed(target, shown, via.config)
        call_id = means.tokens.uuid()
        caller = self._accept(arrival, call_id)
        if caller is None:
            return
        via.promise(legs=1)
        hunt = Hunt(means.trunks, via, None, means.clock.monotonic, booked=True, only=only)
        relayed = Relayed(arrival.max_forwards - 1, tells_text=route.caller == "pass")
        called = self._called_leg(call_id, hunt, lambda _trunk: headers, relayed)
        at = means.clock.wall_ms()
        if not route.org:
            record = self._unbilled(call_id, route, arrival, at)
            self._runner.begin(record, {Leg.A: caller, Leg.B: called}, self._no_books, means.prompts.nobodys)
            return
        plan = ArrivalPlan(
            call_id=call_id,
            event_id=means.tokens.uuid(),
            org_id=route.org,
            party_a=_party_of(arrival.caller),
            party_b=target.uri,
            masked_number=_number_of(shown),
            trunk_a=arrival.trunk.name,
            pair_trunk=None,
            ring_timeout_s=means.config.calls.ring_timeout_s,
            record=route.record,
            at=at,
        )
        self._admit(caller, _at_once(Planned(plan, called, whispers=False)))

    def _unbilled(self, call_id: str, route: Route, arrival: Arrival, at: int) -> CallRecord:
        """A call that is nobody's is written down nowhere; its record only lives as long as it does."""
        caller, called = _NOBODYS.legs
        return changed(
            _NOBODYS,
            call_id=call_id,
            created_at=at,
            record=route.record,
            ring_timeout_s=self._means.config.calls.ring_timeout_s,
            legs=(changed(caller, trunk=arrival.trunk.name), called),
        )

    # Callbacks

    def _call_back(self, arrival: Arrival, number: str) -> None:
        means = self._means
        self._runner.check_capacity(billed=True)
        call_id = means.tokens.uuid()
        caller = self._accept(arrival, call_id)
        if caller is None:
            return
        parties = parties_of(arrival.caller, arrival.trunk.config.uri, sip_allowed=means.config.calls.sip_parties)
        if parties:
            self._unplanned.add(caller)
            self._admit(caller, self._plan_callback(arrival, call_id, number, parties))
        else:
            self._announcements.begin(caller)

    async def _plan_callback(
        self, arrival: Arrival, call_id: str, number: str, parties: Sequence[str]
    ) -> Planned | None:
        """A call from one party of a recent call to the other; None where there was none."""
        means = self._means
        at = means.clock.wall_ms()
        since = at - round(means.config.calls.callback_window_s * 1000)

        def pairing(reader: Reader) -> tuple[str, MaskingSession] | None:
            known = [(party, reader.pairing_for(number, party, since)) for party in parties]
            found = [(party, session) for party, session in known if session is not None]
            return max(found, key=lambda pair: pair[1].last_used_at, default=None)

        found = await means.store.read(pairing)
        if found is None:
            return None
        party_a, session = found
        party_b = parse_party(session.other(party_a), sip_allowed=True, agents_allowed=True)
        assert party_b is not None, "a party is stored in the form that is read"
        trunk = self._trunk_to(party_b, number)
        trunk.promise(legs=1)
        hunt = Hunt(means.trunks, trunk, number if party_b.is_number else None, means.clock.monotonic, booked=True)
        relayed = Relayed(arrival.max_forwards - 1)
        called = self._called_leg(call_id, hunt, _headers_of(party_b, number, call_id), relayed)
        plan = ArrivalPlan(
            call_id=call_id,
            event_id=means.tokens.uuid(),
            org_id=session.org_id,
            party_a=party_a,
            party_b=party_b.text,
            masked_number=number,
            trunk_a=arrival.trunk.name,
            pair_trunk=session.trunk,
            ring_timeout_s=means.config.calls.ring_timeout_s,
            record=means.config.calls.record,
            at=at,
            free_legs=free_legs(means.config.webrtc, party_b),
        )
        return Planned(plan, called, whispers=True)

    def _trunk_to(self, party: Party, number: str) -> Trunk:
        """The trunk by which a party is called, showing a number. `CapacityExhausted`: none for now;
        `InvalidParties`: what led to the party when it was called is no more configured."""
        trunks = self._means.trunks
        if party.is_number:
            trunk = trunks.choose(1, number)
        else:
            trunk = trunks.agents if party.host is None else trunks.at(party.host, party.port)
            if trunk is None:
                raise InvalidParties("No trunk leads to it any more.", "party_b")
            now = self._means.clock.monotonic()
            if not party.agent and not (trunk.usable(now) and trunk.has_room(now, 1)):
                trunk = None
        if trunk is None:
            raise CapacityExhausted("No trunk is up, has room and may show the number.")
        return trunk

    # Legs and admission

    def _accept(self, arrival: Arrival, call_id: str) -> IncomingLeg | None:
        """The caller's leg with its place on the trunk and its media; None where it has been refused. Whatever happens,
        a leg that is not returned keeps nothing."""
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
        status: int | None = FAILED[0]
        try:
            status = leg.open()
        finally:
            if status is not None:
                self.refused += 1
                leg.refuse(status, LATER[1] if status == 503 else ())
        if status is not None:
            level = logging.ERROR if status == 503 else logging.INFO
            self._tell_of_refusal(arrival.trunk.name, f"leg {leg.media_name}", status, leg.hindrance, level)
        return leg if status is None else None

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

    def _admit(self, caller: IncomingLeg, planning: Awaitable[Planned | None]) -> None:
        """Admit a call in its own time. Until then its caller can only give up."""
        task = asyncio.get_running_loop().create_task(self._admission(caller, planning))
        self._admissions.add(task)
        task.add_done_callback(self._admission_done)

    def _admission_done(self, task: asyncio.Task[None]) -> None:
        self._admissions.discard(task)
        if not task.cancelled() and task.exception() is not None:
            LOG.error("a call that arrived could not be admitted", exc_info=task.exception())
        self._runner.admission_over()

    async def _admission(self, caller: IncomingLeg, planning: Awaitable[Planned | None]) -> None:
        """Admit a call and begin it, or refuse its caller; whatever happens, no leg keeps what it holds."""
        means, planned, refusal = self._means, None, FAILED
        try:
            planned = await planning
            self._unplanned.discard(caller)
            if planned is None:
                refusal = TAKEN
                self._announcements.begin(caller)
            elif not caller.over:
                plan = planned.plan
                sounds = await means.prompts.for_call(plan.org_id)
                sounds = sounds if planned.whispers else sounds.without_whispers()
                record = await run_in_time(means.store, lambda unit: admit_arrival(unit, plan), means.scheduler)
                refusal = TAKEN
                self._runner.begin(record, {Leg.A: caller, Leg.B: planned.called}, means.settlement, sounds)
        except CallError as error:
            refusal = _refusal_for(error)
            self._tell_of_refusal(caller.trunk.name, f"leg {caller.media_name}", refusal[0], str(error))
        except StorageError as error:
            refusal, why = LATER, f"the store cannot admit it: {error}"
            self._tell_of_refusal(caller.trunk.name, f"leg {caller.media_name}", refusal[0], why, logging.ERROR)
        finally:
            self._unplanned.discard(caller)
            if refusal is not TAKEN:
                self.refused += 1
                caller.refuse(*refusal)
                if planned is not None:
                    planned.called.close_media()

    def close(self) -> None:
        """Wait for no admission any more, and end the announcements."""
        self._announcements.end_all()
        for task in self._admissions:
            task.cancel()


def _headers_of(party: Party, number: str, call_id: str) -> Callable[[Trunk], LegHeaders]:
    """What a trunk is told of the leg to a party that is called back."""
    if party.agent:
        return lambda via: compose_agent(party, number, via.config, f"{call_id}/{Leg.B.value}")
    return lambda via: compose(party, number, via.config)


def _refusal_for(error: CallError) -> Refusal:
    """What a caller is told where the call cannot be admitted."""
    if isinstance(error, OrganisationFull):
        return ALL_BUSY
    if isinstance(error, CapacityExhausted):
        return 503, (("Retry-After", str(error.retry_after_s)),)
    return NOT_TAKEN


async def _at_once(planned: Planned) -> Planned:
    return planned


def _may_call(only: TransportAddress | RouteHost | None, via: Trunk, now: float) -> bool:
    """Whether a leg may be sent there with the profile of `via`: elsewhere, whether that is up says nothing."""
    if only is None:
        return via.usable(now)
    return bool(via.open_among(only.destinations if isinstance(only, RouteHost) else (only,), now))


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
    return calling_mobile(caller.user) or caller.user


def _number_of(shown: Shown) -> str:
    """What is shown, as a call is written down under. A test call is known by its number, which anybody may call from:
    theirs is written otherwise, for they pay, and test keys see no calls but test calls."""
    user = shown.user or UNKNOWN_CALLER
    return f"+{user}" if user == TEST_NUMBER else user


def _destination(target: Target, via: Trunk, trunks: Trunks) -> TransportAddress | RouteHost | None:
    """Where a routed call is sent: to its target's own address, or where its target's name leads; None, for where
    `via` is, if that is the target, or is reached by a proxy."""
    return trunks.address_of(target, via) or trunks.host_of(target, via)
