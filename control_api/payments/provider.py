"""A payment provider as the API uses one."""

from collections.abc import Mapping
from dataclasses import dataclass
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


class PaymentProvider(Protocol):
    """Takes money. ProviderUnavailable, ProviderRefused."""

    @property
    def key_id(self) -> str:
        """What the checkout in the browser is opened with."""
        ...

    async def create_order(self, paise: int, receipt: str) -> str:
        """Ask for a payment: the order's id."""
        ...

    async def captured(self, payment_id: str) -> ProviderPayment:
        """A payment, captured now where it was only authorised."""
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
    paise, captured = entity.get("amount"), entity.get("status") == "captured"
    if not isinstance(paise, int) or isinstance(paise, bool):
        raise ProviderUnavailable("the payment has no amount")
    return ProviderPayment(
        text_of(entity, "id"), text_of(entity, "order_id"), paise, text_of(entity, "currency"), captured
    )


def text_of(entity: Mapping[str, Any], name: str) -> str:
    """A short text of an entity. ProviderUnavailable where it has none."""
    value = entity.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 64:
        raise ProviderUnavailable(f"the reply has no {name}")
    return value
