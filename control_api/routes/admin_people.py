"""What operators do to people, and the audit log of everything."""

from typing import Final

from control_api.account_schemas import number_representation, person_representation
from control_api.admin_bodies import AdminInviteBody, ChangePersonBody
from control_api.auditing import audit_entry
from control_api.errors import Conflict, InvalidRequest
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.rights import Right
from control_api.routes.account import EMPTY, body_of, changes_page, page_of, page_reply, reply_of, written
from control_api.routes.people import check_owner_stays, invited
from storage.person_records import Person
from storage.units import UnitOfWork

_NOBODY: Final = "Nobody has this id."


async def list_people(api: Api, exchange: Exchange) -> Reply:
    """A page of everybody, by mail address."""
    wanted = page_of(exchange)
    people, total = await api.store.read(lambda reader: reader.everyone(wanted.page, wanted.page_size))
    return page_reply([person_representation(person) for person in people], total, wanted)


async def invite(api: Api, exchange: Exchange) -> Reply:
    """Make a link for somebody: to a role in an organisation, to be an operator, or to both."""
    wanted = await body_of(api, exchange, AdminInviteBody)
    if (wanted.org_id is None) != (wanted.role is None):
        raise InvalidRequest("org_id and role go together.", "role")
    if wanted.org_id is None and not wanted.operator:
        raise InvalidRequest("Say what this person may do: org_id and role, or operator.", "operator")
    return await invited(api, exchange, wanted.email, wanted.org_id, wanted.role, operator=wanted.operator)


async def change_person(api: Api, exchange: Exchange) -> Reply:
    """Make somebody an operator or none, or let them sign in no more. An operator must stay."""
    wanted = await body_of(api, exchange, ChangePersonBody)
    person_id, now_ms = _person_id(exchange), api.clock.wall_ms()
    change = wanted.model_dump(exclude_none=True)
    entry = audit_entry(api, exchange, "person.change", person_id, change)

    def work(unit: UnitOfWork) -> Person:
        person = unit.people.person(person_id)
        if wanted.operator is False or wanted.disabled:
            _operator_stays(unit, person)
        if wanted.operator is not None:
            unit.people.set_operator(person_id, wanted.operator)
        if wanted.disabled:
            unit.people.disable(person_id, now_ms)
            unit.sessions.revoke_all(person_id, now_ms)
        elif wanted.disabled is False:
            unit.people.enable(person_id)
        unit.audit.add(entry)
        return unit.people.person(person_id)

    return reply_of(person_representation(await written(api, work, _NOBODY)))


async def erase_person(api: Api, exchange: Exchange) -> Reply:
    """Take all roles and sessions of somebody and forget what is personal; the audit log keeps what it says."""
    person_id, now_ms = _person_id(exchange), api.clock.wall_ms()
    entry = audit_entry(api, exchange, "person.erase", person_id)

    def work(unit: UnitOfWork) -> None:
        person = unit.people.person(person_id)
        _operator_stays(unit, person)
        for place in unit.people.memberships(person_id):
            check_owner_stays(unit, place.org_id, person_id)
        unit.sessions.revoke_all(person_id, now_ms)
        unit.people.erase(person_id, now_ms)
        unit.audit.add(entry)

    await written(api, work, _NOBODY)
    return EMPTY


async def show_audit(api: Api, exchange: Exchange) -> Reply:
    """A page of all changes, newest first."""
    return await changes_page(api, exchange, None)


async def list_numbers(api: Api, _exchange: Exchange) -> Reply:
    """Every masked number that was ever used, and how busy it is."""
    return reply_of([number_representation(use) for use in await api.store.read(lambda reader: reader.numbers())])


def _operator_stays(unit: UnitOfWork, person: Person) -> None:
    """Raises Conflict when the last operator would go."""
    if person.operator and person.disabled_at is None and unit.people.count_operators() == 1:
        raise Conflict("There must be an operator: make somebody else one first.")


def _person_id(exchange: Exchange) -> str:
    return exchange.request.match_info["person_id"]


ROUTES: Final = (
    Route("GET", "/v1/admin/people", list_people, right=Right.OPERATE),
    Route("POST", "/v1/admin/people", invite, right=Right.OPERATE),
    Route("PATCH", "/v1/admin/people/{person_id}", change_person, right=Right.OPERATE),
    Route("DELETE", "/v1/admin/people/{person_id}", erase_person, right=Right.OPERATE),
    Route("GET", "/v1/admin/audit", show_audit, right=Right.OPERATE),
    Route("GET", "/v1/admin/numbers", list_numbers, right=Right.OPERATE),
)
