"""A payment provider as the API uses one."""

from dataclasses import dataclass
from typing import Protocol


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
