"""Where payments are made: a provider, and the terms under which it is billed."""

from dataclasses import dataclass

from b2bua.billing.documents import BilledParty
from b2bua.billing.gstin import check_gstin, state_code
from b2bua.config.sections import BillingSection
from control_api.errors import NotFound
from control_api.payments.crediting import BillingTerms
from control_api.payments.provider import PaymentProvider


@dataclass(frozen=True, slots=True)
class PaymentDesk:
    """What the routes about money need."""

    provider: PaymentProvider
    terms: BillingTerms

    def checkout(self, paise: int) -> dict[str, object]:
        """What a browser opens the provider's checkout with."""
        return {
            "provider": "razorpay",
            "key_id": self.provider.key_id,
            "url": self.provider.checkout_url,
            "supplier": self.terms.supplier.name,
            "paise": paise,
        }


def payment_desk(billing: BillingSection) -> PaymentDesk | None:
    """The desk of a checked configuration, to be closed by its provider; None where no payments are taken."""
    if not billing.razorpay_key_id:
        return None
    # With its HTTP library it takes a fifth of a second to load, which only who takes payments is to wait for.
    from control_api.payments.razorpay_provider import Razorpay, RazorpayAccount

    account = RazorpayAccount(
        billing.razorpay_key_id, billing.razorpay_key_secret, billing.razorpay_webhook_secret, billing.razorpay_url
    )
    gstin = check_gstin(billing.gstin) if billing.gstin else None
    supplier = BilledParty(billing.supplier, billing.address, state_code(billing.state), gstin)
    terms = BillingTerms(supplier, billing.invoice_series, billing.credit_note_series, billing.sac, billing.description)
    return PaymentDesk(Razorpay(account), terms)


def desk_of(payments: PaymentDesk | None) -> PaymentDesk:
    """The desk. NotFound where no payments are taken."""
    if payments is None:
        raise NotFound("Payments are not configured here.")
    return payments
