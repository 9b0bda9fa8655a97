"""A payment provider as the API uses one."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class ProviderUnavailable(Exception):
    """The provider does not answer, or not with what is understood; asking again may help."""


class ProviderRefused(Exception):
    """The provider refuses what it was asked."""


@dataclass(frozen=True, slots=True)
class ProviderPayment:
    """A payment as the provider has it. `captured`: the money is ours."""

    payment_id: str
    order_id: str
    paise: int
    currency: str
    captured: bool


class RefundStatus(StrEnum):
    """Where a refund stands at the provider."""

    PENDING = "pending"
    PROCESSED = "processed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ProviderRefund:
    """A refund as the provider has it. `receipt`: our id of it; None: it was made at the provider."""

    provider_refund_id: str
    payment_id: str
    paise: int
    status: RefundStatus
    receipt: str | None


class PaymentProvider(Protocol):
    """Takes money. ProviderUnavailable, ProviderRefused."""

    @property
    def key_id(self) -> str:
        """What the checkout in the browser is opened with."""
        ...

    @property
    def checkout_url(self) -> str:
        """Where a browser posts the form that opens the provider's own payment page."""
        ...

    async def create_order(self, paise: int, receipt: str) -> str:
        """Ask for a payment: the order's id."""
        ...

    async def captured(self, payment_id: str) -> ProviderPayment:
        """A payment, captured now where it was only authorised."""
        ...

    async def pay_back(self, payment_id: str, paise: int, refund_id: str) -> ProviderRefund:
        """Pay a payment back, whole or in part; asked again under the same id it is found, not repeated."""
        ...

    def checkout_is_signed(self, order_id: str, payment_id: str, signature: str) -> bool:
        """Whether the provider says that this payment was for this order."""
        ...

    def webhook_is_signed(self, body: bytes, signature: str) -> bool:
        """Whether a webhook's body is the provider's."""
        ...

    def close(self) -> None:
        """Give back threads and connections."""
        ...


def payment_of(entity: Mapping[str, Any]) -> ProviderPayment:
    """A payment entity as replies and webhooks have it. ProviderUnavailable where it is none."""
    # What was paid back whole was captured before.
    captured = entity.get("status") in ("captured", "refunded")
    return ProviderPayment(
        text_of(entity, "id"), text_of(entity, "order_id"), _paise_of(entity), text_of(entity, "currency"), captured
    )


def refund_of(entity: Mapping[str, Any]) -> ProviderRefund:
    """A refund entity as replies and webhooks have it. ProviderUnavailable where it is none."""
    receipt = entity.get("receipt")
    try:
        status = RefundStatus(text_of(entity, "status"))
    except ValueError:
        raise ProviderUnavailable("the refund has no known status") from None
    return ProviderRefund(
        text_of(entity, "id"),
        text_of(entity, "payment_id"),
        _paise_of(entity),
        status,
        receipt if isinstance(receipt, str) else None,
    )


def text_of(entity: Mapping[str, Any], name: str) -> str:
    """A short text of an entity. ProviderUnavailable where it has none."""
    value = entity.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 64:
        raise ProviderUnavailable(f"the reply has no {name}")
    return value


def _paise_of(entity: Mapping[str, Any]) -> int:
    paise = entity.get("amount")
    if not isinstance(paise, int) or isinstance(paise, bool):
        raise ProviderUnavailable("the reply has no amount")
    return paise
