"""A forgotten password: a link by mail that works once and for an hour, and tells nobody who has an account."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256

import pytest

from control_api.log_in_throttle import RESETS_OF_ACCOUNT
from control_api.mail.post import Post
from control_api.routes.password_resets import RESET_LIFE_MS
from storage.person_records import Role
from tests.support.api_world import ORG, ApiReply, ApiWorld, api_world
from tests.support.mail import Letterbox, Pauses
from tests.support.signed_in import PASSWORD, add_person, sign_in, somebody

RESETS = "/v1/account/password-resets"
EMAIL = "asha@shop.example"
NEW = "another long password"


@dataclass
class Desk:
    """An API whose letters are kept."""

    world: ApiWorld
    box: Letterbox
    post: Post

    async def ask(self, email: str = EMAIL) -> ApiReply:
        reply = await self.world.send("POST", RESETS, key=None, json={"email": email})
        await self.post.settled()
        return reply

    async def token(self) -> str:
        assert (await self.ask()).status == 202
        return self.box.letters[-1].text.partition("/portal/password-resets/")[2].split()[0]

    async def finish(self, token: str, password: str = NEW) -> int:
        body = {"token": token, "password": password}
        return (await self.world.send("POST", f"{RESETS}/finish", key=None, json=body)).status

    async def opens(self, password: str) -> bool:
        body = {"email": EMAIL, "password": password}
        return (await self.world.send("POST", "/v1/account/sessions", key=None, json=body)).status == 201


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    box = Letterbox()
    post = Post(box, Pauses())
    async with api_world(post=post) as world:
        await add_person(world, EMAIL, Role.OWNER)
        yield Desk(world, box, post)
        await post.close()


async def test_a_link_sets_a_new_password_once_and_ends_all_sessions(desk: Desk) -> None:
    browser = await sign_in(desk.world, EMAIL)
    token = await desk.token()
    (letter,) = desk.box.letters
    assert letter.to == EMAIL
    assert "http://calls.example/portal/password-resets/" in letter.text
    assert await desk.finish(token, "short") == 400
    assert await desk.finish(token) == 200
    assert await desk.finish(token, PASSWORD) == 404
    assert (await browser.send("GET", "/v1/account/me")).status == 401
    assert await desk.opens(NEW)
    assert not await desk.opens(PASSWORD)
    entries, _ = await desk.world.store.read(lambda reader: reader.audit(None, 1, 10))
    actions = [entry.action for entry in entries]
    assert "password.reset" in actions
    assert "password.reset_asked" in actions
    assert token not in str(entries)


async def test_of_a_link_only_its_hash_is_kept(desk: Desk) -> None:
    token = await desk.token()
    now_ms = desk.world.clock.wall_ms()
    digest = sha256(token.encode()).hexdigest()
    assert await desk.world.store.read(lambda reader: reader.reset_works(digest, now_ms))
    assert not await desk.world.store.read(lambda reader: reader.reset_works(token, now_ms))


async def test_a_link_works_for_an_hour(desk: Desk) -> None:
    token = await desk.token()
    desk.world.clock.advance(RESET_LIFE_MS / 1000)
    assert await desk.finish(token) == 404


async def test_only_the_newest_link_works(desk: Desk) -> None:
    first, second = await desk.token(), await desk.token()
    assert await desk.finish(first) == 404
    assert await desk.finish(second) == 200


async def test_nobody_learns_who_has_an_account(desk: Desk) -> None:
    known, unknown = await desk.ask(), await desk.ask("nobody@shop.example")
    assert (known.status, known.json["data"]) == (unknown.status, unknown.json["data"]) == (202, {})
    assert [letter.to for letter in desk.box.letters] == [EMAIL]
    person = await desk.world.store.read(lambda reader: reader.person_by_email(EMAIL))
    assert person is not None
    await desk.world.store.run(lambda unit: unit.people.disable(person.person_id, 1))
    assert (await desk.ask()).status == 202
    assert len(desk.box.letters) == 1


@pytest.mark.parametrize("email", [EMAIL, "nobody@shop.example"])
async def test_it_is_throttled_whoever_it_is(desk: Desk, email: str) -> None:
    many, refill_s = RESETS_OF_ACCOUNT
    assert [(await desk.ask(email)).status for _ in range(many + 1)] == [202] * many + [429]
    assert len(desk.box.letters) == (many if email == EMAIL else 0)
    desk.world.clock.advance(refill_s)
    assert (await desk.ask(email)).status == 202


@pytest.mark.parametrize("token", ["0" * 64, "x", "é"])
async def test_a_token_that_is_none(desk: Desk, token: str) -> None:
    assert await desk.finish(token) == 404


async def test_an_invitation_is_sent(desk: Desk) -> None:
    owner = await sign_in(desk.world, EMAIL)
    made = await owner.send("POST", "/v1/account/people", json={"email": "ravi@shop.example", "role": "finance"})
    await desk.post.settled()
    (letter,) = desk.box.letters
    assert letter.to == "ravi@shop.example"
    assert made.json["data"]["url"] in letter.text
    name = (await desk.world.store.read(lambda reader: reader.organisation(ORG))).name
    assert name in letter.subject


async def test_without_mail_there_is_no_link() -> None:
    async with api_world() as world:
        assert (await world.send("POST", RESETS, key=None, json={"email": EMAIL})).status == 404
        await somebody(world, Role.OWNER)


async def test_a_link_ends_with_the_password_it_was_to_replace(desk: Desk) -> None:
    token = await desk.token()
    browser = await sign_in(desk.world, EMAIL)
    body = {"current_password": PASSWORD, "new_password": "a third long password"}
    assert (await browser.send("POST", "/v1/account/password", json=body)).status == 200
    assert await desk.finish(token) == 404
