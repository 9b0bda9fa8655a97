"""Links to a new password and to a role, and sign-ins: whose they are, how often they work, and when they end."""

from collections.abc import Callable

import pytest

from storage.person_records import Invitation, Person, Role, Session
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.stored import ORG, an_organisation

FIRST, SECOND, OF_RAVI = "1" * 64, "2" * 64, "3" * 64


@pytest.fixture
async def peopled(funded: Store) -> Store:
    def fill(unit: UnitOfWork) -> None:
        unit.accounts.create_organisation(an_organisation("org-2"))
        for number, name in enumerate(("asha", "ravi"), 1):
            unit.people.add(Person(f"person-{number}", f"{name}@shop.example", name, 5))

    await funded.run(fill)
    return funded


def offering(token: str, person_id: str, at: int = 1_000) -> Callable[[UnitOfWork], None]:
    return lambda unit: unit.sessions.offer_reset(token, person_id, at, at + 1_000)


def taking(token: str, at: int) -> Callable[[UnitOfWork], str | None]:
    return lambda unit: unit.sessions.take_reset(token, at)


async def test_a_link_to_a_new_password_works_once_and_for_its_own_person(peopled: Store) -> None:
    await peopled.run(offering(FIRST, "person-1"))
    await peopled.run(offering(OF_RAVI, "person-2"))
    assert await peopled.run(taking("9" * 64, 1_500)) is None
    assert await peopled.run(taking(FIRST, 1_500)) == "person-1"
    assert await peopled.run(taking(FIRST, 1_501)) is None
    assert await peopled.run(taking(OF_RAVI, 1_999)) == "person-2"


async def test_a_link_to_a_new_password_ends_with_its_time(peopled: Store) -> None:
    await peopled.run(offering(FIRST, "person-1"))
    assert await peopled.read(lambda reader: reader.reset_works(FIRST, 1_999)) is True
    assert await peopled.read(lambda reader: reader.reset_works(FIRST, 2_000)) is False
    assert await peopled.run(taking(FIRST, 2_000)) is None


async def test_the_newest_link_alone_works(peopled: Store) -> None:
    for token, person_id in ((FIRST, "person-1"), (OF_RAVI, "person-2"), (SECOND, "person-1")):
        await peopled.run(offering(token, person_id))
    assert await peopled.run(taking(FIRST, 1_500)) is None
    assert await peopled.run(taking(SECOND, 1_500)) == "person-1"
    assert await peopled.run(taking(OF_RAVI, 1_500)) == "person-2"


async def test_whoever_signs_somebody_out_everywhere_ends_the_links_too(peopled: Store) -> None:
    for token, person_id in ((FIRST, "person-1"), (OF_RAVI, "person-2")):
        await peopled.run(offering(token, person_id))
    for session_sha256, person_id in (("a" * 64, "person-1"), ("b" * 64, "person-1"), ("c" * 64, "person-2")):
        await peopled.run(_opening(Session(session_sha256, person_id, ORG, "csrf", 1_000, 1_000, 5_000)))
    assert await peopled.run(lambda unit: unit.sessions.revoke_all("person-1", 1_500, "b" * 64)) == 1
    live = [await peopled.run(_live(person_id, 1_500)) for person_id in ("person-1", "person-2")]
    assert live == [["b" * 64], ["c" * 64]]
    assert await peopled.run(taking(FIRST, 1_600)) is None
    assert await peopled.run(taking(OF_RAVI, 1_600)) == "person-2"


def _opening(session: Session) -> Callable[[UnitOfWork], None]:
    return lambda unit: unit.sessions.open(session)


def _live(person_id: str, at: int) -> Callable[[UnitOfWork], list[str]]:
    return lambda unit: [session.session_sha256 for session in unit.sessions.live(person_id, at)]


async def test_a_sign_in_is_over_at_its_very_end(peopled: Store) -> None:
    await peopled.run(_opening(Session("a" * 64, "person-1", ORG, "csrf", 1_000, 1_000, 5_000)))
    assert await peopled.run(_live("person-1", 4_999)) == ["a" * 64]
    assert await peopled.run(_live("person-1", 5_000)) == []


async def test_invitations_that_can_be_taken_up_are_counted_for_each_organisation(peopled: Store) -> None:
    def invite(unit: UnitOfWork) -> None:
        for token, org_id, expires_at in (("a", ORG, 2_000), ("b", ORG, 3_000), ("c", "org-2", 3_000)):
            unit.sessions.invite(
                Invitation(token * 64, "x@shop.example", org_id, Role.VIEWER, False, 1_000, expires_at)
            )
        unit.sessions.invite(Invitation("d" * 64, "x@shop.example", None, None, True, 1_000, 3_000))

    await peopled.run(invite)
    assert await peopled.run(_counts(1_999)) == [2, 1, 1]
    assert await peopled.run(_counts(2_000)) == [1, 1, 1]
    assert await peopled.run(lambda unit: unit.sessions.accept("b" * 64, 2_000)) is True
    assert await peopled.run(_counts(2_000)) == [0, 1, 1]


def _counts(at: int) -> Callable[[UnitOfWork], list[int]]:
    return lambda unit: [unit.sessions.count_invitations(org_id, at) for org_id in (ORG, "org-2", None)]


async def test_what_has_ended_is_forgotten_and_nothing_else(peopled: Store) -> None:
    def fill(unit: UnitOfWork) -> None:
        for token, end in (("a", 2_000), ("b", 3_000)):
            unit.sessions.open(Session(token * 64, "person-1", ORG, "csrf", 1_000, 1_000, end))
            unit.sessions.invite(Invitation(token * 64, "x@shop.example", ORG, Role.VIEWER, False, 1_000, end))
        unit.sessions.offer_reset(FIRST, "person-1", 1_000, 2_000)
        unit.sessions.offer_reset(OF_RAVI, "person-2", 1_000, 3_000)

    await peopled.run(fill)
    assert await peopled.run(lambda unit: unit.sessions.forget(2_000)) == 0
    assert await peopled.run(lambda unit: unit.sessions.forget(2_001)) == 3
    assert await peopled.run(taking(OF_RAVI, 2_500)) == "person-2"
    assert await peopled.run(_live("person-1", 2_500)) == ["b" * 64]
    assert await peopled.run(_counts(2_500)) == [1, 0, 0]
