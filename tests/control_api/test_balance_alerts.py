"""A low balance is told once: by webhook, and by mail to owners and finance people."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from control_api import balance_alerts as alerts_module
from control_api.balance_alerts import BalanceAlerts
from control_api.mail.post import Post
from control_api.webhooks.payloads import render_wallet_body
from storage.billing_records import WalletEvent
from storage.errors import StoreUnavailable
from storage.person_records import Role
from storage.records import WebhookEndpoint, WebhookEvent
from tests.support.api_world import ORG, ApiWorld, api_world
from tests.support.mail import Letterbox, Pauses
from tests.support.seeded_tokens import SeededTokens
from tests.support.signed_in import add_person, sign_in

PATH = "/v1/account/organisation"


@dataclass
class Watch:
    """Alerts over an API whose letters are kept."""

    world: ApiWorld
    box: Letterbox
    post: Post
    alerts: BalanceAlerts
    woken: list[None] = field(default_factory=list)

    async def turn(self) -> int:
        told = await self.alerts.turn()
        await self.post.settled()
        return told

    async def spend(self, transfer_id: str, paise: int) -> None:
        await self.world.store.run(lambda unit: unit.ledger.debit(transfer_id, ORG, paise, None, 1))


@pytest.fixture
async def watch() -> AsyncIterator[Watch]:
    async with api_world() as world:
        box, woken = Letterbox(), list[None]()
        post = Post(box, Pauses())
        alerts = BalanceAlerts(
            world.store, world.clock, SeededTokens(9), lambda: woken.append(None), post, "https://calls.example"
        )
        for role in Role:
            await add_person(world, f"{role}@shop.example", role)
        yield Watch(world, box, post, alerts, woken)
        await post.close()


async def test_it_is_told_once_to_those_who_look_after_the_money(watch: Watch) -> None:
    hook = WebhookEndpoint("hook", ORG, "https://x.example/", ("s",), frozenset({WebhookEvent.WALLET_LOW}), 1)
    await watch.world.store.run(lambda unit: unit.accounts.add_endpoint(hook))
    owner = await sign_in(watch.world, "owner@shop.example")
    changed = await owner.send("PATCH", PATH, json={"low_balance": 100.5})
    assert changed.json["data"]["low_balance"] == 100.5
    assert await watch.turn() == 0
    await watch.spend("a", 39_951)
    assert await watch.turn() == 1
    assert await watch.turn() == 0
    assert len(watch.woken) == 1
    assert sorted(letter.to for letter in watch.box.letters) == ["finance@shop.example", "owner@shop.example"]
    assert all("Rs 100.49, below the Rs 100.50" in letter.text for letter in watch.box.letters)
    assert len({letter.letter_id for letter in watch.box.letters}) == 2
    (delivery,) = await watch.world.store.run(lambda unit: unit.outbox.claim_due(2**50, 10))
    assert isinstance(delivery.event, WalletEvent)
    assert json.loads(render_wallet_body(delivery.event)) == {
        "event": "wallet.low",
        "call_sid": None,
        "data": {"balance": 100.49, "threshold": 100.5, "currency": "INR"},
        "event_id": delivery.event.event_id,
        "sequence": 1,
        "created_at": "1970-01-01T00:00:00Z",
        "reference": None,
    }
    shown = (await owner.send("GET", "/v1/account/webhooks/hook/deliveries")).json["data"]
    assert [(row["event"], row["call_sid"]) for row in shown] == [("wallet.low", None)]
    assert watch.alerts.figures() == {"low_balances_told_total": 1}


async def test_without_mail_the_webhook_alone_tells(watch: Watch) -> None:
    await watch.world.store.run(lambda unit: unit.accounts.set_low_balance(ORG, 40_000))
    await watch.spend("a", 20_000)
    silent = BalanceAlerts(watch.world.store, watch.world.clock, SeededTokens(3), lambda: None, None, "https://x")
    assert await silent.turn() == 1
    assert watch.box.letters == []


async def test_somebody_disabled_is_not_told(watch: Watch) -> None:
    await watch.world.store.run(lambda unit: unit.people.disable("id-owner", 1))
    await watch.world.store.run(lambda unit: unit.accounts.set_low_balance(ORG, 40_000))
    await watch.spend("a", 20_000)
    await watch.turn()
    assert [letter.to for letter in watch.box.letters] == ["finance@shop.example"]


@pytest.mark.parametrize("value", [0, -1, 1.001, 1e9, "5", True])
async def test_a_threshold_that_cannot_be(watch: Watch, value: object) -> None:
    owner = await sign_in(watch.world, "owner@shop.example")
    reply = await owner.send("PATCH", PATH, json={"low_balance": value})
    assert (reply.status, reply.json["error"]["field"]) == (400, "low_balance")


async def test_a_store_that_is_away_for_long_is_told_ever_more_rarely(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    turns = iter(range(100))

    async def away() -> int:
        if next(turns, None) is None:
            raise asyncio.CancelledError
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(alerts_module, "TURN_S", 0.0)
    monkeypatch.setattr(watch.alerts, "turn", away)
    with pytest.raises(asyncio.CancelledError):
        await watch.alerts.run()
    assert caplog.messages == ["low balances cannot be told now: disk full"] * 7
