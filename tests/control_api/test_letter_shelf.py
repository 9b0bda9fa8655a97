"""Letters that wait: a restart loses none, and their secrets are not in the database."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from b2bua.sealed_secrets import SealedSecrets
from control_api.mail.letters import Heading, Letter, invitation_letter
from control_api.mail.post import CarrierAway, LetterRefused, Post
from control_api.mail.shelf import LIFE_MS, LetterShelf, keep
from media.recording.master_keys import MasterKeys
from storage import letters as stored_letters
from storage.person_records import Role
from storage.store import Store
from tests.support.api_world import MASTER_KEYS, api_world
from tests.support.mail import Letterbox, Pauses
from tests.support.signed_in import add_person, sign_in

NOW_MS = 1_735_732_800_000
BOX = SealedSecrets(MASTER_KEYS)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await Store.open("sqlite://")
    yield opened
    await opened.close()


async def written(store: Store, shelf: LetterShelf, letter_id: str = "letter-1") -> Letter:
    """An invitation that is kept, and was not sent before the process ended."""
    token, sealed = shelf.token(letter_id) or ("f" * 64, None)
    url = f"https://calls.example/portal/invitations/{token}"
    letter = invitation_letter(Heading(letter_id, NOW_MS), "asha@shop.example", "Shop", url, NOW_MS)
    await store.run(lambda unit: keep(unit, letter, token, sealed))
    for row in await store.read(lambda reader: reader.waiting_letters()):
        assert token not in row.text + str(row.sealed)
    return letter


async def rows(store: Store) -> int:
    return len(await store.read(lambda reader: reader.waiting_letters()))


async def test_a_letter_survives_a_restart_to_the_letter(store: Store) -> None:
    letter = await written(store, LetterShelf(store, BOX))
    box = Letterbox(troubles=iter([CarrierAway("421")]))
    post = Post(box, Pauses(), LetterShelf(store, BOX))
    await post.take_up(NOW_MS + 1)
    await post.settled()
    assert box.letters == [letter]
    assert await rows(store) == 0
    await post.take_up(NOW_MS + 2)
    await post.settled()
    assert box.letters == [letter]


async def test_what_is_written_from_now_on_is_not_taken_up(store: Store) -> None:
    earlier = await written(store, LetterShelf(store, BOX), "letter-0")
    box = Letterbox()
    post = Post(box, Pauses(), LetterShelf(store, BOX))
    letter = invitation_letter(
        Heading("letter-1", NOW_MS - 1), "ravi@shop.example", "Shop", "https://a.example", NOW_MS
    )
    await store.run(lambda unit: post.keep(unit, letter))
    await post.take_up(NOW_MS)
    await post.settled()
    assert box.letters == [earlier]
    assert await rows(store) == 1
    post.send(letter)
    await post.settled()
    assert box.letters == [earlier, letter]


async def test_a_letter_goes_out_although_the_clock_was_set_back_while_no_server_ran(store: Store) -> None:
    """As far as when it was written tells, it is still to be written."""
    letter = await written(store, LetterShelf(store, BOX))
    box = Letterbox()
    post = Post(box, Pauses(), LetterShelf(store, BOX))
    await post.take_up(NOW_MS - 30 * LIFE_MS)
    await post.settled()
    assert box.letters == [letter]
    assert await rows(store) == 0


async def test_a_letter_that_is_given_up_is_dropped(store: Store) -> None:
    shelf = LetterShelf(store, BOX)
    letter = await written(store, shelf)
    post = Post(Letterbox(troubles=iter([LetterRefused("550")])), Pauses(), shelf)
    post.send(letter)
    await post.settled()
    assert await rows(store) == 0


@pytest.mark.parametrize(
    ("box", "now_ms"), [(BOX, NOW_MS + LIFE_MS), (SealedSecrets(MasterKeys("n" * 64)), NOW_MS + 1), (None, NOW_MS + 1)]
)
async def test_what_is_too_old_or_cannot_be_opened_is_given_up(
    store: Store, box: SealedSecrets | None, now_ms: int, caplog: pytest.LogCaptureFixture
) -> None:
    await written(store, LetterShelf(store, BOX))
    carried = Letterbox()
    post = Post(carried, Pauses(), LetterShelf(store, box))
    await post.take_up(now_ms)
    await post.settled()
    assert (carried.letters, await rows(store)) == ([], 0)
    assert post.counters()["mail_given_up_total"] == 1
    assert "1 letters of an earlier run were given up" in caplog.text
    assert "shop.example" not in caplog.text


async def test_without_a_seal_a_token_is_never_written_down(store: Store) -> None:
    await written(store, LetterShelf(store, None))
    assert await rows(store) == 0


async def test_so_many_are_kept_and_no_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_letters, "KEPT_MAX", 2)
    for number in range(3):
        await written(store, LetterShelf(store, BOX), f"letter-{number}")
    assert await rows(store) == 2


async def test_an_invitation_and_a_reset_are_written_down_with_what_they_are_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    both_wait, never = asyncio.Event(), asyncio.Event()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            both_wait.set()
        await never.wait()

    post = Post(Letterbox(troubles=iter([CarrierAway("421")] * 9)), pause)
    async with api_world(post=post) as world:
        monkeypatch.setattr(post, "_shelf", LetterShelf(world.store, BOX))
        await add_person(world, "asha@shop.example", Role.OWNER)
        owner = await sign_in(world, "asha@shop.example")
        body = {"email": "ravi@shop.example", "role": "viewer"}
        invited = (await owner.send("POST", "/v1/account/people", json=body)).json["data"]
        asked = await world.send("POST", "/v1/account/password-resets", key=None, json={"email": "asha@shop.example"})
        assert asked.status == 202
        async with asyncio.timeout(10):
            await both_wait.wait()
        await post.close()
        box = Letterbox()
        later = Post(box, Pauses(), LetterShelf(world.store, BOX))
        await later.take_up(world.clock.wall_ms() + 1)
        await later.settled()
        assert sorted(letter.kind for letter in box.letters) == ["invitation", "password reset"]
        assert any(invited["url"] in letter.text for letter in box.letters)
        assert await rows(world.store) == 0
