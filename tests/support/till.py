"""An API that takes payments through a stand-in of the provider, and who pays."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from b2bua.config.sections import BillingSection
from control_api.payments.desk import PaymentDesk, payment_desk
from storage.person_records import Role
from tests.support.api_world import ORG, ApiReply, ApiWorld, api_world
from tests.support.signed_in import SignedIn, somebody
from tests.support.toy_razorpay import KEY_ID, KEY_SECRET, WEBHOOK_SECRET, ToyRazorpay

TOPUPS = "/v1/account/topups"
INVOICES = "/v1/account/invoices"
HOOK = "/v1/payments/razorpay"


@dataclass
class Till:
    """An API that takes payments through a stand-in, and who pays."""

    world: ApiWorld
    toy: ToyRazorpay
    checkout_url: str
    browser: SignedIn

    async def ask(self, amount: object = 500) -> dict[str, object]:
        reply = await self.browser.send("POST", TOPUPS, json={"amount": amount})
        assert reply.status == 201, reply.body
        data: dict[str, object] = reply.json["data"]
        return data

    async def confirm(self, topup: dict[str, object], payment_id: str, signature: str | None = None) -> ApiReply:
        order_id = str(topup["order_id"])
        body = {
            "razorpay_payment_id": payment_id,
            "razorpay_signature": signature or self.toy.checkout_signature(order_id, payment_id),
        }
        return await self.browser.send("POST", f"{TOPUPS}/{topup['topup_id']}/confirm", json=body)

    async def notify(self, payment_id: str, event: str = "payment.captured", signature: str | None = None) -> ApiReply:
        body, signed = self.toy.notification(payment_id, event)
        headers = {"X-Razorpay-Signature": signature or signed, "Content-Type": "application/json"}
        return await self.world.send("POST", HOOK, key=None, data=body, headers=headers)

    async def paid(self, amount: object = 500) -> dict[str, object]:
        """A top-up that was paid."""
        topup = await self.ask(amount)
        assert (await self.notify(self.toy.pay(str(topup["order_id"])))).status == 200
        data: dict[str, object] = (await self.browser.send("GET", f"{TOPUPS}/{topup['topup_id']}")).json["data"]
        return data

    async def told_of_refund(
        self, refund_id: str, event: str = "refund.processed", signature: str | None = None
    ) -> ApiReply:
        body, signed = self.toy.refund_notification(refund_id, event)
        headers = {"X-Razorpay-Signature": signature or signed, "Content-Type": "application/json"}
        return await self.world.send("POST", HOOK, key=None, data=body, headers=headers)

    async def balance(self) -> int:
        return (await self.world.store.read(lambda reader: reader.wallet(ORG))).balance_paise

    async def invoices(self) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = (await self.browser.send("GET", INVOICES)).json["data"]
        return rows


def billing(url: str) -> BillingSection:
    return BillingSection(
        supplier="Example Telecom",
        address="1 MG Road, Bengaluru",
        state="Karnataka",
        gstin="29ABCDE1234F1ZW",
        razorpay_key_id=KEY_ID,
        razorpay_key_secret=KEY_SECRET,
        razorpay_webhook_secret=WEBHOOK_SECRET,
        razorpay_url=url,
    )


def opened(url: str) -> PaymentDesk:
    desk = payment_desk(billing(url))
    assert desk is not None
    return desk


@asynccontextmanager
async def open_till() -> AsyncIterator[Till]:
    """A stand-in, an API and somebody who may pay."""
    toy = ToyRazorpay()
    server = await toy.start()
    desk = opened(str(server.make_url("")).rstrip("/"))
    try:
        async with api_world(payments=desk) as world:
            yield Till(world, toy, desk.provider.checkout_url, await somebody(world, Role.FINANCE))
    finally:
        desk.provider.close()
        await server.close()
