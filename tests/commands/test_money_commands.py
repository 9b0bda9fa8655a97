"""Top-ups and refunds by command: the JSON is an interface, and nothing else is on stdout."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from b2bua.clock import SystemClock
from b2bua.config import load_config
from control_api.payments.crediting import Asked, credit_payment, tax_for, topup_asked
from control_api.payments.desk import payment_desk
from control_api.payments.provider import payment_of
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.toy_razorpay import KEY_ID, KEY_SECRET, WEBHOOK_SECRET, ToyRazorpay

pytestmark = pytest.mark.sockets


@contextmanager
def served(toy: ToyRazorpay) -> Iterator[str]:
    """The stand-in in a thread of its own, as commands have loops of their own: its address."""
    ready, done = threading.Event(), threading.Event()
    found: list[str] = []

    async def serve() -> None:
        server = await toy.start()
        found.append(str(server.make_url("")).rstrip("/"))
        ready.set()
        await asyncio.to_thread(done.wait)
        await server.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield found[0]
    finally:
        done.set()
        thread.join()


def take_payments(desk: Any, url: str) -> None:
    """Configure them."""
    values = {
        "supplier": "Example Telecom",
        "state": "Karnataka",
        "razorpay_key_id": KEY_ID,
        "razorpay_key_secret": KEY_SECRET,
        "razorpay_webhook_secret": WEBHOOK_SECRET,
        "razorpay_url": url,
    }
    text = desk.config.read_text("utf-8")
    for name, value in values.items():
        text = text.replace(f'\n{name} = ""', f'\n{name} = "{value}"')
    desk.config.write_text(text, "utf-8")


def pay(desk: Any, toy: ToyRazorpay, org_id: str, at_ms: int = 1_735_732_800_000) -> None:
    """A top-up of 500 rupees that was asked for and paid."""
    config = load_config(desk.config, {})
    payments = payment_desk(config.billing)
    assert payments is not None
    terms = payments.terms
    payments.provider.close()
    toy.orders["order_1"] = {"amount": 59_000, "currency": "INR"}
    payment = payment_of(toy.payments[toy.pay("order_1")])

    def work(unit: UnitOfWork) -> None:
        organisation = unit.accounts.organisation(org_id)
        asked = Asked("topup-1", "order_1", tax_for(terms, organisation, 50_000), at_ms)
        unit.payments.add(topup_asked(terms, organisation, asked))
        credit_payment(unit, terms, payment, at_ms)

    async def carry_out() -> None:
        store = await Store.open(config.storage.url)
        await store.run(work)
        await store.close()

    asyncio.run(carry_out())


def test_a_payment_is_paid_back_by_command(desk: Any) -> None:
    org, toy = desk.org(), ToyRazorpay()
    asked = ("payment", "refund", "topup-1", "--org", org, "--reference", "r")
    assert "no payments are configured" in desk.refused(*asked)
    with served(toy) as url:
        take_payments(desk, url)
        assert "there is no top-up topup-1" in desk.refused(*asked)
        pay(desk, toy, org)
        [shown] = desk.json("payment", "list", "--org", org)["data"]
        assert (shown["topup_id"], shown["total"], shown["invoice_number"]) == ("topup-1", 590, "INV/24-25/000001")
        made = desk.json(*asked, "--rupees", "118")
        assert (made["status"], made["amount"], made["total"]) == ("processed", 100, 118)
        assert desk.json(*asked, "--rupees", "118") == made
        assert "more than is left" in desk.refused(*asked[:-1], "s", "--rupees", "500")
        assert desk.json("payment", "refunds", "--org", org)["data"] == [made]
    assert desk.json("ledger", "check") == {"data": []}
    assert "there is no organisation nobody" in desk.refused("payment", "list", "--org", "nobody")


def test_a_provider_out_of_reach_is_one_line_and_no_more(desk: Any) -> None:
    org, toy = desk.org(), ToyRazorpay()
    with served(toy) as url:
        take_payments(desk, url)
    pay(desk, toy, org)
    told = desk.refused("payment", "refund", "topup-1", "--org", org, "--reference", "r")
    assert "try again with the same reference" in told
    [refund] = desk.json("payment", "refunds", "--org", org)["data"]
    assert refund["status"] == "asked"


def test_credit_notes_are_issued_by_command(desk: Any) -> None:
    org, toy = desk.org(), ToyRazorpay()
    take_payments(desk, "http://127.0.0.1:9")
    pay(desk, toy, org, SystemClock().wall_ms())
    [paid] = desk.json("payment", "list", "--org", org)["data"]
    asked = ("credit-note", "issue", "--org", org, "--reason", "Invoiced twice", "--rupees", "118")
    made = desk.json(*asked, "--kind", "correction", "--invoice", paid["invoice_number"], "--reference", "a")
    assert (made["amount"], made["total"]) == (100, 118)
    given = desk.json(*asked, "--kind", "goodwill", "--reference", "b")
    assert (given["amount"], given["gst"]) == (118, 0)
    assert desk.json("credit-note", "list", "--org", org)["data"] == [given, made]
    assert "needs the number" in desk.refused(*asked, "--kind", "correction", "--reference", "c")
    assert desk.json("ledger", "check") == {"data": []}
