"""Whether a call may be placed: number, reservation, live row and first webhook in one unit of work."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from b2bua.call import rating
from b2bua.call.errors import (
    BalanceInsufficient,
    IdempotencyConflict,
    InvalidParties,
    NotOwnNumbers,
    OrganisationFull,
    OrganisationSuspended,
)
from b2bua.call.masking import parse_agent
from b2bua.call.model import PlaceCall, PlacedCall
from storage.errors import BalanceTooLow, UnknownRecord
from storage.records import (
    TEST_NUMBER,
    CallRecord,
    CallStatus,
    IdempotentReply,
    LegRecord,
    Organisation,
    OutboxEvent,
    Tariff,
    WebhookEvent,
)
from storage.units import Reader, UnitOfWork

IDEMPOTENCY_MS: Final = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class AdmissionPlan:
    """Everything decided before the unit of work: who is called, over which trunks, which numbers may be shown, and of
    how many legs nothing is charged."""

    call_id: str
    event_id: str
    party_a: str
    party_b: str
    candidates: Sequence[tuple[str, str]]
    ring_timeout_s: int
    record: bool
    at: int
    free_legs: int = 0


@dataclass(frozen=True, slots=True)
class ArrivalPlan:
    """A call that has arrived, as it is admitted. `trunk_a`: the one it came by.

    `pair_trunk`: the trunk by which the two parties keep standing behind the masked number, None where they do not.
    """

    call_id: str
    event_id: str
    org_id: str
    party_a: str
    party_b: str
    masked_number: str
    trunk_a: str
    pair_trunk: str | None
    ring_timeout_s: int
    record: bool
    at: int
    free_legs: int = 0


def admit_arrival(unit: UnitOfWork, plan: ArrivalPlan) -> CallRecord:
    """The unit of work of a call that has arrived. `BalanceInsufficient`, `OrganisationSuspended`, `OrganisationFull`.

    UnknownRecord: no such organisation.
    """
    organisation = unit.accounts.organisation(plan.org_id)
    _check_limits(unit, organisation)
    tariff = _tariff(organisation, plan.free_legs)
    if plan.pair_trunk is not None:
        candidates = [(plan.pair_trunk, plan.masked_number)]
        unit.numbers.choose(plan.org_id, plan.party_a, plan.party_b, candidates, plan.at)
    record = CallRecord(
        call_id=plan.call_id,
        org_id=plan.org_id,
        party_a=plan.party_a,
        party_b=plan.party_b,
        masked_number=plan.masked_number,
        direction="inbound",
        status=CallStatus.INITIATED,
        created_at=plan.at,
        started_at=plan.at,  # B's INVITE goes out as soon as this is durable
        tariff=tariff,
        record=plan.record,
        ring_timeout_s=plan.ring_timeout_s,
        sequence=1,
        legs=(LegRecord("a", trunk=plan.trunk_a), LegRecord("b")),
    )
    _take_on(unit, record, plan.event_id)
    return record


def _take_on(unit: UnitOfWork, record: CallRecord, event_id: str) -> None:
    """Set the first pulse aside, and store the live row with `call.initiated`. Raises `BalanceInsufficient`.

    A test call costs nothing, and knows no wallet.
    """
    if not record.test:
        _reserve(unit, record)
    unit.calls.save(record)
    unit.outbox.add(
        OutboxEvent(
            event_id=event_id,
            org_id=record.org_id,
            call_id=record.call_id,
            sequence=1,
            event=WebhookEvent.INITIATED,
            created_at=record.created_at,
            call=record,
        )
    )


def _reserve(unit: UnitOfWork, record: CallRecord) -> None:
    pulse_paise = _pulse_paise(record.tariff)
    try:
        unit.ledger.reserve(f"reserve:{record.call_id}", record.org_id, record.call_id, pulse_paise, record.created_at)
    except BalanceTooLow as error:
        raise BalanceInsufficient from error


def admit(unit: UnitOfWork, command: PlaceCall, plan: AdmissionPlan) -> PlacedCall:
    """The unit of work of a new call. Raises `BalanceInsufficient`, `OrganisationSuspended`, `CapacityExhausted`,
    `IdempotencyConflict` or `InvalidParties`."""
    earlier = _replay_inside(unit, command, plan.at)
    if earlier is not None:
        return earlier
    organisation = unit.accounts.organisation(command.org_id)
    _check_limits(unit, organisation, test=command.test)
    _check_agents(unit, plan, command.org_id)
    if command.test:
        number, tariff = TEST_NUMBER, replace(organisation.tariff, rate_paise_per_minute=0)
    else:
        candidates = _own_candidates(unit, command.org_id, plan.candidates)
        _, number = unit.numbers.choose(command.org_id, plan.party_a, plan.party_b, candidates, plan.at)
        tariff = _tariff(organisation, plan.free_legs)
    record = CallRecord(
        call_id=plan.call_id,
        org_id=command.org_id,
        party_a=plan.party_a,
        party_b=plan.party_b,
        masked_number=number,
        direction="click_to_call",
        status=CallStatus.INITIATED,
        created_at=plan.at,
        started_at=plan.at,  # A's INVITE goes out as soon as this is durable, and carries the exact time then
        tariff=tariff,
        reference=command.reference,
        record=plan.record,
        ring_timeout_s=plan.ring_timeout_s,
        max_duration_s=command.max_duration_s,
        sequence=1,
    )
    _take_on(unit, record, plan.event_id)
    if command.idempotency_key is not None:
        unit.idempotency.put(
            IdempotentReply(
                org_id=command.org_id,
                idempotency_key=command.idempotency_key,
                body_sha256=command.body_sha256,
                call_id=record.call_id,
                request_id=command.request_id,
                created_at=plan.at,
            )
        )
    return PlacedCall(record, command.request_id)


def _tariff(organisation: Organisation, free_legs: int) -> Tariff:
    tariff = organisation.tariff
    return replace(tariff, rate_paise_per_minute=rating.rate_without(tariff.rate_paise_per_minute, free_legs))


def _check_limits(unit: UnitOfWork, organisation: Organisation, *, test: bool = False) -> None:
    """Raise `OrganisationSuspended`, or `OrganisationFull` at an organisation's own limit of calls, tests aside."""
    if organisation.suspended_at is not None:
        raise OrganisationSuspended
    limit = None if test else organisation.max_concurrent_calls
    if limit is not None and unit.calls.count_live(organisation.org_id) >= limit:
        raise OrganisationFull


def _check_agents(unit: UnitOfWork, plan: AdmissionPlan, org_id: str) -> None:
    """Raise `InvalidParties` where the organisation has no such agent."""
    for field, text in (("party_a", plan.party_a), ("party_b", plan.party_b)):
        agent = parse_agent(text)
        if agent is not None:
            try:
                unit.agents.agent(org_id, agent.user)
            except UnknownRecord:
                raise InvalidParties("There is no agent of this name.", field) from None


def _own_candidates(unit: UnitOfWork, org_id: str, candidates: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    """Those whose number the organisation may show. Raises `NotOwnNumbers` where there is none."""
    numbers = unit.accounts.numbers(org_id)
    own = [candidate for candidate in candidates if candidate[1] in numbers] if numbers else candidates
    if not own:
        raise NotOwnNumbers(numbers)
    return own


def covers_first_pulse(reader: Reader, org_id: str, free_legs: int) -> bool:
    """Whether an organisation's available balance covers the first pulse now of a call with so many legs that cost
    nothing."""
    return reader.wallet(org_id).available_paise >= _pulse_paise(_tariff(reader.organisation(org_id), free_legs))


def replay(reader: Reader, command: PlaceCall, at: int) -> PlacedCall | None:
    """The earlier reply under the command's Idempotency-Key, None where there is none. Raises `IdempotencyConflict`."""
    if command.idempotency_key is None:
        return None
    reply = reader.idempotent_reply(command.org_id, command.idempotency_key)
    if reply is None or not _same_request(reply, command, at):
        return None
    record = reader.call(command.org_id, reply.call_id)
    return None if record is None else PlacedCall(record, reply.request_id, replayed=True)


def _pulse_paise(tariff: Tariff) -> int:
    return rating.pulses_paise(0, 1, tariff.rate_paise_per_minute, tariff.pulse_s)


def _replay_inside(unit: UnitOfWork, command: PlaceCall, at: int) -> PlacedCall | None:
    """The same, seen from inside the unit of work: an equal request may have come in meanwhile."""
    if command.idempotency_key is None:
        return None
    reply = unit.idempotency.get(command.org_id, command.idempotency_key)
    if reply is None or not _same_request(reply, command, at):
        return None
    record = unit.calls.get(reply.call_id) or unit.cdrs.get(reply.call_id)
    return None if record is None else PlacedCall(record, reply.request_id, replayed=True)


def _same_request(reply: IdempotentReply, command: PlaceCall, at: int) -> bool:
    if at - reply.created_at >= IDEMPOTENCY_MS:
        return False
    if reply.body_sha256 != command.body_sha256:
        raise IdempotencyConflict("The Idempotency-Key was used with another body.")
    return True
