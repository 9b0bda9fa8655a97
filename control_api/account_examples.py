"""Examples of replies about accounts, made by the functions that make the replies."""

from dataclasses import replace
from datetime import date
from typing import Final

from b2bua.billing.documents import BilledParty, DocumentKind, TaxDocument
from b2bua.billing.tax import tax_on
from control_api import account_schemas as shapes
from control_api.delivery_schemas import detail_representation, trial_representation
from control_api.payment_schemas import note_representation, refund_representation, shown_topup, topup_representation
from control_api.statement_schemas import statement_of, transfer_representation
from control_api.totp import provisioning_uri
from control_api.trunk_schemas import trunk_example
from control_api.webhooks.payloads import render_test_body
from control_api.webhooks.sender import Reply, Trial
from storage.billing_records import (
    CallDay,
    CreditNote,
    MonthEntry,
    MonthOfWallet,
    NoteKind,
    Refund,
    RefundState,
    TaxParts,
    TopUp,
    Transfer,
)
from storage.person_records import (
    Actor,
    ActorKind,
    AuditEntry,
    Invitation,
    Membership,
    Person,
    Role,
    Session,
)
from storage.records import (
    ApiKey,
    DeliveryAttempt,
    DeliveryLog,
    DeliveryState,
    EndpointReply,
    NumberUse,
    Organisation,
    Scope,
    Wallet,
    WebhookEndpoint,
    WebhookEvent,
)

_AT_MS: Final = 1_735_732_800_000
_LATER_MS: Final = _AT_MS + 43_200_000
_ORG: Final = Organisation("9f1e2d3c-4b5a-4968-8776-655443322110", "Shop", _AT_MS)
_ASHA: Final = Person("1c2d3e4f-5a6b-4c7d-8e9f-0a1b2c3d4e5f", "asha@shop.example", "Asha", _AT_MS)
_PLACE: Final = Membership(_ORG.org_id, _ASHA.person_id, Role.OWNER, _AT_MS)
_TOKEN: Final = "0123456789abcdef" * 4
_KEY: Final = ApiKey(
    "7a6b5c4d-3e2f-4a1b-8c9d-0e1f2a3b4c5d",
    _ORG.org_id,
    "shop",
    "",
    "vp_01234567",
    frozenset({Scope.CALLS_WRITE, Scope.CALLS_READ}),
    _AT_MS,
    allowed_networks=("192.0.2.0/24",),
)
_HOOK: Final = WebhookEndpoint(
    "5e4d3c2b-1a0f-4e9d-8c7b-6a5f4e3d2c1b",
    _ORG.org_id,
    "https://shop.example/calls",
    ("",),
    frozenset({WebhookEvent.COMPLETED, WebhookEvent.FAILED}),
    _AT_MS,
)
_ANSWER: Final = EndpointReply({"Content-Type": "application/json"}, '{"ok":true}')
_DELIVERY: Final = DeliveryLog(
    42,
    _HOOK.webhook_id,
    "8d7c6b5a-4f3e-4d2c-9b1a-0f9e8d7c6b5a",
    WebhookEvent.COMPLETED,
    "3f2b1c0d-9e8f-4a7b-8c6d-5e4f3a2b1c0d",
    5,
    _AT_MS,
    DeliveryState.DELIVERED,
    None,
    (DeliveryAttempt(1, _AT_MS, True, 200, None, 80, _ANSWER),),
)
_TEST_BODY: Final = render_test_body(_DELIVERY.event_id, _AT_MS)
_TRIAL: Final = Trial({"X-Edesy-Event-Id": _DELIVERY.event_id}, _TEST_BODY, Reply(200, None, None, _ANSWER), 80)
_CHANGE: Final = AuditEntry(
    _AT_MS,
    Actor(ActorKind.PERSON, _ASHA.person_id, _ASHA.email, "192.0.2.7"),
    _ORG.org_id,
    "key.create",
    _KEY.key_id,
    {"name": "shop", "scopes": ["calls:read", "calls:write"]},
    17,
)
_TOPUP: Final = TopUp(
    "2d3e4f5a-6b7c-4d8e-9f0a-1b2c3d4e5f60",
    _ORG.org_id,
    "order_IluGWxBm9U8zJ8",
    50_000,
    18,
    0,
    0,
    9_000,
    "27",
    _AT_MS,
    "pay_IluGWxBm9U8zJ9",
    _AT_MS,
    "INV/24-25/000001",
)
_INVOICE: Final = TaxDocument(
    DocumentKind.INVOICE,
    "INV/24-25/000001",
    date(2025, 1, 1),
    BilledParty("Example Telecom Private Limited", "1 MG Road, Bengaluru 560001", "29", "29ABCDE1234F1ZW"),
    BilledParty(_ORG.name, "", "27", None),
    "Prepaid calling credit",
    "998419",
    "27",
    tax_on(50_000, 18, "29", "27"),
    "pay_IluGWxBm9U8zJ9",
)
_REFUND: Final = Refund(
    "0a1b2c3d-4e5f-4061-8273-8495a6b7c8d9",
    _ORG.org_id,
    _TOPUP.topup_id,
    "ticket 17",
    "Asked for by the customer",
    TaxParts(10_000, 0, 0, 1_800),
    _AT_MS,
    RefundState.PROCESSED,
    "rfnd_FP8QHiV938haTz",
    _LATER_MS,
    10_000,
    "CN/24-25/000001",
)
_NOTE: Final = CreditNote(
    "CN/24-25/000002",
    _ORG.org_id,
    NoteKind.CORRECTION,
    _TOPUP.topup_id,
    "ticket 18",
    "Invoiced twice",
    TaxParts(10_000, 0, 0, 1_800),
    _LATER_MS,
)
_MONTH: Final = MonthOfWallet(
    0,
    49_700,
    (MonthEntry(_AT_MS, f"topup:{_TOPUP.topup_id}", "credit", "pay_IluGWxBm9U8zJ9", 50_000, "INV/24-25/000001"),),
    (CallDay(20_090, 2, 300),),
)
_TRANSFER: Final = Transfer(1, f"topup:{_TOPUP.topup_id}", "credit", None, "pay_IluGWxBm9U8zJ9", 50_000, 0, _AT_MS)
_CHECKOUT: Final = {
    "provider": "razorpay",
    "key_id": "rzp_test_1DP5mmOlF5G5ag",
    "url": "https://api.razorpay.com/v1/checkout/embedded",
    "supplier": "Example Telecom",
    "paise": 59_000,
}
_SECRET: Final = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def account_examples(public_url: str) -> dict[str, object]:
    """The data of an example reply by name."""
    session = Session("", _ASHA.person_id, _ORG.org_id, _TOKEN, _AT_MS, _AT_MS, _LATER_MS)
    invitation = Invitation("", "ravi@shop.example", _ORG.org_id, Role.FINANCE, False, _AT_MS, _LATER_MS)
    key = shapes.key_representation(_KEY) | {"key": f"vp_{_TOKEN}"}
    webhook = shapes.webhook_representation(_HOOK)
    delivery = shapes.delivery_representation(_DELIVERY)
    member = shapes.member_representation(_ASHA, _PLACE)
    return {
        "empty": {},
        "me": shapes.me_representation(
            _ASHA, session, Role.OWNER, [(_PLACE, _ORG.name)], ["calls:read", "calls:write"]
        ),
        "factor": {"secret": _SECRET, "uri": provisioning_uri(_SECRET, _ASHA.email)},
        "members": [member],
        "member": member,
        "invitation": shapes.invitation_representation(invitation, _TOKEN, public_url),
        "open_invitation": shapes.open_invitation_representation(invitation, _ORG, known=False),
        "keys": [shapes.key_representation(_KEY)],
        "new_key": key,
        "rotated_key": key | {"replaces": _KEY.key_id, "old_key_ends_at": "2025-01-02T12:00:00Z"},
        "webhooks": [webhook],
        "webhook": webhook,
        "new_webhook": webhook | {"secret": f"whsec_{_TOKEN}"},
        "deliveries": [delivery],
        "delivery": detail_representation(_DELIVERY, _TEST_BODY.decode(), replies=True),
        "trial": trial_representation(_DELIVERY.event_id, _TRIAL),
        "replay": {"delivery_id": 43, "replays": 42},
        "organisation": shapes.organisation_representation(_ORG, ["917969002802"]),
        "person": shapes.person_representation(_ASHA),
        "admin_organisation": shapes.admin_organisation_representation(_ORG, (), Wallet(_ORG.org_id, 50_000, 150)),
        "trunks": [trunk_example(_LATER_MS)],
        "numbers": [shapes.number_representation(NumberUse("917969002802", 1, 9))],
        "topup": shown_topup(_TOPUP, None),
        "new_topup": shown_topup(replace(_TOPUP, payment_id=None, paid_at=None, invoice_number=None), _CHECKOUT)
        | {"provider": _CHECKOUT["provider"], "key_id": _CHECKOUT["key_id"]},
        "invoice": _INVOICE.to_json(),
        "refund": refund_representation(_REFUND),
        "credit_note": note_representation(_NOTE),
        "statement": statement_of(_ORG, "2025-01", _MONTH, _LATER_MS).to_json(),
    }


def listed_account_examples() -> dict[str, list[dict[str, object]]]:
    """The same for lists that come in pages with a total."""
    return {
        "audit": [shapes.audit_representation(_CHANGE)],
        "admin_organisations": [
            shapes.admin_organisation_representation(_ORG, (), Wallet(_ORG.org_id, 50_000, 150)),
        ],
        "people": [shapes.person_representation(_ASHA)],
        "topups": [topup_representation(_TOPUP)],
        "invoices": [_INVOICE.to_json()],
        "refunds": [refund_representation(_REFUND)],
        "credit_notes": [note_representation(_NOTE)],
        "statements": [{"month": "2025-01", "complete": False}, {"month": "2024-12", "complete": True}],
        "ledger": [transfer_representation(_TRANSFER)],
    }
