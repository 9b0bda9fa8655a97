"""Which prompts organisations have, and which of them their calls have."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from storage.errors import IllegalState
from storage.records import NOTHING_CHOSEN, Consent, Organisation, PromptChoice, StoredPrompt
from storage.store import Store
from storage.units import UnitOfWork

ONE = StoredPrompt("org-1", "shop", "a" * 64, 3_200, 1_000)


def _found(organisation: Organisation, unit: UnitOfWork) -> None:
    unit.accounts.create_organisation(organisation)


def _put(prompt: StoredPrompt, unit: UnitOfWork) -> None:
    unit.prompts.put(prompt)


def _choose(choice: PromptChoice, unit: UnitOfWork) -> None:
    unit.prompts.choose("org-1", choice)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await Store.open("sqlite://")
    for org_id in ("org-1", "org-2"):
        organisation = Organisation(org_id, org_id, 1)
        await opened.run(partial(_found, organisation))
    yield opened
    await opened.close()


async def test_a_prompt_belongs_to_one_organisation_and_is_replaced_by_its_name(store: Store) -> None:
    newer = StoredPrompt("org-1", "shop", "b" * 64, 4_000, 2_000)
    for prompt in (ONE, StoredPrompt("org-1", "again", "a" * 64, 3_200, 1_500), newer):
        await store.run(partial(_put, prompt))
    assert [each.name for each in await store.read(lambda reader: reader.prompts("org-1"))] == ["again", "shop"]
    assert (await store.read(lambda reader: reader.prompts("org-1")))[1] == newer
    assert await store.read(lambda reader: reader.prompts("org-2")) == []
    assert await store.read(lambda reader: reader.prompt_content_used("a" * 64))
    assert await store.run(lambda unit: unit.prompts.delete("org-2", "again")) is False
    assert await store.run(lambda unit: unit.prompts.delete("org-1", "again")) is True
    assert await store.run(lambda unit: unit.prompts.delete("org-1", "again")) is False
    assert not await store.read(lambda reader: reader.prompt_content_used("a" * 64))


async def test_a_choice_is_kept_as_a_whole(store: Store) -> None:
    assert await store.read(lambda reader: reader.prompt_choice("org-1")) == NOTHING_CHOSEN
    for choice in (
        PromptChoice("w", "a", "b", Consent.BOTH, "n", "m"),
        PromptChoice(wait="", consent=Consent.NONE),
        NOTHING_CHOSEN,
    ):
        await store.run(partial(_choose, choice))
        assert await store.read(lambda reader: reader.prompt_choice("org-1")) == choice
    assert await store.read(lambda reader: reader.prompt_choice("org-2")) == NOTHING_CHOSEN


@pytest.mark.parametrize(
    "changes",
    [{"org_id": "nobody"}, {"name": ""}, {"content_sha256": "short"}, {"duration_ms": 0}],
)
async def test_what_cannot_be_is_not_kept(store: Store, changes: dict[str, Any]) -> None:
    values: dict[str, Any] = {
        "org_id": ONE.org_id,
        "name": ONE.name,
        "content_sha256": ONE.content_sha256,
        "duration_ms": ONE.duration_ms,
        "created_at": ONE.created_at,
    }
    with pytest.raises(IllegalState):
        await store.run(lambda unit: unit.prompts.put(StoredPrompt(**{**values, **changes})))
    with pytest.raises(IllegalState):
        await store.run(lambda unit: unit.prompts.choose("nobody", PromptChoice(wait="x")))
