"""The organisation that is looked at, and its audit log."""

from dataclasses import replace
from typing import Final

from b2bua.billing.errors import BillingError, GstinInvalid
from b2bua.billing.gstin import registration
from control_api.account_bodies import ChangeOwnOrganisationBody
from control_api.account_schemas import organisation_representation
from control_api.auditing import audit_entry
from control_api.errors import InvalidRequest
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.rights import Right
from control_api.routes.account import body_of, changes_page, reply_of, written
from storage.records import Organisation
from storage.units import UnitOfWork

_GONE: Final = "No such organisation."


async def show_organisation(api: Api, exchange: Exchange) -> Reply:
    """Its terms and limits."""
    org_id = exchange.org_id
    row = await api.store.read(lambda reader: (reader.organisation(org_id), reader.organisation_numbers(org_id)))
    return reply_of(organisation_representation(*row))


async def change_organisation(api: Api, exchange: Exchange) -> Reply:
    """What it decides itself: for whom invoices are, how long recordings are kept, when it is told of its balance."""
    wanted = await body_of(api, exchange, ChangeOwnOrganisationBody)
    org_id = exchange.org_id
    change = wanted.model_dump(exclude_unset=True)
    entry = audit_entry(api, exchange, "organisation.change", org_id, change)

    def work(unit: UnitOfWork) -> tuple[Organisation, tuple[str, ...]]:
        if wanted.model_fields_set & {"gstin", "state", "address"}:
            present = unit.accounts.organisation(org_id)
            unit.accounts.change_organisation(with_registration(present, wanted))
        if "retention_days" in wanted.model_fields_set:
            unit.accounts.set_retention(org_id, wanted.retention_days)
        if "low_balance" in wanted.model_fields_set:
            unit.accounts.set_low_balance(
                org_id, None if wanted.low_balance is None else round(wanted.low_balance * 100)
            )
        if change:
            unit.audit.add(entry)
        return unit.accounts.organisation(org_id), unit.accounts.numbers(org_id)

    return reply_of(organisation_representation(*await written(api, work, _GONE)))


def with_registration(present: Organisation, wanted: ChangeOwnOrganisationBody) -> Organisation:
    """With the GSTIN, state and address that are named. InvalidRequest for what is none, or does not go together."""
    named = wanted.model_fields_set
    gstin = wanted.gstin if "gstin" in named else present.gstin
    state = wanted.state if "state" in named else present.state
    gstin, state = registered(gstin, state, "state" if "state" in named else "gstin")
    address = wanted.address if "address" in named else present.address
    return replace(present, gstin=gstin, state=state, address=address)


def registered(gstin: str | None, state: str | None, field: str) -> tuple[str | None, str | None]:
    """As they are kept. InvalidRequest for a GSTIN that is none, or else for `field`."""
    try:
        return registration(gstin, state)
    except BillingError as error:
        sentence = str(error)
        raise InvalidRequest(
            f"{sentence[0].upper()}{sentence[1:]}.", "gstin" if isinstance(error, GstinInvalid) else field
        ) from None


async def show_audit(api: Api, exchange: Exchange) -> Reply:
    """A page of the organisation's changes, newest first."""
    return await changes_page(api, exchange, exchange.org_id)


ROUTES: Final = (
    Route("GET", "/v1/account/organisation", show_organisation, right=Right.ORGANISATION_READ),
    Route("PATCH", "/v1/account/organisation", change_organisation, right=Right.ORGANISATION_WRITE),
    Route("GET", "/v1/account/audit", show_audit, right=Right.AUDIT_READ),
)
