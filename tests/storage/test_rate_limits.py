"""Which rate limit holds for a key: its own, its organisation's, or none of ours to say."""

from dataclasses import replace

import pytest

from storage.records import ApiKey, Scope
from storage.store import Store
from tests.support.stored import an_organisation


@pytest.mark.parametrize(
    ("of_organisation", "of_key", "effective"),
    [(None, None, None), (50, None, 50), (50, 7, 7), (None, 7, 7)],
)
async def test_a_key_has_its_own_limit_or_its_organisations(
    store: Store, of_organisation: int | None, of_key: int | None, effective: int | None
) -> None:
    organisation = replace(an_organisation(), rate_limit_per_minute=of_organisation)
    key = ApiKey(
        key_id="key-1",
        org_id=organisation.org_id,
        name="",
        key_sha256="0" * 64,
        prefix="vp_00000000",
        scopes=frozenset(Scope),
        created_at=1,
        rate_limit_per_minute=of_key,
    )
    await store.run(lambda unit: unit.accounts.create_organisation(organisation))
    await store.run(lambda unit: unit.accounts.add_key(key))
    presented = await store.read(lambda reader: reader.key_by_sha256("0" * 64))
    assert presented is not None
    assert presented.rate_limit_per_minute == effective
    listed = await store.read(lambda reader: reader.keys(organisation.org_id))
    assert listed[0].rate_limit_per_minute == of_key
