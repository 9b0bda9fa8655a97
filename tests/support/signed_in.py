"""People for tests of the API: somebody of each role, an operator, and how they sign in."""

from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

from argon2 import PasswordHasher

from storage.person_records import Person, Role
from tests.support.api_world import ORG, ApiReply, ApiWorld

PASSWORD = "correct horse battery"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HASH = CHEAP.hash(PASSWORD)
SESSIONS = "/v1/account/sessions"


@dataclass(frozen=True)
class SignedIn:
    """A browser with a session."""

    world: ApiWorld
    person_id: str
    cookie: str
    csrf_token: str

    async def send(self, method: str, path: str, **options: Any) -> ApiReply:
        """A request as the portal makes it."""
        headers: Mapping[str, str] = {
            "Cookie": self.cookie,
            "X-CSRF-Token": self.csrf_token,
            **options.pop("headers", {}),
        }
        return await self.world.send(method, path, key=None, headers=headers, **options)


async def add_person(
    world: ApiWorld, email: str, role: Role | None = None, *, operator: bool = False, org_id: str = ORG
) -> Person:
    """Somebody who can sign in with `PASSWORD`."""
    person = Person(f"id-{email.partition('@')[0]}", email, email.partition("@")[0], 1_000, HASH, operator)

    def work(unit: Any) -> None:
        unit.people.add(person)
        if role is not None:
            unit.people.set_member(org_id, person.person_id, role, 1_000)

    await world.store.run(work)
    return person


async def sign_in(world: ApiWorld, email: str, **body: Any) -> SignedIn:
    """A session of somebody who was added."""
    reply = await world.send("POST", SESSIONS, key=None, json={"email": email, "password": PASSWORD, **body})
    assert reply.status == 201, reply.body
    data = reply.json["data"]
    return SignedIn(world, data["person"]["person_id"], cookie_of(reply), data["csrf_token"])


async def somebody(world: ApiWorld, role: Role | None, *, operator: bool = False) -> SignedIn:
    """Somebody new of a role, signed in."""
    email = f"{role or 'nobody'}{'-operator' if operator else ''}@shop.example"
    await add_person(world, email, role, operator=operator)
    return await sign_in(world, email)


def cookie_of(reply: ApiReply) -> str:
    """What a browser sends back of a reply's `Set-Cookie`."""
    cookies = SimpleCookie(reply.headers["Set-Cookie"])
    return "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())
