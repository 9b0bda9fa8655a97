"""Organisations' prompts: taken in, kept apart, chosen, ready to be played within limits."""

import os
from array import array
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from b2bua.call.errors import InvalidPrompts, PromptInUse, PromptNotFound, PromptsUnavailable
from b2bua.switch import prompt_shelf
from b2bua.switch.prompt_shelf import KNOWN_FOR_S, MOST_UPLOADS, UNUSED_AFTER_S, OwnPrompts, PromptShelf
from media.errors import PromptUnusable
from media.prompts.bundled import render_wav
from media.prompts.files import PromptFiles
from storage.records import NOTHING_CHOSEN, Consent, Organisation, PromptChoice
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.converts_here import ConvertsHere
from tests.support.manual_clock import ManualClock


def a_wav(seconds: float = 0.5, peak: int = 3000) -> bytes:
    return render_wav(array("h", [peak, -peak] * round(4000 * seconds)))


def _found(organisation: Organisation, unit: UnitOfWork) -> None:
    unit.accounts.create_organisation(organisation)


def kept_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await Store.open("sqlite://")
    for org_id in ("org-1", "org-2"):
        organisation = Organisation(org_id, org_id, 1)
        await opened.run(partial(_found, organisation))
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def shelf(store: Store, clock: ManualClock, tmp_path: Path) -> PromptShelf:
    return PromptShelf(store, PromptFiles(tmp_path), clock, ConvertsHere())


async def test_an_uploaded_prompt_is_there_at_once_and_for_its_organisation_alone(
    shelf: PromptShelf, clock: ManualClock
) -> None:
    assert (await shelf.own("org-1")).prompts == {}
    prompt, new = await shelf.put("org-1", "shop", a_wav(1.5))
    assert (prompt.name, prompt.duration_ms, prompt.created_at, new) == ("shop", 1500, clock.wall_ms(), True)
    assert await shelf.prompts("org-1") == [prompt]
    own = await shelf.own("org-1")
    assert own.prompts == {"shop": prompt}
    assert (await shelf.tone(own, "shop")).samples == 12_000
    with pytest.raises(KeyError):
        await shelf.tone(await shelf.own("org-2"), "shop")


async def test_a_prompt_of_ones_own_stands_before_one_of_the_product_with_its_name(shelf: PromptShelf) -> None:
    bundled = await shelf.tone(OwnPrompts(), "hold_tone")
    await shelf.put("org-1", "hold_tone", a_wav(2.0))
    assert (await shelf.tone(await shelf.own("org-1"), "hold_tone")).samples == 16_000
    assert (await shelf.tone(await shelf.own("org-2"), "hold_tone")).samples == bundled.samples != 16_000


async def test_what_another_process_changes_counts_within_seconds(
    shelf: PromptShelf, store: Store, clock: ManualClock
) -> None:
    assert (await shelf.own("org-1")).choice == NOTHING_CHOSEN
    choice = PromptChoice(wait="hold_tone")
    await store.run(lambda unit: unit.prompts.choose("org-1", choice))
    assert (await shelf.own("org-1")).choice == NOTHING_CHOSEN
    clock.advance_to(clock.time() + KNOWN_FOR_S)
    assert (await shelf.own("org-1")).choice == choice


@pytest.mark.parametrize("name", ["", "Shop", "../x", "a/b", "x" * 49, "-x", "é", "shop\n"])
async def test_a_name_is_a_word(shelf: PromptShelf, name: str) -> None:
    with pytest.raises(InvalidPrompts) as refusal:
        await shelf.put("org-1", name, a_wav())
    assert refusal.value.field == "name"


async def test_a_file_that_cannot_be_used_is_told_and_changes_nothing(shelf: PromptShelf, tmp_path: Path) -> None:
    kept, _ = await shelf.put("org-1", "shop", a_wav())
    with pytest.raises(InvalidPrompts, match="The file cannot be used: it is no WAV file"):
        await shelf.put("org-1", "shop", b"ID3")
    assert await shelf.prompts("org-1") == [kept]
    assert len(kept_in(tmp_path)) == 1


async def test_a_folder_that_cannot_be_written_is_our_fault(store: Store, clock: ManualClock, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    shelf = PromptShelf(store, PromptFiles(tmp_path / "file"), clock, ConvertsHere())
    with pytest.raises(PromptsUnavailable):
        await shelf.put("org-1", "shop", a_wav())
    assert await shelf.prompts("org-1") == []


async def test_an_organisation_has_so_many_prompts(shelf: PromptShelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_shelf, "MOST_PROMPTS", 2)
    for name in ("one", "two"):
        await shelf.put("org-1", name, a_wav())
    with pytest.raises(PromptInUse, match="2 prompts at most"):
        await shelf.put("org-1", "three", a_wav())
    assert (await shelf.put("org-1", "two", a_wav(1.0)))[1] is False
    await shelf.put("org-2", "one", a_wav())


async def test_a_choice_names_what_there_is_and_what_is_short_enough(shelf: PromptShelf) -> None:
    await shelf.put("org-1", "long", a_wav(31.0))
    for choice, field in (
        (PromptChoice(whisper_a="none"), "whisper_a"),
        (PromptChoice(whisper_b="long"), "whisper_b"),
        (PromptChoice(balance_warning="long"), "balance_warning"),
    ):
        with pytest.raises(InvalidPrompts) as refusal:
            await shelf.choose("org-1", choice)
        assert refusal.value.field == field
    assert await shelf.choice("org-1") == NOTHING_CHOSEN
    chosen = PromptChoice(wait="long", whisper_a="", consent=Consent.BOTH, consent_notice="recording_consent")
    await shelf.choose("org-1", chosen)
    assert await shelf.choice("org-1") == chosen


async def test_a_chosen_prompt_neither_goes_nor_outgrows_its_place(shelf: PromptShelf) -> None:
    await shelf.put("org-1", "shop", a_wav(1.0))
    await shelf.choose("org-1", PromptChoice(whisper_b="shop", wait="shop"))
    with pytest.raises(PromptInUse, match="chosen as wait, whisper_b"):
        await shelf.delete("org-1", "shop")
    with pytest.raises(InvalidPrompts, match="chosen as whisper_b"):
        await shelf.put("org-1", "shop", a_wav(31.0))
    await shelf.choose("org-1", NOTHING_CHOSEN)
    await shelf.delete("org-1", "shop")
    with pytest.raises(PromptNotFound):
        await shelf.delete("org-1", "shop")
    assert (await shelf.own("org-1")).prompts == {}


async def test_files_go_when_they_have_been_nobodys_for_a_while(
    shelf: PromptShelf, clock: ManualClock, tmp_path: Path
) -> None:
    kept, _ = await shelf.put("org-1", "shop", a_wav())
    same, _ = await shelf.put("org-2", "other", a_wav())
    gone, _ = await shelf.put("org-1", "more", a_wav(1.0))
    assert kept.content_sha256 == same.content_sha256
    await shelf.delete("org-1", "more")
    await shelf.delete("org-1", "shop")
    now_s = clock.wall_ms() / 1000
    for path in kept_in(tmp_path):
        os.utime(path, (now_s, now_s))
    assert await shelf.tidy() == 0, "an upload under way has a file and no row yet"
    clock.advance_to(clock.time() + UNUSED_AFTER_S + 1)
    assert await shelf.tidy() == 1
    assert [path.stem for path in kept_in(tmp_path)] == [same.content_sha256]
    assert gone.content_sha256 != same.content_sha256


async def test_few_uploads_are_taken_at_once(shelf: PromptShelf) -> None:
    places = [shelf.place() for _ in range(MOST_UPLOADS)]
    for place in places:
        place.__enter__()
    with pytest.raises(PromptsUnavailable), shelf.place():
        pass
    places[0].__exit__(None, None, None)
    with shelf.place():
        pass


async def test_so_much_sound_is_ready_and_what_was_heard_longest_ago_is_read_again(
    shelf: PromptShelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_shelf, "MOST_READY_S", 2.5)
    for name, peak in (("one", 3000), ("two", 2000), ("three", 1000)):
        noise = array("h", [peak, -peak, 0, peak // 2] * 2000)
        noise[0] = peak - 7
        await shelf.put("org-1", name, render_wav(noise))
    own = await shelf.own("org-1")
    assert len({prompt.content_sha256 for prompt in own.prompts.values()}) == 3
    first = await shelf.tone(own, "one")
    assert await shelf.tone(own, "one") is first
    assert (first.endless, (await shelf.tone(own, "one", endless=True)).endless) == (False, True)
    await shelf.tone(own, "one")
    await shelf.tone(own, "two")
    await shelf.tone(own, "one")
    await shelf.tone(own, "three")
    assert await shelf.tone(own, "one") is first, "it was heard last but one"
    for path in kept_in(tmp_path):
        os.unlink(path)
    assert await shelf.tone(own, "three")
    with pytest.raises(PromptUnusable):
        await shelf.tone(own, "two")
