"""What each endpoint of payments does, for the OpenAPI document."""

from typing import Final

from control_api import payment_schemas as shapes
from control_api.account_bodies import PageQuery
from control_api.account_schemas import EmptyReply
from control_api.operation import BODY, CONFLICT, INVALID, NOT_FOUND, NOT_NOW, Operation
from control_api.rights import Right

_TAG: Final = "Payments"

PAYMENT_OPERATIONS: Final = (
    Operation(
        "POST",
        "/v1/account/topups",
        "askForTopUp",
        _TAG,
        "Top up the wallet",
        "Orders a payment from Razorpay: open its checkout with `key_id` and `order_id`, and give what it answers to "
        "`confirm`. The wallet gets `amount`; GST is paid on top. Not found where no provider is configured.",
        shapes.NewTopUpReply,
        status=201,
        right=Right.BILLING_WRITE,
        body=shapes.TopUpBody,
        errors=(NOT_FOUND, *BODY),
        example="new_topup",
    ),
    Operation(
        "GET",
        "/v1/account/topups",
        "listTopUps",
        _TAG,
        "List payments",
        "Newest first, those never made too.",
        shapes.TopUpsReply,
        right=Right.BILLING_READ,
        query=PageQuery,
        errors=(INVALID, NOT_NOW),
        example="topups",
    ),
    Operation(
        "GET",
        "/v1/account/topups/{topup_id}",
        "showTopUp",
        _TAG,
        "Look at a payment",
        "Its `invoice_number` is there once it has been made.",
        shapes.TopUpReply,
        right=Right.BILLING_READ,
        errors=(NOT_FOUND, NOT_NOW),
        example="topup",
    ),
    Operation(
        "POST",
        "/v1/account/topups/{topup_id}/confirm",
        "confirmTopUp",
        _TAG,
        "Confirm a payment",
        "What the checkout answered. The signature is checked, the payment is looked up and captured, the wallet is "
        "credited and the invoice issued. The provider's webhook does the same: whichever comes first counts, and "
        "nothing counts twice.",
        shapes.TopUpReply,
        right=Right.BILLING_WRITE,
        body=shapes.ConfirmTopUpBody,
        errors=(NOT_FOUND, CONFLICT, *BODY),
        example="topup",
    ),
    Operation(
        "GET",
        "/v1/account/invoices",
        "listInvoices",
        _TAG,
        "List invoices",
        "Tax invoices, newest first.",
        shapes.InvoicesReply,
        right=Right.BILLING_READ,
        query=PageQuery,
        errors=(INVALID, NOT_NOW),
        example="invoices",
    ),
    Operation(
        "GET",
        "/v1/account/invoices/{number}",
        "showInvoice",
        _TAG,
        "Get an invoice",
        "By its number with `-` in place of `/`, such as INV-26-27-000001. It never changes.",
        shapes.InvoiceReply,
        right=Right.BILLING_READ,
        errors=(NOT_FOUND, NOT_NOW),
        example="invoice",
    ),
    Operation(
        "GET",
        "/v1/account/invoices/{number}/pdf",
        "downloadInvoice",
        _TAG,
        "Download an invoice",
        "As PDF, the same each time.",
        None,
        right=Right.BILLING_READ,
        errors=(NOT_FOUND, NOT_NOW),
        media_type="application/pdf",
    ),
    Operation(
        "GET",
        "/v1/account/invoices/{number}/csv",
        "exportInvoice",
        _TAG,
        "Export an invoice",
        "As a table (CSV, RFC 4180) of one row under its heads.",
        None,
        right=Right.BILLING_READ,
        errors=(NOT_FOUND, NOT_NOW),
        media_type="text/csv",
    ),
    Operation(
        "POST",
        "/v1/payments/razorpay",
        "hearRazorpay",
        _TAG,
        "Razorpay's webhook",
        "For Razorpay alone: events `payment.captured` and `order.paid`, signed in `X-Razorpay-Signature` with the "
        "webhook secret of the configuration. Other events are answered and passed over.",
        EmptyReply,
        body=shapes.ProviderEventBody,
        errors=((401, "unauthorized"), NOT_FOUND, *BODY),
        example="empty",
    ),
)
