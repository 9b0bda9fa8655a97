"""Credit notes by operators."""

from typing import Final

from control_api.auditing import audit_entry
from control_api.errors import Conflict
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.payment_schemas import PAYMENT_REQUIREMENTS, CreditNoteBody, note_representation
from control_api.payments.desk import desk_of
from control_api.payments.noting import NoteImpossible, NoteWish, issue_note
from control_api.request_body import read_json
from control_api.rights import Right
from control_api.routes.account import page_of, page_reply, reply_of, written
from control_api.schemas import checked
from storage.billing_records import NoteKind

_PATH: Final = "/v1/admin/organisations/{org_id}/credit-notes"


async def issue(api: Api, exchange: Exchange) -> Reply:
    """Issue one, with its transfer."""
    desk, org_id = desk_of(api.payments), exchange.request.match_info["org_id"]
    body = await read_json(exchange.request, api.settings.max_body_bytes)
    wanted = checked(CreditNoteBody, body, PAYMENT_REQUIREMENTS | {"amount": "rupees from 0.01 to 1000000"})
    with_tax = wanted.kind is NoteKind.CORRECTION if wanted.with_tax is None else wanted.with_tax
    wish = NoteWish(
        org_id, wanted.kind, wanted.amount, with_tax, wanted.invoice_number, wanted.reference, wanted.reason
    )
    change = {"kind": wanted.kind, "paise": wanted.amount, "invoice_number": wanted.invoice_number}
    entry = audit_entry(api, exchange, "credit_note.issue", wanted.reference, change, org_id=org_id)
    try:
        note = await written(api, lambda unit: issue_note(unit, desk.terms, wish, entry), "No such organisation.")
    except NoteImpossible as error:
        raise Conflict(str(error)) from None
    return reply_of(note_representation(note), status=201)


async def list_notes(api: Api, exchange: Exchange) -> Reply:
    """A page of an organisation's, newest first."""
    wanted, org_id = page_of(exchange), exchange.request.match_info["org_id"]
    notes, total = await api.store.read(lambda reader: reader.credit_notes(org_id, wanted.page, wanted.page_size))
    return page_reply([note_representation(note) for note in notes], total, wanted)


ROUTES: Final = (
    Route("GET", _PATH, list_notes, right=Right.OPERATE),
    Route("POST", _PATH, issue, right=Right.OPERATE),
)
