"""The key ring's bounds and what it does when the store is in trouble."""

import asyncio
import logging
from dataclasses import replace
from hashlib import sha256
from ipaddress import ip_address

import pytest

from b2bua.tokens import SystemTokens
from control_api import auth
from control_api.auth import KeyRing, Proxies
from control_api.errors import Forbidden, Unauthorized
from control_api.keys import new_key
from control_api.networks import read_network
from storage.errors import StoreUnavailable
from storage.records import ApiKey, Organisation
from storage.store import Store
from tests.support.api_world import KEY, ORG, an_api_key
from tests.support.manual_clock import ManualClock

OTHERS = ["vp_" + digit * 64 for digit in "123"]


class TroubledStore(Store):
    """A store whose writes fail, at once or later."""

    at_once = True

    def submit(self, work: object) -> "asyncio.Future[object]":  # type: ignore[override]  # every work fails alike
        if self.at_once:
            raise StoreUnavailable("closed")
        failed: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        failed.set_exception(StoreUnavailable("disk full"))
        return failed


async def filled(kind: type[Store]) -> Store:
    store = await kind.open("sqlite://")

    def fill(unit: object) -> None:
        unit.accounts.create_organisation(Organisation(ORG, ORG, 1))  # type: ignore[attr-defined]
        for key in (KEY, *OTHERS):
            unit.accounts.add_key(an_api_key(key, ORG))  # type: ignore[attr-defined]

    await Store.submit(store, fill)
    return store


async def test_a_key_is_looked_up_again_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    store, clock = await filled(Store), ManualClock()
    ring = KeyRing(store, clock)
    looked_up: list[str] = []
    read = store.read

    async def counting(work: object) -> object:
        looked_up.append("once")
        return await read(work)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "read", counting)
    for _ in range(5):
        await ring.authenticate([f"Bearer {KEY}"])
    assert len(looked_up) == 1
    clock.advance(auth.FRESH_S)
    await ring.authenticate([f"Bearer {KEY}"])
    assert len(looked_up) == 2
    await store.close()


async def test_the_tables_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "MAX_CACHED_KEYS", 2)
    store = await filled(Store)
    ring = KeyRing(store, ManualClock())
    for key in (*OTHERS, *OTHERS):
        assert (await ring.authenticate([f"Bearer {key}"])).key.prefix == key[:11]
    assert len(ring._cached) == 2
    assert len(ring._touched_at) <= 2
    await store.close()


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_use_that_cannot_be_noted_holds_nobody_up(at_once: bool, caplog: pytest.LogCaptureFixture) -> None:
    store = await filled(TroubledStore)
    assert isinstance(store, TroubledStore)
    store.at_once = at_once
    with caplog.at_level(logging.WARNING):
        assert (await KeyRing(store, ManualClock()).authenticate([f"Bearer {KEY}"])).key.org_id == ORG
        await asyncio.sleep(0)
    assert ("was not noted" in caplog.text) is not at_once
    await store.close()


async def test_several_authorizations_are_none() -> None:
    store = await filled(Store)
    with pytest.raises(Unauthorized):
        await KeyRing(store, ManualClock()).authenticate([f"Bearer {KEY}", f"Bearer {KEY}"])
    await store.close()


async def test_a_row_under_another_hash_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    store = await filled(Store)

    async def another(_work: object) -> ApiKey:
        return an_api_key(OTHERS[0], ORG)

    monkeypatch.setattr(store, "read", another)
    assert sha256(OTHERS[0].encode()).hexdigest() != sha256(KEY.encode()).hexdigest()
    with pytest.raises(Unauthorized):
        await KeyRing(store, ManualClock()).authenticate([f"Bearer {KEY}"])
    await store.close()


@pytest.mark.parametrize(
    ("remote", "forwarded_for", "address"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.1", "198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["198.51.100.7," * 1_000 + "10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["10.0.0.2," * 1_000 + "10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["unknown"], "None"),
        ("10.0.0.1", [""], "None"),
        (None, ["198.51.100.7"], "None"),
        ("::ffff:10.0.0.1", ["[2001:db8::7]:80"], "2001:db8::7"),
    ],
)
def test_client_address(remote: str | None, forwarded_for: list[str], address: str) -> None:
    assert str(Proxies(["10.0.0.0/8"]).client_address(remote, forwarded_for)) == address


def test_a_trusted_proxy_in_the_clothes_of_ipv6_is_trusted() -> None:
    proxies = Proxies(["::ffff:10.0.0.0/104", "2001:db8::1"])
    assert str(proxies.client_address("10.0.0.1", ["198.51.100.7"])) == "198.51.100.7"
    assert str(proxies.client_address("2001:db8::1", ["198.51.100.7"])) == "198.51.100.7"
    assert str(proxies.client_address("11.0.0.1", ["198.51.100.7"])) == "11.0.0.1"


async def test_a_key_is_good_from_an_address_that_was_stored_in_the_clothes_of_ipv6() -> None:
    store = await filled(Store)
    key = new_key(SystemTokens())
    narrow = replace(an_api_key(KEY, ORG), key_id="narrow", allowed_networks=("::ffff:127.0.0.1/128",))
    await store.run(lambda unit: unit.accounts.add_key(key.like(narrow)))
    caller = await KeyRing(store, ManualClock()).authenticate([f"Bearer {key.text}"])
    caller.check_address(ip_address("127.0.0.1"))
    with pytest.raises(Forbidden):
        caller.check_address(ip_address("127.0.0.2"))
    await store.close()


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("::ffff:127.0.0.1", "127.0.0.1/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::ffff:0:0/95", "::fffe:0:0/95"),
        ("::/0", "::/0"),
        ("10.1.2.3/8", "10.0.0.0/8"),
    ],
)
def test_ipv4_in_the_clothes_of_ipv6_is_ipv4(text: str, network: str) -> None:
    assert str(read_network(text)) == network
