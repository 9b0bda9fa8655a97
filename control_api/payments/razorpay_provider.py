"""Razorpay by its own library, which blocks: one thread of its own asks, so that nothing else waits."""

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import razorpay
import requests
from razorpay.errors import BadRequestError, GatewayError, ServerError, SignatureVerificationError

from control_api.payments.provider import (
    ProviderPayment,
    ProviderRefund,
    ProviderRefused,
    ProviderUnavailable,
    payment_of,
    refund_of,
    text_of,
)

Result = TypeVar("Result")

TIMEOUT_S: Final = 10.0
WAITING_MAX: Final = 32
REFUNDS_LOOKED_AT: Final = 100  # of a payment: as many as the provider lists at once
CURRENCY: Final = "INR"
_PROVIDER_URL: Final = "https://api.razorpay.com"
_HOSTED_CHECKOUT: Final = "/v1/checkout/embedded"


@dataclass(frozen=True, slots=True)
class RazorpayAccount:
    """The operator's account. `base_url`: another address of the same protocol; "": the provider's own."""

    key_id: str
    key_secret: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    base_url: str = ""


class _Unreached(Exception):
    """No reply came. Not one of the HTTP library's errors: those the provider's library prints to stdout."""


class _QuietSession(requests.Session):
    def request(self, *arguments: Any, **options: Any) -> requests.Response:
        """The reply. _Unreached."""
        try:
            return super().request(*arguments, **options)
        except requests.RequestException as error:
            raise _Unreached(type(error).__name__) from error


class Razorpay:
    """The provider. At most `WAITING_MAX` questions wait for the thread; beyond that it is unavailable."""

    def __init__(self, account: RazorpayAccount) -> None:
        """To be closed."""
        self._account = account
        options = {"base_url": account.base_url} if account.base_url else {}
        session = _QuietSession()
        session.trust_env = False
        self._client = razorpay.Client(session=session, auth=(account.key_id, account.key_secret), **options)
        self._thread = ThreadPoolExecutor(1, "razorpay")
        self._waiting = 0

    @property
    def key_id(self) -> str:
        """What the checkout in the browser is opened with."""
        return self._account.key_id

    @property
    def checkout_url(self) -> str:
        """Where a browser posts the form that opens the provider's own payment page."""
        return (self._account.base_url or _PROVIDER_URL).rstrip("/") + _HOSTED_CHECKOUT

    def close(self) -> None:
        """End the thread once the question under way is answered."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._client.session.close()

    async def create_order(self, paise: int, receipt: str) -> str:
        """Ask for a payment: the order's id. ProviderUnavailable, ProviderRefused."""
        asked = {"amount": paise, "currency": CURRENCY, "receipt": receipt}
        order = await self._ask(lambda: self._client.order.create(asked, timeout=TIMEOUT_S))
        return text_of(order, "id")

    async def captured(self, payment_id: str) -> ProviderPayment:
        """A payment, captured now where it was only authorised. ProviderUnavailable, ProviderRefused."""
        found = await self._ask(lambda: self._client.payment.fetch(payment_id, timeout=TIMEOUT_S))
        if found.get("status") == "authorized":
            asked = {"currency": CURRENCY}
            paise = payment_of(found).paise
            found = await self._ask(lambda: self._client.payment.capture(payment_id, paise, asked, timeout=TIMEOUT_S))
        return payment_of(found)

    async def pay_back(self, payment_id: str, paise: int, refund_id: str) -> ProviderRefund:
        """Pay a payment back, whole or in part; asked again under the same id it is found, not repeated.

        ProviderUnavailable: whether it is paid back is not known. ProviderRefused: it is not.
        """
        asked = {"amount": paise, "receipt": refund_id, "notes": {"refund_id": refund_id}}
        headers = {"X-Refund-Idempotency": refund_id}
        pay = self._client.payment.refund
        try:
            return refund_of(await self._ask(lambda: pay(payment_id, asked, headers=headers, timeout=TIMEOUT_S)))
        except ProviderRefused:
            known = await self._refund_known(payment_id, refund_id)
            if known is None:
                raise
            return known

    async def _refund_known(self, payment_id: str, refund_id: str) -> ProviderRefund | None:
        """What the provider has under our id: refused may be what was carried out when it was first asked.

        ProviderUnavailable, where it refuses to tell as well.
        """
        wanted = {"count": REFUNDS_LOOKED_AT}
        look = self._client.payment.fetch_multiple_refund
        try:
            listed = await self._ask(lambda: look(payment_id, wanted, timeout=TIMEOUT_S))
        except ProviderRefused as error:
            raise ProviderUnavailable(str(error)) from error
        entities = listed.get("items")
        if not isinstance(entities, list):
            raise ProviderUnavailable("the reply has no refunds")
        known = (refund_of(entity) for entity in entities if isinstance(entity, Mapping))
        return next((refund for refund in known if refund.receipt == refund_id), None)

    def checkout_is_signed(self, order_id: str, payment_id: str, signature: str) -> bool:
        """Whether the provider says that this payment was for this order."""
        signed = {
            "razorpay_order_id": order_id,
            "razorpay_payment_id": payment_id,
            "razorpay_signature": signature,
        }
        return signature.isascii() and _is_true(lambda: self._client.utility.verify_payment_signature(signed))

    def webhook_is_signed(self, body: bytes, signature: str) -> bool:
        """Whether a webhook's body is the provider's. Without a webhook secret none is."""
        secret = self._account.webhook_secret
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return False
        check = self._client.utility.verify_webhook_signature
        return bool(secret) and signature.isascii() and _is_true(lambda: check(text, signature, secret))

    async def _ask(self, question: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        if self._waiting >= WAITING_MAX:
            raise ProviderUnavailable("too many questions wait for an answer")
        self._waiting += 1
        try:
            reply = await asyncio.get_running_loop().run_in_executor(self._thread, question)
        except BadRequestError as error:
            raise ProviderRefused(str(error)) from error
        except (_Unreached, GatewayError, ServerError, requests.RequestException, json.JSONDecodeError) as error:
            raise ProviderUnavailable(str(error) or type(error).__name__) from error
        finally:
            self._waiting -= 1
        if not isinstance(reply, Mapping):
            raise ProviderUnavailable("the reply is no object")
        return reply


def _is_true(check: Callable[[], object]) -> bool:
    try:
        return bool(check())
    except SignatureVerificationError:
        return False
