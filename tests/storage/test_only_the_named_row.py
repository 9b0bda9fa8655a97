"""Every verb on somebody's rows leaves those of everybody else as they were, in other organisations too."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from storage.person_records import Membership, Person, Role
from storage.records import ApiKey, Organisation, Scope, Tariff, WebhookEndpoint, WebhookEvent
from storage.store import Store
from storage.units import Reader, UnitOfWork
from tests.support.stored import ORG, an_endpoint, an_organisation

Verb = Callable[[UnitOfWork], object]

HASH = "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA"
NAMED = Person("person-1", "asha@shop.example", "Asha", 5, password_hash=HASH, totp_sealed="sealed")
BYSTANDERS = [
    Person("person-2", "ravi@shop.example", "Ravi", 6, HASH, True, "theirs", 7, 8),
    Person("person-3", "mira@shop.example", "Mira", 7, HASH, False, "hers", None, 0, 9),
]
OTHER = Organisation(
    "org-2", "Other", 7, Tariff(200, 30, 5), "29ABCDE1234F1Z5", "29", 50, 30, None, 4, 9_900, "1 MG Road"
)
KEYS = [
    ApiKey("key-1", ORG, "shop", "a" * 64, "vp_12345678", frozenset(Scope), 5),
    ApiKey("key-2", ORG, "till", "b" * 64, "vp_12345678", frozenset(Scope), 6),
    ApiKey("key-3", "org-2", "theirs", "c" * 64, "vp_12345678", frozenset({Scope.CALLS_READ}), 7, 70, 71, 72),
]
ENDPOINTS = [
    an_endpoint(),
    replace(an_endpoint("hook-2", events=frozenset({WebhookEvent.BRIDGED})), created_at=2_001),
    replace(an_endpoint("hook-3", org_id="org-2"), secrets=("theirs",), disabled_at=2_500),
]

People = tuple[list[Person], list[list[Membership]]]
Accounts = tuple[Organisation, tuple[str, ...], list[ApiKey], list[WebhookEndpoint]]


@pytest.fixture
async def peopled(store: Store) -> Store:
    def fill(unit: UnitOfWork) -> None:
        for org_id in (ORG, "org-2"):
            unit.accounts.create_organisation(an_organisation(org_id))
        for person in (NAMED, *BYSTANDERS):
            unit.people.add(person)
            unit.people.set_member(ORG, person.person_id, Role.FINANCE, 10)
            unit.people.set_member("org-2", person.person_id, Role.VIEWER, 11)

    await store.run(fill)
    return store


def people_beside(reader: Reader) -> People:
    """Everybody but the one that is named, and what they may do where."""
    beside = [person.person_id for person in BYSTANDERS]
    return [reader.person(id_) for id_ in beside], [reader.memberships(id_) for id_ in beside]


@pytest.mark.parametrize(
    "verb",
    [
        lambda unit: unit.people.set_password("person-1", HASH + "b"),
        lambda unit: unit.people.set_operator("person-1", True),
        lambda unit: unit.people.set_totp("person-1", "other"),
        lambda unit: unit.people.confirm_totp("person-1", 99),
        lambda unit: unit.people.clear_totp("person-1"),
        lambda unit: unit.people.use_totp_step("person-1", 1_000),
        lambda unit: unit.people.disable("person-1", 99),
        lambda unit: unit.people.erase("person-1", 99),
    ],
)
async def test_what_is_done_to_somebody_is_done_to_nobody_else(peopled: Store, verb: Verb) -> None:
    before = await peopled.read(people_beside)
    await peopled.run(verb)
    assert await peopled.read(people_beside) == before
    assert await peopled.read(lambda reader: reader.person("person-1")) != NAMED


async def test_who_may_sign_in_again_is_nobody_else(peopled: Store) -> None:
    await peopled.run(lambda unit: unit.people.disable("person-1", 99))
    await peopled.run(lambda unit: unit.people.enable("person-1"))
    assert await peopled.read(lambda reader: reader.person("person-1")) == NAMED
    assert await peopled.read(lambda reader: reader.person("person-3")) == BYSTANDERS[1]


async def test_a_role_is_somebody_s_and_of_one_organisation(peopled: Store) -> None:
    before = await peopled.read(people_beside)
    await peopled.run(lambda unit: unit.people.set_member("org-2", "person-1", Role.OWNER, 12))
    assert await peopled.read(lambda reader: reader.memberships("person-1")) == [
        Membership(ORG, "person-1", Role.FINANCE, 10),
        Membership("org-2", "person-1", Role.OWNER, 11),
    ]
    for org_id, role in ((ORG, Role.FINANCE), ("org-2", Role.OWNER)):
        found = await peopled.run(_membership(org_id))
        assert found is not None
        assert (found.org_id, found.person_id, found.role) == (org_id, "person-1", role)
    await peopled.run(lambda unit: unit.people.remove_member(ORG, "person-1"))
    assert await peopled.run(_membership(ORG)) is None
    assert await peopled.run(_membership("org-2")) is not None
    assert await peopled.read(people_beside) == before


def _membership(org_id: str) -> Callable[[UnitOfWork], Membership | None]:
    return lambda unit: unit.people.membership(org_id, "person-1")


@pytest.fixture
async def two_customers(store: Store) -> Store:
    def fill(unit: UnitOfWork) -> None:
        unit.accounts.create_organisation(an_organisation())
        unit.accounts.create_organisation(OTHER)
        for org_id in (ORG, "org-2"):
            unit.accounts.set_numbers(org_id, ["917969002802"])
        for key in KEYS:
            unit.accounts.add_key(key)
        for endpoint in ENDPOINTS:
            unit.accounts.add_endpoint(endpoint)

    await store.run(fill)
    return store


def accounts_beside(reader: Reader) -> Accounts:
    """What there is beside an organisation, its first key and its first endpoint."""
    keys = [key for org_id in (ORG, "org-2") for key in reader.keys(org_id)]
    endpoints = [endpoint for org_id in (ORG, "org-2") for endpoint in reader.endpoints(org_id)]
    numbers = reader.organisation_numbers("org-2")
    return reader.organisation("org-2"), numbers, keys[1:], endpoints[1:]


@pytest.mark.parametrize(
    "verb",
    [
        lambda unit: unit.accounts.change_organisation(replace(an_organisation(), suspended_at=99, state="27")),
        lambda unit: unit.accounts.set_numbers(ORG, []),
        lambda unit: unit.accounts.set_retention(ORG, 1),
        lambda unit: unit.accounts.set_low_balance(ORG, 1),
        lambda unit: unit.accounts.revoke_key("key-1", 99),
        lambda unit: unit.accounts.expire_key("key-1", 99),
        lambda unit: unit.accounts.touch_key("key-1", 999_999),
        lambda unit: unit.accounts.change_endpoint(
            replace(ENDPOINTS[0], url="https://new.example/", events=frozenset({WebhookEvent.COMPLETED}))
        ),
        lambda unit: unit.accounts.set_endpoint_secrets("hook-1", ("new", "old")),
        lambda unit: unit.accounts.disable_endpoint("hook-1", 99),
        lambda unit: unit.accounts.enable_endpoint("hook-1"),
    ],
)
async def test_what_an_organisation_changes_is_its_own(two_customers: Store, verb: Verb) -> None:
    before = await two_customers.read(accounts_beside)
    assert before == (OTHER, ("917969002802",), KEYS[1:], ENDPOINTS[1:])
    await two_customers.run(verb)
    assert await two_customers.read(accounts_beside) == before


async def test_every_term_of_an_organisation_can_be_changed(two_customers: Store) -> None:
    changed = replace(OTHER, org_id=ORG, created_at=an_organisation().created_at, suspended_at=99)
    await two_customers.run(lambda unit: unit.accounts.change_organisation(changed))
    assert await two_customers.read(lambda reader: reader.organisation(ORG)) == changed
