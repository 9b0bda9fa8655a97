from dataclasses import replace

import pytest

from storage.errors import IllegalState, UnknownRecord
from storage.person_records import Invitation, Membership, Person, Role, Session
from storage.sessions import MAX_LIVE_SESSIONS
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.stored import ORG, an_organisation, given

HASH = "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA"
ASHA = Person("person-1", "asha@shop.example", "Asha", 5, password_hash=HASH)
RAVI = Person("person-2", "ravi@shop.example", "Ravi", 6)


@pytest.fixture
async def peopled(funded: Store) -> Store:
    def fill(unit: UnitOfWork) -> None:
        unit.people.add(ASHA)
        unit.people.add(RAVI)
        unit.accounts.create_organisation(an_organisation("org-2"))
        unit.people.set_member(ORG, ASHA.person_id, Role.OWNER, 10)
        unit.people.set_member("org-2", ASHA.person_id, Role.VIEWER, 20)
        unit.people.set_member(ORG, RAVI.person_id, Role.FINANCE, 11)

    await funded.run(fill)
    return funded


async def test_a_person_is_found_by_id_and_by_mail_address(peopled: Store) -> None:
    assert await peopled.read(lambda reader: reader.person("person-1")) == ASHA
    assert await peopled.read(lambda reader: reader.person_by_email("ravi@shop.example")) == RAVI
    assert await peopled.read(lambda reader: reader.person_by_email("nobody@shop.example")) is None
    assert await peopled.read(lambda reader: reader.everyone(1, 1)) == ([ASHA], 2)
    assert await peopled.read(lambda reader: reader.everyone(2, 1)) == ([RAVI], 2)
    with pytest.raises(UnknownRecord, match="person-9"):
        await peopled.read(lambda reader: reader.person("person-9"))


@pytest.mark.parametrize(
    "broken",
    [
        replace(RAVI, person_id="person-3"),
        replace(ASHA, email="new@shop.example"),
        Person("person-3", "Upper@shop.example", "", 1),
        Person("person-3", "", "", 1),
        Person("person-3", "x@shop.example", "", 1, password_hash="plain"),
        Person("person-3", "x@shop.example", "", 1, totp_confirmed_at=1),
    ],
)
async def test_what_no_person_can_be_is_not_stored(peopled: Store, broken: Person) -> None:
    with pytest.raises(IllegalState):
        await peopled.run(lambda unit: unit.people.add(broken))


async def test_roles_are_per_organisation_and_replaced(peopled: Store) -> None:
    def change(unit: UnitOfWork) -> None:
        unit.people.set_member(ORG, RAVI.person_id, Role.DEVELOPER, 99)

    await peopled.run(change)
    assert await peopled.read(lambda reader: reader.members(ORG)) == [
        (ASHA, Membership(ORG, "person-1", Role.OWNER, 10)),
        (RAVI, Membership(ORG, "person-2", Role.DEVELOPER, 11)),
    ]
    places = await peopled.read(lambda reader: reader.memberships("person-1"))
    assert [(place.org_id, place.role) for place in places] == [(ORG, Role.OWNER), ("org-2", Role.VIEWER)]
    assert await peopled.run(lambda unit: unit.people.remove_member(ORG, RAVI.person_id)) is True
    assert await peopled.run(lambda unit: unit.people.remove_member(ORG, RAVI.person_id)) is False
    assert await peopled.run(lambda unit: unit.people.count_members(ORG)) == 1
    for org_id, person_id in (("nowhere", "person-1"), (ORG, "nobody")):
        with pytest.raises(IllegalState):
            await peopled.run(
                given((org_id, person_id), lambda unit, who: unit.people.set_member(*who, Role.VIEWER, 1))
            )


async def test_what_is_personal_goes_and_the_id_stays(peopled: Store) -> None:
    await peopled.run(lambda unit: unit.people.erase("person-1", 77))
    left = await peopled.read(lambda reader: reader.person("person-1"))
    assert left == Person("person-1", "person-1@removed.invalid", "", 5, disabled_at=77)
    assert await peopled.read(lambda reader: reader.memberships("person-1")) == []
    await peopled.run(lambda unit: unit.people.add(replace(ASHA, person_id="person-3")))


async def test_a_second_factor_is_set_confirmed_and_cleared(peopled: Store) -> None:
    with pytest.raises(UnknownRecord):
        await peopled.run(lambda unit: unit.people.confirm_totp("person-1", 5))
    await peopled.run(lambda unit: unit.people.set_totp("person-1", "v1.sealed"))
    await peopled.run(lambda unit: unit.people.confirm_totp("person-1", 6))
    steps = [
        await peopled.run(given(step, lambda unit, s: unit.people.use_totp_step("person-1", s)))
        for step in (8, 8, 7, 9)
    ]
    assert steps == [True, False, False, True]
    found = await peopled.read(lambda reader: reader.person("person-1"))
    assert (found.totp_sealed, found.totp_confirmed_at, found.totp_step) == ("v1.sealed", 6, 9)
    await peopled.run(lambda unit: unit.people.clear_totp("person-1"))
    assert await peopled.read(lambda reader: reader.person("person-1")) == ASHA


async def test_a_person_is_disabled_enabled_and_made_operator(peopled: Store) -> None:
    await peopled.run(lambda unit: unit.people.disable("person-1", 10))
    await peopled.run(lambda unit: unit.people.disable("person-1", 20))
    assert (await peopled.read(lambda reader: reader.person("person-1"))).disabled_at == 10
    await peopled.run(lambda unit: unit.people.set_operator("person-1", True))
    assert await peopled.run(lambda unit: unit.people.count_operators()) == 0
    await peopled.run(lambda unit: unit.people.enable("person-1"))
    assert await peopled.run(lambda unit: unit.people.count_operators()) == 1
    for work in (
        lambda unit: unit.people.disable("person-9", 1),
        lambda unit: unit.people.set_operator("person-9", True),
        lambda unit: unit.people.set_password("person-9", HASH),
        lambda unit: unit.people.erase("person-9", 1),
    ):
        with pytest.raises(UnknownRecord):
            await peopled.run(work)


def a_session(number: int, at: int = 1_000, person_id: str = "person-1") -> Session:
    return Session(f"{number:064d}", person_id, ORG, "csrf", at, at, at + 10_000, None, "192.0.2.1")


async def test_a_session_is_found_touched_and_revoked(peopled: Store) -> None:
    await peopled.run(lambda unit: unit.sessions.open(a_session(1)))
    sha = a_session(1).session_sha256
    assert await peopled.read(lambda reader: reader.session(sha)) == a_session(1)
    assert await peopled.read(lambda reader: reader.session("0" * 64)) is None
    times = (60_999, 61_000, 120_999, 121_000)
    noted = [await peopled.run(given(at, lambda unit, t: unit.sessions.touch(sha, t))) for at in times]
    assert noted == [False, True, False, True]
    await peopled.run(lambda unit: unit.sessions.look_at(sha, "org-2"))
    await peopled.run(lambda unit: unit.sessions.revoke(sha, 5_000))
    await peopled.run(lambda unit: unit.sessions.revoke(sha, 6_000))
    found = await peopled.read(lambda reader: reader.session(sha))
    assert found == replace(a_session(1), org_id="org-2", seen_at=121_000, revoked_at=5_000)


async def test_the_oldest_of_too_many_sessions_ends(peopled: Store) -> None:
    for number in range(MAX_LIVE_SESSIONS + 2):
        await peopled.run(given(number, lambda unit, n: unit.sessions.open(a_session(n, 1_000 + n))))
    live = await peopled.run(lambda unit: unit.sessions.live("person-1", 2_000))
    assert [session.created_at for session in live] == list(range(1_002, 1_002 + MAX_LIVE_SESSIONS))


async def test_all_sessions_but_one_end(peopled: Store) -> None:
    for number, person_id in ((1, "person-1"), (2, "person-1"), (3, "person-2")):
        session = a_session(number, person_id=person_id)
        await peopled.run(given(session, lambda unit, one: unit.sessions.open(one)))
    but = a_session(2).session_sha256
    assert await peopled.run(lambda unit: unit.sessions.revoke_all("person-1", 2_000, but)) == 1
    assert await peopled.run(lambda unit: unit.sessions.live("person-1", 2_000)) == [a_session(2)]
    assert len(await peopled.run(lambda unit: unit.sessions.live("person-2", 2_000))) == 1


async def test_an_invitation_works_once_and_in_time(peopled: Store) -> None:
    link = Invitation("a" * 64, "new@shop.example", ORG, Role.VIEWER, False, 1_000, 2_000)
    late = replace(link, token_sha256="b" * 64)
    for invitation in (link, late):
        await peopled.run(given(invitation, lambda unit, i: unit.sessions.invite(i)))
    assert await peopled.read(lambda reader: reader.invitation("a" * 64)) == link
    uses = [("a" * 64, 1_500), ("a" * 64, 1_501), ("b" * 64, 2_000), ("c" * 64, 1_500)]
    done = [await peopled.run(given(use, lambda unit, one: unit.sessions.accept(*one))) for use in uses]
    assert done == [True, False, False, False]
    for broken in (
        replace(link, token_sha256="d" * 64, org_id=None),
        replace(link, token_sha256="d" * 64, org_id=None, role=None),
        replace(link, token_sha256="d" * 64, org_id="nowhere"),
    ):
        with pytest.raises(IllegalState):
            await peopled.run(given(broken, lambda unit, i: unit.sessions.invite(i)))


async def test_what_ended_long_ago_is_forgotten(peopled: Store) -> None:
    def fill(unit: UnitOfWork) -> None:
        unit.sessions.open(a_session(1))
        unit.sessions.open(a_session(2, 50_000))
        unit.sessions.invite(Invitation("a" * 64, "new@shop.example", None, None, True, 1_000, 2_000))

    await peopled.run(fill)
    assert await peopled.run(lambda unit: unit.sessions.forget(20_000)) == 2
    assert await peopled.run(lambda unit: unit.sessions.forget(20_000)) == 0
    assert await peopled.read(lambda reader: reader.session(a_session(2).session_sha256)) is not None
