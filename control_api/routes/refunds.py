"""Refunds: made by operators, looked at by their organisation, told by the payment provider."""

from collections.abc import Mapping
from typing import Final

from control_api.auditing import audit_entry
from control_api.errors import Conflict, NotFound, NotReady
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.payment_schemas import REFUND_REQUIREMENTS, RefundBody, refund_representation
from control_api.payments.crediting import PaymentMismatch
from control_api.payments.desk import PaymentDesk, desk_of
from control_api.payments.provider import ProviderPayment, ProviderUnavailable, payment_of, refund_of
from control_api.payments.refunding import (
    RefundImpossible,
    RefundMismatch,
    RefundTold,
    RefundWish,
    pay_back,
    take_refund,
)
from control_api.request_body import read_json
from control_api.rights import Right
from control_api.routes.account import page_of, page_reply, reply_of, written
from control_api.schemas import checked
from storage.errors import IllegalState, UnknownRecord

# Events about a refund whose outcome is known.
REFUND_EVENTS: Final = ("refund.processed", "refund.failed")
_NO_TOPUP: Final = "No such top-up."


async def refund(api: Api, exchange: Exchange) -> Reply:
    """Pay a payment back, whole or in part."""
    desk = desk_of(api.payments)
    org_id = exchange.request.match_info["org_id"]
    body = await read_json(exchange.request, api.settings.max_body_bytes)
    wanted = checked(RefundBody, body, REFUND_REQUIREMENTS)
    refund_id = api.tokens.uuid()
    change = {"topup_id": wanted.topup_id, "paise": wanted.amount, "reference": wanted.reference}
    entry = audit_entry(api, exchange, "refund.ask", refund_id, change, org_id=org_id)
    wish = RefundWish(refund_id, org_id, wanted.topup_id, wanted.amount, wanted.reference, wanted.reason)
    try:
        made = await pay_back(api.store, desk, wish, entry)
    except UnknownRecord:
        raise NotFound(_NO_TOPUP) from None
    except RefundImpossible as error:
        raise Conflict(str(error)) from None
    except RefundMismatch as error:
        raise Conflict(f"{error}.") from None
    except ProviderUnavailable:
        raise NotReady(
            "The payment provider does not answer now. Please ask again under the same reference.", retry_after_s=5
        ) from None
    return reply_of(refund_representation(made), status=201)


async def list_of_organisation(api: Api, exchange: Exchange) -> Reply:
    """A page of an organisation's refunds, newest first."""
    return await _page(api, exchange, exchange.request.match_info["org_id"])


async def list_refunds(api: Api, exchange: Exchange) -> Reply:
    """The same of the organisation that asks."""
    return await _page(api, exchange, exchange.org_id)


async def hear_refund(api: Api, desk: PaymentDesk, event: object) -> None:
    """Take in a refund that the provider tells of. NotFound: of no payment here; Conflict."""
    told = _refund_told(event, api.tokens.uuid())
    if told is None:
        return
    at_ms = api.clock.wall_ms()
    try:
        await written(api, lambda unit: take_refund(unit, desk.terms, told, at_ms), _NO_TOPUP)
    except (PaymentMismatch, RefundMismatch, IllegalState) as error:
        raise Conflict(f"{error}.") from None


async def _page(api: Api, exchange: Exchange, org_id: str) -> Reply:
    wanted = page_of(exchange)
    refunds, total = await api.store.read(lambda reader: reader.refunds(org_id, wanted.page, wanted.page_size))
    return page_reply([refund_representation(one) for one in refunds], total, wanted)


def _refund_told(event: object, new_id: str) -> RefundTold | None:
    """The refund that an event brings, with the payment that comes beside it."""
    match event:
        case {"event": str(name), "payload": {"refund": {"entity": Mapping() as entity}, **rest}} if (
            name in REFUND_EVENTS
        ):
            try:
                told = refund_of(entity)
            except ProviderUnavailable:
                return None
            return RefundTold(told, _payment_beside(rest), new_id)
    return None


def _payment_beside(payload: object) -> ProviderPayment | None:
    match payload:
        case {"payment": {"entity": Mapping() as entity}}:
            try:
                return payment_of(entity)
            except ProviderUnavailable:
                return None
    return None


_OF_ONE: Final = "/v1/admin/organisations/{org_id}/refunds"
ROUTES: Final = (
    Route("GET", "/v1/account/refunds", list_refunds, right=Right.BILLING_READ),
    Route("GET", _OF_ONE, list_of_organisation, right=Right.OPERATE),
    Route("POST", _OF_ONE, refund, right=Right.OPERATE),
)
