"""What operators do to organisations: create, change, suspend, credit."""

from dataclasses import replace
from typing import Final

from control_api.account_schemas import admin_organisation_representation
from control_api.admin_bodies import (
    CREDIT_PREFIX,
    AdminChangeOrganisationBody,
    CreateOrganisationBody,
    CreditBody,
    TariffBody,
)
from control_api.auditing import audit_entry
from control_api.errors import Conflict
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.rights import Right
from control_api.routes.account import body_of, page_of, page_reply, reply_of, written
from control_api.routes.organisation import registered
from storage.errors import TransferConflict
from storage.person_records import AuditEntry
from storage.records import Organisation, Tariff, Wallet
from storage.units import Reader, UnitOfWork

_NO_ORGANISATION: Final = "No such organisation."
_Shown = tuple[Organisation, tuple[str, ...], Wallet]


async def list_organisations(api: Api, exchange: Exchange) -> Reply:
    """A page of all organisations, oldest first."""
    wanted = page_of(exchange)

    def look(reader: Reader) -> tuple[list[_Shown], int]:
        everyone = reader.organisations()
        start = (wanted.page - 1) * wanted.page_size
        rows = everyone[start : start + wanted.page_size]
        return [(org, reader.organisation_numbers(org.org_id), reader.wallet(org.org_id)) for org in rows], len(
            everyone
        )

    rows, total = await api.store.read(look)
    return page_reply([admin_organisation_representation(*row) for row in rows], total, wanted)


async def create_organisation(api: Api, exchange: Exchange) -> Reply:
    """A new organisation with an empty wallet."""
    wanted = await body_of(api, exchange, CreateOrganisationBody)
    gstin, state = registered(wanted.gstin, wanted.state, "state")
    organisation = Organisation(
        org_id=api.tokens.uuid(),
        name=wanted.name,
        created_at=api.clock.wall_ms(),
        tariff=_tariff(Tariff(), wanted.tariff),
        gstin=gstin,
        state=state,
        address=wanted.address,
        rate_limit_per_minute=wanted.rate_limit_per_minute,
        retention_days=wanted.retention_days,
        max_concurrent_calls=wanted.max_concurrent_calls,
    )
    numbers = tuple(dict.fromkeys(wanted.numbers))
    change = wanted.model_dump(mode="json", exclude_unset=True)
    entry = audit_entry(api, exchange, "organisation.create", organisation.org_id, change, org_id=organisation.org_id)

    def work(unit: UnitOfWork) -> _Shown:
        unit.accounts.create_organisation(organisation)
        unit.accounts.set_numbers(organisation.org_id, numbers)
        unit.audit.add(entry)
        return _shown(unit, organisation.org_id)

    return reply_of(admin_organisation_representation(*await written(api, work, _NO_ORGANISATION)), 201)


async def show_organisation(api: Api, exchange: Exchange) -> Reply:
    """One organisation with its terms, limits and money."""
    org_id = _org_id(exchange)
    row = await written(api, lambda unit: _shown(unit, org_id), _NO_ORGANISATION)
    return reply_of(admin_organisation_representation(*row))


async def change_organisation(api: Api, exchange: Exchange) -> Reply:
    """Other terms and limits; what is not named stays. Calls that live keep the tariff they began with."""
    wanted = await body_of(api, exchange, AdminChangeOrganisationBody)
    org_id = _org_id(exchange)
    entry = _entry(api, exchange, "organisation.change", wanted.model_dump(mode="json", exclude_unset=True))

    def work(unit: UnitOfWork) -> _Shown:
        present = unit.accounts.organisation(org_id)
        given = {name: getattr(wanted, name) for name in wanted.model_fields_set - {"tariff", "numbers"}}
        if wanted.name is None:
            given.pop("name", None)
        changed = replace(present, tariff=_tariff(present.tariff, wanted.tariff), **given)
        if wanted.model_fields_set & {"gstin", "state"}:
            other = "state" if "state" in wanted.model_fields_set else "gstin"
            gstin, state = registered(changed.gstin, changed.state, other)
            changed = replace(changed, gstin=gstin, state=state)
        unit.accounts.change_organisation(changed)
        if wanted.numbers is not None:
            unit.accounts.set_numbers(org_id, tuple(dict.fromkeys(wanted.numbers)))
        unit.audit.add(entry)
        return _shown(unit, org_id)

    return reply_of(admin_organisation_representation(*await written(api, work, _NO_ORGANISATION)))


async def suspend(api: Api, exchange: Exchange) -> Reply:
    """No new calls; live ones finish, and everything can still be looked at. Done before, the first time stands."""
    return await _set_suspended(api, exchange, "organisation.suspend", api.clock.wall_ms())


async def resume(api: Api, exchange: Exchange) -> Reply:
    """Calls are taken again."""
    return await _set_suspended(api, exchange, "organisation.resume", None)


async def credit(api: Api, exchange: Exchange) -> Reply:
    """Add to the wallet; the same reference counts once."""
    wanted = await body_of(api, exchange, CreditBody)
    org_id, now_ms = _org_id(exchange), api.clock.wall_ms()
    transfer_id = f"{CREDIT_PREFIX}{org_id}:{wanted.reference}"
    entry = _entry(api, exchange, "wallet.credit", {"paise": wanted.paise, "reference": wanted.reference})

    def work(unit: UnitOfWork) -> _Shown:
        unit.accounts.organisation(org_id)
        try:
            _, is_new = unit.ledger.credit(transfer_id, org_id, wanted.paise, wanted.reference, now_ms)
        except TransferConflict:
            raise Conflict("This reference was used for another amount.") from None
        if is_new:
            unit.audit.add(entry)
        return _shown(unit, org_id)

    return reply_of(admin_organisation_representation(*await written(api, work, _NO_ORGANISATION)), 201)


async def _set_suspended(api: Api, exchange: Exchange, action: str, at: int | None) -> Reply:
    org_id = _org_id(exchange)
    entry = _entry(api, exchange, action, {})

    def work(unit: UnitOfWork) -> _Shown:
        present = unit.accounts.organisation(org_id)
        if (present.suspended_at is None) != (at is None):
            unit.accounts.change_organisation(replace(present, suspended_at=at))
            unit.audit.add(entry)
        return _shown(unit, org_id)

    return reply_of(admin_organisation_representation(*await written(api, work, _NO_ORGANISATION)))


def _shown(unit: UnitOfWork, org_id: str) -> _Shown:
    return unit.accounts.organisation(org_id), unit.accounts.numbers(org_id), unit.ledger.wallet(org_id)


def _tariff(present: Tariff, wanted: TariffBody | None) -> Tariff:
    return present if wanted is None else replace(present, **wanted.changes())


def _org_id(exchange: Exchange) -> str:
    return exchange.request.match_info["org_id"]


def _entry(api: Api, exchange: Exchange, action: str, change: dict[str, object]) -> AuditEntry:
    """A change in the organisation of the path. One that is not there is found out before it is written."""
    org_id = _org_id(exchange)
    return audit_entry(api, exchange, action, org_id, change, org_id=org_id)


_ONE: Final = "/v1/admin/organisations/{org_id}"
ROUTES: Final = (
    Route("GET", "/v1/admin/organisations", list_organisations, right=Right.OPERATE),
    Route("POST", "/v1/admin/organisations", create_organisation, right=Right.OPERATE),
    Route("GET", _ONE, show_organisation, right=Right.OPERATE),
    Route("PATCH", _ONE, change_organisation, right=Right.OPERATE),
    Route("POST", _ONE + "/suspend", suspend, right=Right.OPERATE),
    Route("POST", _ONE + "/resume", resume, right=Right.OPERATE),
    Route("POST", _ONE + "/credit", credit, right=Right.OPERATE),
)
