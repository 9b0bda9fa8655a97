from collections.abc import Callable
from dataclasses import replace

import pytest

from storage.errors import IllegalState, UnknownRecord
from storage.records import ApiKey, Organisation, Scope, Tariff, TrunkSighting, WebhookEvent
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.stored import ORG, an_endpoint, an_organisation

KEY = ApiKey("key-1", ORG, "shop", "a" * 64, "vp_12345678", frozenset(Scope), 5)


def using(key_id: str, at: int) -> Callable[[UnitOfWork], bool]:
    return lambda unit: unit.accounts.touch_key(key_id, at)


async def test_an_organisation_keeps_its_terms(store: Store) -> None:
    whole = Organisation("org-9", "Name", 7, Tariff(200, 30, 5), "29ABCDE1234F1Z5", "29", address="1 MG Road")
    await store.run(lambda unit: unit.accounts.create_organisation(whole))
    assert await store.read(lambda reader: reader.organisation("org-9")) == whole
    assert await store.read(lambda reader: reader.organisations()) == [whole]
    with pytest.raises(UnknownRecord, match="org-8"):
        await store.read(lambda reader: reader.organisation("org-8"))


async def test_a_key_is_found_by_its_hash_alone(funded: Store) -> None:
    odd = replace(
        KEY,
        key_id="key-2",
        key_sha256="b" * 64,
        scopes=frozenset({Scope.BILLING_READ}),
        created_at=4,
        expires_at=99,
        allowed_networks=("10.0.0.0/8", "2001:db8::/32"),
        rate_limit_per_minute=7,
    )

    def both(unit: UnitOfWork) -> None:
        unit.accounts.add_key(KEY)
        unit.accounts.add_key(odd)

    await funded.run(both)
    assert await funded.read(lambda reader: reader.key_by_sha256("b" * 64)) == odd
    assert await funded.read(lambda reader: reader.key_by_sha256("c" * 64)) is None
    assert await funded.read(lambda reader: reader.keys(ORG)) == [odd, KEY]
    assert await funded.read(lambda reader: reader.keys("other")) == []


async def test_a_key_is_stored_once_and_for_somebody(funded: Store) -> None:
    await funded.run(lambda unit: unit.accounts.add_key(KEY))
    with pytest.raises(IllegalState):
        await funded.run(lambda unit: unit.accounts.add_key(replace(KEY, key_id="key-2")))
    with pytest.raises(UnknownRecord):
        await funded.run(lambda unit: unit.accounts.add_key(replace(KEY, key_id="key-3", org_id="nobody")))


async def test_of_keys_that_ended_the_newest_are_kept(funded: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.accounts.ENDED_KEYS_KEPT", 2)
    last_ends = {
        "a": (50, None),
        "b": (None, 40),
        "c": (90, 30),
        "d": (20, 60),
        "live": (None, 101),
        "own": (None, None),
    }

    def work(unit: UnitOfWork) -> list[str]:
        unit.accounts.create_organisation(replace(an_organisation(), org_id="other"))
        for place, (name, (revoked_at, expires_at)) in enumerate(last_ends.items()):
            ended = replace(KEY, key_id=name, key_sha256=name.zfill(64), revoked_at=revoked_at, expires_at=expires_at)
            unit.accounts.add_key(replace(ended, created_at=place))
        unit.accounts.add_key(replace(KEY, key_id="other", key_sha256="d" * 64, org_id="other", expires_at=1))
        unit.accounts.add_key(replace(KEY, key_id="new", key_sha256="e" * 64, created_at=100))
        return [key.key_id for org in (ORG, "other") for key in unit.accounts.keys(org)]

    assert await funded.run(work) == ["a", "b", "live", "own", "new", "other"]


async def test_the_first_revocation_stands(funded: Store) -> None:
    await funded.run(lambda unit: unit.accounts.add_key(KEY))
    await funded.run(lambda unit: unit.accounts.expire_key("key-1", 50))
    await funded.run(lambda unit: unit.accounts.revoke_key("key-1", 10))
    await funded.run(lambda unit: unit.accounts.revoke_key("key-1", 20))
    (found,) = await funded.read(lambda reader: reader.keys(ORG))
    assert (found.revoked_at, found.expires_at) == (10, 50)
    with pytest.raises(UnknownRecord, match="key-9"):
        await funded.run(lambda unit: unit.accounts.revoke_key("key-9", 10))
    with pytest.raises(UnknownRecord, match="key-9"):
        await funded.run(lambda unit: unit.accounts.expire_key("key-9", 10))


async def test_use_is_noted_once_a_minute(funded: Store) -> None:
    await funded.run(lambda unit: unit.accounts.add_key(KEY))
    times = (1_000, 60_999, 61_000, 61_001, 121_000)
    noted = [await funded.run(using("key-1", at)) for at in times]
    assert noted == [True, False, True, False, True]
    (found,) = await funded.read(lambda reader: reader.keys(ORG))
    assert found.last_used_at == 121_000


async def test_an_endpoint_keeps_its_filter_and_secrets(funded: Store) -> None:
    picky = replace(
        an_endpoint("hook-2", events=frozenset({WebhookEvent.COMPLETED, WebhookEvent.FAILED})), secrets=("new", "old")
    )
    silent = an_endpoint("hook-3", events=frozenset())

    def both(unit: UnitOfWork) -> None:
        unit.accounts.add_endpoint(picky)
        unit.accounts.add_endpoint(silent)

    await funded.run(both)
    assert await funded.read(lambda reader: reader.endpoints(ORG)) == [an_endpoint(), picky, silent]
    await funded.run(lambda unit: unit.accounts.set_endpoint_secrets("hook-2", ("newest",)))
    found = await funded.read(lambda reader: reader.endpoint(ORG, "hook-2"))
    assert found == replace(picky, secrets=("newest",))


@pytest.mark.parametrize("secrets", [(), ("a", "b", "c")])
async def test_an_endpoint_has_one_or_two_secrets(funded: Store, secrets: tuple[str, ...]) -> None:
    with pytest.raises(IllegalState):
        await funded.run(lambda unit: unit.accounts.set_endpoint_secrets("hook-1", secrets))
    with pytest.raises(IllegalState):
        await funded.run(lambda unit: unit.accounts.add_endpoint(replace(an_endpoint("hook-2"), secrets=secrets)))
    assert len(await funded.read(lambda reader: reader.endpoints(ORG))) == 1


async def test_an_endpoint_is_disabled_and_enabled(funded: Store) -> None:
    await funded.run(lambda unit: unit.accounts.disable_endpoint("hook-1", 10))
    await funded.run(lambda unit: unit.accounts.disable_endpoint("hook-1", 20))
    found = await funded.read(lambda reader: reader.endpoint(ORG, "hook-1"))
    assert found is not None
    assert found.disabled_at == 10
    await funded.run(lambda unit: unit.accounts.enable_endpoint("hook-1"))
    assert await funded.read(lambda reader: reader.endpoint(ORG, "hook-1")) == an_endpoint()


async def test_what_belongs_to_another_organisation_is_not_there(funded: Store) -> None:
    await funded.run(lambda unit: unit.accounts.create_organisation(an_organisation("org-2")))
    assert await funded.read(lambda reader: reader.endpoint("org-2", "hook-1")) is None
    assert await funded.read(lambda reader: reader.endpoints("org-2")) == []


async def test_unknown_endpoints_are_refused(funded: Store) -> None:
    for work in (
        lambda unit: unit.accounts.endpoint("hook-9"),
        lambda unit: unit.accounts.disable_endpoint("hook-9", 1),
        lambda unit: unit.accounts.enable_endpoint("hook-9"),
        lambda unit: unit.accounts.set_endpoint_secrets("hook-9", ("s",)),
        lambda unit: unit.accounts.add_endpoint(an_endpoint("hook-9", org_id="nobody")),
    ):
        with pytest.raises(UnknownRecord):
            await funded.run(work)


async def test_trunks_are_as_last_seen_and_gone_when_configured_no_more(store: Store) -> None:
    up = TrunkSighting("carrier", True, "", 2, 12.5, 900, 200, 1_000, 3, 2, 1, 40, 5)
    gone = TrunkSighting("gone", False, "timeout", 0, None, None, None, 1_000)
    await store.run(lambda unit: unit.trunks.see([up, gone], 1_000))
    assert await store.read(lambda reader: reader.trunk_sightings()) == [up, gone]
    down = replace(up, up=False, reason="503", live_calls=0, last_options_status=503, seen_at=2_000)
    await store.run(lambda unit: unit.trunks.see([down], 2_000))
    assert await store.read(lambda reader: reader.trunk_sightings()) == [down]
