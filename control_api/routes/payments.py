"""Top-ups, the invoices about them, and what the payment provider tells."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from b2bua.billing.documents import TaxDocument, flat, to_csv
from control_api.auditing import audit_entry
from control_api.errors import Conflict, InvalidRequest, NotFound, NotReady, Unauthorized
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.json_body import parse_json
from control_api.payment_schemas import (
    PAYMENT_REQUIREMENTS,
    ConfirmTopUpBody,
    TopUpBody,
    document_of,
    number_from_path,
    number_in_path,
    shown_topup,
    topup_representation,
)
from control_api.payments.crediting import Asked, PaymentMismatch, credit_payment, tax_for, topup_asked
from control_api.payments.desk import PaymentDesk, desk_of
from control_api.payments.provider import ProviderPayment, ProviderRefused, ProviderUnavailable, payment_of
from control_api.request_body import read_json, read_raw
from control_api.rights import Right
from control_api.routes.account import page_of, page_reply, reply_of, written
from control_api.routes.refunds import hear_refund
from control_api.schemas import checked
from storage.billing_records import TopUp
from storage.units import UnitOfWork

LOG: Final = logging.getLogger(__name__)
SIGNATURE_HEADER: Final = "X-Razorpay-Signature"
# Events that bring a payment entity which may have been captured.
_PAID_EVENTS: Final = ("payment.captured", "order.paid")
_NO_TOPUP: Final = "No such top-up."
_NO_INVOICE: Final = "No such invoice."
_UNAVAILABLE: Final = "The payment provider does not answer now."


async def ask_for_topup(api: Api, exchange: Exchange) -> Reply:
    """Order a payment from the provider; the browser's checkout goes on with it."""
    desk, org_id = desk_of(api.payments), exchange.org_id
    body = await read_json(exchange.request, api.settings.max_body_bytes)
    wanted = checked(TopUpBody, body, PAYMENT_REQUIREMENTS)
    organisation = await api.store.read(lambda reader: reader.organisation(org_id))
    topup_id, tax = api.tokens.uuid(), tax_for(desk.terms, organisation, wanted.amount)
    try:
        order_id = await desk.provider.create_order(tax.total_paise, topup_id)
    except ProviderUnavailable:
        raise NotReady(_UNAVAILABLE, retry_after_s=5) from None
    except ProviderRefused as error:
        raise InvalidRequest(f"The payment provider refuses: {error}", "amount") from None
    topup = topup_asked(desk.terms, organisation, Asked(topup_id, order_id, tax, api.clock.wall_ms()))
    entry = audit_entry(api, exchange, "topup.ask", topup_id, {"paise": wanted.amount})

    def work(unit: UnitOfWork) -> None:
        unit.payments.add(topup)
        unit.audit.add(entry)

    await api.store.run(work)
    checkout = desk.checkout(topup.total_paise)
    opened_with = {"provider": checkout["provider"], "key_id": checkout["key_id"]}
    return reply_of({**shown_topup(topup, checkout), **opened_with}, status=201)


async def confirm_topup(api: Api, exchange: Exchange) -> Reply:
    """What the checkout gave: the wallet is credited as soon as the provider has the money."""
    desk, org_id, topup_id = desk_of(api.payments), exchange.org_id, exchange.request.match_info["topup_id"]
    body = await read_json(exchange.request, api.settings.max_body_bytes)
    given = checked(ConfirmTopUpBody, body, PAYMENT_REQUIREMENTS)
    topup = await api.store.read(lambda reader: reader.topup(org_id, topup_id))
    if topup is None:
        raise NotFound(_NO_TOPUP)
    payment_id = given.razorpay_payment_id
    if not desk.provider.checkout_is_signed(topup.order_id, payment_id, given.razorpay_signature):
        raise InvalidRequest("The signature is not the payment provider's.", "razorpay_signature")
    if topup.payment_id != payment_id:
        try:
            payment = await desk.provider.captured(payment_id)
        except ProviderUnavailable:
            raise NotReady(_UNAVAILABLE, retry_after_s=5) from None
        except ProviderRefused as error:
            raise Conflict(f"The payment provider refuses: {error}") from None
        topup = await _credited(api, desk, payment)
    return reply_of(shown_topup(topup, desk.checkout(topup.total_paise)))


async def hear_provider(api: Api, exchange: Exchange) -> Reply:
    """The provider's webhook. It repeats what is not answered with 2xx: so what is not understood, or is about no order
    of ours, is answered so too; what could not be written down is not."""
    desk = desk_of(api.payments)
    body = await read_raw(exchange.request, api.settings.max_body_bytes)
    if not desk.provider.webhook_is_signed(body, exchange.request.headers.get(SIGNATURE_HEADER, "")):
        raise Unauthorized("The signature is not the payment provider's.")
    event = parse_json(body)
    payment = _payment_told(event)
    try:
        if payment is not None:
            await _credited(api, desk, payment)
        await hear_refund(api, desk, event)
    except (NotFound, Conflict) as error:
        LOG.error("what the payment provider told could not be taken in: %s", error)
    return reply_of({})


async def show_topup(api: Api, exchange: Exchange) -> Reply:
    """A payment."""
    org_id, topup_id = exchange.org_id, exchange.request.match_info["topup_id"]
    topup = await api.store.read(lambda reader: reader.topup(org_id, topup_id))
    if topup is None:
        raise NotFound(_NO_TOPUP)
    checkout = None if api.payments is None else api.payments.checkout(topup.total_paise)
    return reply_of(shown_topup(topup, checkout))


async def list_topups(api: Api, exchange: Exchange) -> Reply:
    """A page of payments, newest first."""
    wanted, org_id = page_of(exchange), exchange.org_id
    topups, total = await api.store.read(lambda reader: reader.topups(org_id, wanted.page, wanted.page_size))
    return page_reply([topup_representation(topup) for topup in topups], total, wanted)


async def list_invoices(api: Api, exchange: Exchange) -> Reply:
    """A page of invoices, newest first."""
    wanted, org_id = page_of(exchange), exchange.org_id
    found, total = await api.store.read(lambda reader: reader.tax_documents(org_id, wanted.page, wanted.page_size))
    return page_reply([document_of(issued).to_json() for issued in found], total, wanted)


async def show_invoice(api: Api, exchange: Exchange) -> Reply:
    """An invoice."""
    return reply_of((await _invoice(api, exchange)).to_json())


async def download_pdf(api: Api, exchange: Exchange) -> web.StreamResponse:
    """An invoice as PDF."""
    document = await _invoice(api, exchange)
    with api.downloads.place():
        content = await asyncio.get_running_loop().run_in_executor(None, _as_pdf, document)
    return file_reply(exchange, content, "application/pdf", f"{number_in_path(document.number)}.pdf")


async def download_csv(api: Api, exchange: Exchange) -> web.StreamResponse:
    """An invoice as a table of one row."""
    document = await _invoice(api, exchange)
    return file_reply(exchange, to_csv([flat(document)]), "text/csv", f"{number_in_path(document.number)}.csv")


def _as_pdf(document: TaxDocument) -> bytes:
    # What draws takes half a second to load, which no start of a server is to wait for.
    from b2bua.billing.pdf import to_pdf

    return to_pdf(document)


async def _invoice(api: Api, exchange: Exchange) -> TaxDocument:
    org_id, number = exchange.org_id, number_from_path(exchange.request.match_info["number"])
    issued = await api.store.read(lambda reader: reader.tax_document(org_id, number))
    if issued is None:
        raise NotFound(_NO_INVOICE)
    return document_of(issued)


def file_reply(exchange: Exchange, content: bytes, media_type: str, name: str) -> web.Response:
    """A file to be saved under a name."""
    headers = {**exchange.headers, "Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=content, content_type=media_type, headers=headers)


async def _credited(api: Api, desk: PaymentDesk, payment: ProviderPayment) -> TopUp:
    at_ms = api.clock.wall_ms()
    try:
        return await written(api, lambda unit: credit_payment(unit, desk.terms, payment, at_ms), _NO_TOPUP)
    except PaymentMismatch as error:
        raise Conflict(f"{error}.") from None


def _payment_told(event: object) -> ProviderPayment | None:
    """The captured payment that an event brings."""
    match event:
        case {"event": str(name), "payload": {"payment": {"entity": Mapping() as entity}}} if name in _PAID_EVENTS:
            try:
                payment = payment_of(entity)
            except ProviderUnavailable:
                return None
            return payment if payment.captured else None
    return None


ROUTES: Final = (
    Route("POST", "/v1/account/topups", ask_for_topup, right=Right.BILLING_WRITE),
    Route("GET", "/v1/account/topups", list_topups, right=Right.BILLING_READ),
    Route("GET", "/v1/account/topups/{topup_id}", show_topup, right=Right.BILLING_READ),
    Route("POST", "/v1/account/topups/{topup_id}/confirm", confirm_topup, right=Right.BILLING_WRITE),
    Route("GET", "/v1/account/invoices", list_invoices, right=Right.BILLING_READ),
    Route("GET", "/v1/account/invoices/{number}", show_invoice, right=Right.BILLING_READ),
    Route("GET", "/v1/account/invoices/{number}/pdf", download_pdf, right=Right.BILLING_READ),
    Route("GET", "/v1/account/invoices/{number}/csv", download_csv, right=Right.BILLING_READ),
    Route("POST", "/v1/payments/razorpay", hear_provider),
)
