"""Topping up in the portal: to the provider's payment page and back, once."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from storage.person_records import Role
from tests.support.api_world import api_world
from tests.support.page_visitor import PageVisitor, Shown
from tests.support.signed_in import add_person
from tests.support.till import Till, open_till

NEW = "/portal/wallet/topups/new"
EMAIL = "payer@shop.example"
ELSEWHERE = {"Origin": "https://api.razorpay.com", "Sec_Fetch_Site": "cross-site"}


@dataclass
class Payer:
    """Somebody with the right to pay, and what the provider's stand-in has."""

    till: Till
    visitor: PageVisitor

    async def order(self, amount: str = "500") -> str:
        """A payment to be made: the path of its page."""
        return (await self.visitor.submit(NEW, NEW, amount=amount)).location

    async def checkout(self, own: str) -> dict[str, str]:
        """What the form to the provider holds."""
        shown = await self.visitor.get(own)
        assert shown.status == 200
        fields: dict[str, str] = shown.fields(str(self.visitor.checkout_url))
        return fields

    async def pay(self, own: str) -> dict[str, str]:
        """At the provider: what the browser comes back with."""
        order_id = (await self.checkout(own))["order_id"]
        return self.till.toy.checkout_fields(order_id, self.till.toy.pay(order_id))

    async def come_back(self, own: str, said: dict[str, str]) -> Shown:
        """As a browser does: the provider's form brings no session, the page it leads to is asked with it."""
        kept, self.visitor.cookies = self.visitor.cookies, {}
        back = await self.visitor.post(f"{own}/back", said, **ELSEWHERE)
        assert back.status == 303
        self.visitor.cookies |= kept
        return await self.visitor.get(back.location)


@pytest.fixture
async def payer() -> AsyncIterator[Payer]:
    async with open_till() as till:
        await add_person(till.world, EMAIL, Role.FINANCE)
        visitor = PageVisitor(till.world, checkout_url=till.checkout_url)
        await visitor.sign_in(EMAIL)
        yield Payer(till, visitor)


async def test_money_is_paid_in_and_counted_once(payer: Payer) -> None:
    before = await payer.till.balance()
    own = await payer.order()
    shown = await payer.visitor.get(own)
    assert "₹90.00" in shown.text
    assert "Pay ₹590.00" in shown.text
    form = await payer.checkout(own)
    assert (form["amount"], form["currency"], form["name"]) == ("59000", "INR", "Example Telecom")
    assert urlsplit(form["callback_url"]).path == f"{own}/back" == urlsplit(form["cancel_url"]).path
    said = await payer.pay(own)
    for _ in range(2):
        assert (await payer.come_back(own, said)).location == own
        assert await payer.till.balance() == before + 50_000
    after = await payer.visitor.get(own)
    assert "The wallet has been credited" in after.text
    assert str(payer.visitor.checkout_url) not in after.text
    (invoice,) = await payer.till.invoices()
    assert str(invoice["number"]) in after.text


async def test_a_payment_that_was_not_made_can_be_made_later(payer: Payer) -> None:
    before = await payer.till.balance()
    own = await payer.order()
    for said in (
        {},
        {"error[code]": "BAD_REQUEST_ERROR"},
        {"razorpay_payment_id": "pay_1", "razorpay_signature": "<>"},
    ):
        shown = await payer.come_back(own, said)
        assert "Pay ₹590.00" in shown.text
        assert "The payment was not made." in shown.text
    assert (await payer.visitor.get(f"{own}/back")).location == own
    assert await payer.till.balance() == before
    assert (await payer.come_back(own, await payer.pay(own))).location == own
    assert await payer.till.balance() == before + 50_000


async def test_what_was_not_signed_by_the_provider_counts_nothing(payer: Payer) -> None:
    before = await payer.till.balance()
    own, other = await payer.order(), await payer.order("1000")
    said = await payer.pay(own)
    shown = await payer.come_back(other, said)
    assert shown.status == 400
    assert "signature is not the payment provider" in shown.text
    shown = await payer.come_back(own, said | {"razorpay_signature": "0" * 64})
    assert shown.status == 400
    assert await payer.till.balance() == before
    assert (await payer.visitor.get(f"{own}/paid")).status == 404


async def test_a_payment_the_provider_is_silent_about_is_waited_for(payer: Payer) -> None:
    before = await payer.till.balance()
    own = await payer.order()
    said = await payer.pay(own)
    payer.till.toy.trouble = "down"
    shown = await payer.come_back(own, said)
    assert "as soon as it has told us" in shown.text
    part = await payer.visitor.get(own, HX_Request="true")
    assert "as soon as it has told us" in part.text
    payer.till.toy.trouble = ""
    assert (await payer.till.notify(said["razorpay_payment_id"])).status == 200
    assert "The wallet has been credited" in (await payer.visitor.get(own, HX_Request="true")).text
    assert await payer.till.balance() == before + 50_000


@pytest.mark.parametrize("amount", ["", "9.99", "ten", "1e400", "0.001", "-5"])
async def test_an_amount_that_cannot_be_paid_is_marked(payer: Payer, amount: str) -> None:
    shown = await payer.visitor.submit(NEW, NEW, amount=amount)
    assert shown.status == 400
    assert 'id="amount-fault"' in shown.text


async def test_another_organisations_payment_is_not_there(payer: Payer) -> None:
    unknown = "/portal/wallet/topups/2d3e4f5a-6b7c-4d8e-9f0a-1b2c3d4e5f60"
    assert (await payer.visitor.get(unknown)).status == 404
    assert (await payer.visitor.get(f"{unknown}/paid?razorpay_payment_id=p&razorpay_signature=s")).status == 404


async def test_a_viewer_sees_a_payment_and_cannot_make_it(payer: Payer) -> None:
    own = await payer.order()
    await add_person(payer.till.world, "viewer@shop.example", Role.DEVELOPER)
    other = PageVisitor(payer.till.world, checkout_url=payer.visitor.checkout_url)
    await other.sign_in("viewer@shop.example")
    shown = await other.get(own)
    assert str(payer.visitor.checkout_url) not in shown.text
    assert (await other.get(NEW)).status == 403


async def test_where_nothing_can_be_paid_it_says_whom_to_ask() -> None:
    async with api_world() as world:
        await add_person(world, "owner@shop.example", Role.OWNER)
        visitor = PageVisitor(world)
        await visitor.sign_in("owner@shop.example")
        assert "whoever runs this service" in (await visitor.get(NEW)).text
