"""Keys and secrets replaced without a gap, deliveries looked at and sent again."""

import asyncio
import hashlib
import json
from typing import Any

import pytest

from storage.records import WebhookEvent
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.stored import a_call, an_event


def _in_store(desk: Any, work: Any) -> Any:
    async def carry_out() -> Any:
        store = await Store.open(f"sqlite:///{desk.folder / 'var' / 'maskbridge.db'}")
        try:
            return await store.run(work)
        finally:
            await store.close()

    return asyncio.run(carry_out())


@pytest.fixture
def org(desk: Any) -> str:
    return str(desk.json("org", "create", "Acme")["org_id"])


def test_a_rotated_key_is_like_the_old_one_which_ends_after_its_grace(desk: Any, org: str) -> None:
    old = desk.json("key", "create", "--org", org, "--name", "app", "--scopes", "calls:read", "--ips", "192.0.2.0/24")
    new = desk.json("key", "rotate", old["key_id"], "--grace-hours", "2")
    assert set(new) == {"key_id", "key", "prefix", "scopes", "replaces", "old_key_ends_at"}
    assert new["replaces"] == old["key_id"]
    assert new["key"] != old["key"]
    assert new["key"].startswith(new["prefix"])
    assert new["scopes"] == ["calls:read"]
    kept = _in_store(desk, lambda unit: unit.accounts.key(old["key_id"]))
    fresh = _in_store(desk, lambda unit: unit.accounts.key(new["key_id"]))
    assert kept.expires_at == fresh.created_at + 2 * 3_600_000
    assert fresh.expires_at is None
    assert (fresh.name, fresh.allowed_networks) == ("app", ("192.0.2.0/24",))
    assert fresh.key_sha256 == hashlib.sha256(new["key"].encode()).hexdigest()


def test_what_cannot_be_rotated_is_said_in_one_line(desk: Any, org: str) -> None:
    assert "there is no key nobody" in desk.refused("key", "rotate", "nobody")
    key = desk.json("key", "create", "--org", org)["key_id"]
    assert "--grace-hours" in desk.refused("key", "rotate", key, "--grace-hours", "-1")
    desk.json("key", "revoke", key)
    assert "has ended already" in desk.refused("key", "rotate", key)


def test_a_secret_is_rotated_in_two_steps(desk: Any, org: str) -> None:
    made = desk.json("webhook", "add", "--org", org, "--url", "https://client.example/hook")
    webhook = made["webhook_id"]
    begun = desk.json("webhook", "rotate", webhook)
    assert begun["secrets"] == 2
    endpoint = _in_store(desk, lambda unit: unit.accounts.endpoint(webhook))
    assert endpoint.secrets == (begun["secret"], made["secret"])
    assert "--finish" in desk.refused("webhook", "rotate", webhook)
    assert desk.json("webhook", "rotate", webhook, "--finish") == {"webhook_id": webhook, "secrets": 1}
    assert _in_store(desk, lambda unit: unit.accounts.endpoint(webhook)).secrets == (begun["secret"],)
    assert "there is no webhook nobody" in desk.refused("webhook", "rotate", "nobody")


def test_deliveries_are_shown_and_sent_again(desk: Any, org: str) -> None:
    webhook = desk.json("webhook", "add", "--org", org, "--url", "https://client.example/hook")["webhook_id"]
    call = a_call(org_id=org)

    def happen(unit: Any) -> None:
        unit.calls.save(call)
        unit.outbox.add(an_event(call, 1, WebhookEvent.INITIATED))

    _in_store(desk, happen)
    [shown] = desk.json("webhook", "deliveries", "--org", org, webhook)["data"]
    assert (shown["event"], shown["call_sid"], shown["state"], shown["attempts"]) == (
        "call.initiated",
        call.call_id,
        "ready",
        0,
    )
    assert desk.json("webhook", "deliveries", "--org", org, webhook, "--dead")["data"] == []
    other = desk.org()
    assert desk.json("webhook", "deliveries")["data"] == [shown]
    assert desk.json("webhook", "deliveries", webhook)["data"] == [shown]
    assert shown["webhook_id"] == webhook
    assert desk.json("webhook", "deliveries", "--org", other)["data"] == []
    assert f"there is no webhook {webhook}" in desk.refused("webhook", "deliveries", "--org", other, webhook)
    again = desk.json("webhook", "replay", str(shown["delivery_id"]))
    assert again["replays"] == shown["delivery_id"]
    assert "no delivery 999" in desk.refused("webhook", "replay", "999")


def test_an_endpoint_is_enabled_again(desk: Any, org: str) -> None:
    webhook = desk.json("webhook", "add", "--org", org, "--url", "https://client.example/hook")["webhook_id"]
    _in_store(desk, lambda unit: unit.accounts.disable_endpoint(webhook, 5))
    assert desk.json("webhook", "list", "--org", org)["data"][0]["disabled_at"] is not None
    assert desk.json("webhook", "enable", webhook) == {"webhook_id": webhook, "disabled_at": None}
    assert desk.json("webhook", "list", "--org", org)["data"][0]["disabled_at"] is None


def test_gstin_and_state_of_an_organisation_are_changed_together(desk: Any) -> None:
    org = desk.org()
    assert desk.json("org", "set", org, "--gstin", "27aapfu0939f1zv", "--state", "27") == {
        "org_id": org,
        "gstin": "27AAPFU0939F1ZV",
        "state": "27",
    }
    assert "one of Maharashtra, the state is Kerala" in desk.refused("org", "set", org, "--state", "Kerala")
    assert "mistyped" in desk.refused("org", "set", org, "--gstin", "27AAPFU0939F1ZX")
    assert desk.json("org", "set", org, "--gstin", "none", "--state", "Kerala")["gstin"] is None
    assert "nothing to change" in desk.refused("org", "set", org)
    assert "mistyped" in desk.refused("org", "create", "Acme", "--gstin", "27AAPFU0939F1ZX")


def test_an_organisation_gets_an_address(desk: Any) -> None:
    org = desk.org()
    assert desk.json("org", "set", org, "--address", " 12  Marine Drive")["address"] == "12 Marine Drive"
    for wrong in ("", "x" * 301, "\x1b[2J"):
        assert "an address has" in desk.refused("org", "set", org, "--address", wrong)
    assert desk.json("org", "set", org, "--address", "none")["address"] is None


def test_the_books_are_compared(desk: Any) -> None:
    org = desk.org()
    assert desk.json("ledger", "check") == {"data": []}
    assert "agree" in desk.type("ledger", "check")[1]

    def astray(unit: UnitOfWork) -> None:
        unit.ledger.credit("first", org, 1_000, None, 1)
        unit.ledger.reserve("reserve:lost", org, "lost", 150, 1)

    _in_store(desk, astray)
    status, out, _ = desk.type("ledger", "check", "--json")
    assert status == 1
    assert json.loads(out)["data"] == [
        {"kind": "reservation_left", "org_id": org, "subject": "lost", "expected": 0, "found": 150}
    ]


def test_an_organisation_is_told_below_a_balance(desk: Any) -> None:
    org = desk.org()
    assert desk.json("org", "set", org, "--low-balance", "99.50") == {"org_id": org, "low_balance": 99.5}
    assert desk.json("org", "set", org, "--low-balance", "none") == {"org_id": org, "low_balance": None}
    assert "amount" in desk.refused("org", "set", org, "--low-balance", "0")
