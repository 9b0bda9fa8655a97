"""Signing in and out."""

import ipaddress
from dataclasses import replace
from typing import Final

from aiohttp import web

from control_api.account_bodies import LookAtBody, SignInBody
from control_api.account_schemas import me_representation
from control_api.auditing import audit_entry, client_address
from control_api.errors import NotFound, RateLimited, SecondFactorRequired, Unauthorized
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.rendering import render_success
from control_api.rights import AGENT_RIGHTS, Right
from control_api.routes.account import EMPTY, body_of, reply_of
from control_api.session_ring import drop_cookie, new_session, organisation_or_none, rights_of, set_cookie
from control_api.totp import matching_step, opened_factor
from control_api.who import Who
from storage.person_records import Membership, Person, Session
from storage.store import Store
from storage.units import Reader, UnitOfWork

_REFUSED: Final = "The mail address, the password or the code is wrong."


async def sign_in(api: Api, exchange: Exchange) -> web.StreamResponse:
    """Open a session for somebody who gives the password, and the code where there is a second factor."""
    wanted = await body_of(api, exchange, SignInBody)
    email = wanted.email.strip().lower()
    person = await throttled_password(api, exchange, email, wanted.password)
    if person is None:
        raise Unauthorized(_REFUSED)
    if person.totp_confirmed_at is not None:
        if wanted.totp_code is None:
            give_back(api, exchange, email)
            raise SecondFactorRequired
        await check_second_factor(api, person, wanted.totp_code)
    give_back(api, exchange, email)
    await _renew_hash(api, person, wanted.password)
    places = await _places(api.store, person)
    org_id = _wanted_place(person, places, wanted.org_id)
    address = client_address(api, exchange)
    opened = new_session(api.settings, api.tokens, person, org_id, address, api.clock.wall_ms())
    who = Who(org_id, frozenset(), None, person, opened.session)
    entry = audit_entry(api, exchange, "session.open", person.person_id, who=who)

    def work(unit: UnitOfWork) -> None:
        unit.sessions.open(opened.session)
        unit.audit.add(entry)

    await api.store.run(work)
    told = await _me(api.store, person, opened.session, places, 201)
    response = render_success(exchange, told, api.clock.wall_ms())
    set_cookie(api.settings, response, opened.token)
    return response


async def sign_out(api: Api, exchange: Exchange) -> web.StreamResponse:
    """End this session."""
    session = session_of(exchange)
    now_ms = api.clock.wall_ms()
    entry = audit_entry(api, exchange, "session.end", session.person_id)

    def work(unit: UnitOfWork) -> None:
        unit.sessions.revoke(session.session_sha256, now_ms)
        unit.audit.add(entry)

    await api.store.run(work)
    return _without_cookie(api, exchange)


async def sign_out_everywhere(api: Api, exchange: Exchange) -> web.StreamResponse:
    """End all sessions of whoever asks, this one too."""
    session = session_of(exchange)
    now_ms = api.clock.wall_ms()
    entry = audit_entry(api, exchange, "session.end_all", session.person_id)

    def work(unit: UnitOfWork) -> None:
        unit.sessions.revoke_all(session.person_id, now_ms)
        unit.audit.add(entry)

    await api.store.run(work)
    return _without_cookie(api, exchange)


async def look_at(api: Api, exchange: Exchange) -> Reply:
    """Look at another organisation: one with a role for whoever asks; any, for an operator."""
    wanted = await body_of(api, exchange, LookAtBody)
    person, session = person_of(exchange), session_of(exchange)
    places = await _places(api.store, person)
    known = wanted.org_id in {place.org_id for place, _ in places}
    if not known and person.operator:
        found = await api.store.read(lambda reader: organisation_or_none(reader, wanted.org_id))
        known = found is not None
    if not known:
        raise NotFound("No such organisation.")
    await api.store.run(lambda unit: unit.sessions.look_at(session.session_sha256, wanted.org_id))
    return await _me(api.store, person, replace(session, org_id=wanted.org_id), places)


async def show_me(api: Api, exchange: Exchange) -> Reply:
    """Who is signed in, where, and what they may do."""
    person = person_of(exchange)
    return await _me(api.store, person, session_of(exchange), await _places(api.store, person))


async def throttled_password(api: Api, exchange: Exchange, email: str, password: str) -> Person | None:
    """The person with this mail address if it is their password. A try is used up, whatever comes of it.

    It takes the same time whether there is such a person or not. Raises RateLimited, NotReady.
    """
    name = address_name(client_address(api, exchange))
    wait_s = api.sign_in.throttle.take(email, name, api.clock.monotonic())
    if wait_s:
        raise RateLimited(wait_s)
    person = await api.store.read(lambda reader: reader.person_by_email(email))
    usable = person is not None and person.disabled_at is None
    known_hash = person.password_hash if person is not None and usable else None
    return person if await api.sign_in.passwords.matches(known_hash, password) else None


async def check_second_factor(api: Api, person: Person, code: str) -> None:
    """Use up a code of somebody's second factor. Raises Unauthorized."""
    sealed, box = person.totp_sealed, api.sign_in.box
    if sealed is None or box is None:
        raise Unauthorized(_REFUSED)
    try:
        secret = opened_factor(box, person.person_id, sealed)
    except ValueError:
        raise Unauthorized("The second factor cannot be checked any more. Please ask the operator.") from None
    step = matching_step(secret, code, api.clock.wall_ms())
    if step is None or not await api.store.run(lambda unit: unit.people.use_totp_step(person.person_id, step)):
        raise Unauthorized(_REFUSED)


def give_back(api: Api, exchange: Exchange, email: str) -> None:
    """The password was right, and the code where there is one: the try does not count."""
    name = address_name(client_address(api, exchange))
    api.sign_in.throttle.give_back(email, name, api.clock.monotonic())


async def _renew_hash(api: Api, person: Person, password: str) -> None:
    """Hash the password at today's costs where it was hashed at others."""
    if person.password_hash is not None and api.sign_in.passwords.outdated(person.password_hash):
        renewed = await api.sign_in.passwords.hashed(password)
        await api.store.run(lambda unit: unit.people.set_password(person.person_id, renewed))


def address_name(address: str) -> str:
    """What an address counts under: of IPv6 its /64, which one household has whole."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if parsed.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))


async def _places(store: Store, person: Person) -> list[tuple[Membership, str]]:
    def look(reader: Reader) -> list[tuple[Membership, str]]:
        return [(place, reader.organisation(place.org_id).name) for place in reader.memberships(person.person_id)]

    return await store.read(look)


def _wanted_place(person: Person, places: list[tuple[Membership, str]], wanted: str | None) -> str | None:
    """The organisation to begin with: the one wanted, else the oldest. Raises NotFound."""
    known = [place.org_id for place, _ in places]
    if wanted is None:
        return known[0] if known else None
    if wanted not in known:
        raise NotFound("You have no role in this organisation.")
    return wanted


async def _me(
    store: Store, person: Person, session: Session, places: list[tuple[Membership, str]], status: int = 200
) -> Reply:
    role = next((place.role for place, _ in places if place.org_id == session.org_id), None)
    if role is None and not person.operator:  # the role was taken since
        session = replace(session, org_id=None)
    rights = rights_of(person, session.org_id, role)
    if (org_id := session.org_id) is not None:
        agent = await store.read(lambda reader: reader.agent_of_person(org_id, person.person_id))
        rights = rights if agent is None else rights | AGENT_RIGHTS
    return reply_of(me_representation(person, session, role, places, sorted(rights)), status)


def person_of(exchange: Exchange) -> Person:
    """Who is signed in; only on routes about one's own sign-in."""
    person = exchange.caller.person
    if person is None:
        raise LookupError("only people sign in")
    return person


def session_of(exchange: Exchange) -> Session:
    """The session; only on routes about one's own sign-in."""
    session = exchange.caller.session
    if session is None:
        raise LookupError("only people have sessions")
    return session


def _without_cookie(api: Api, exchange: Exchange) -> web.StreamResponse:
    response = render_success(exchange, EMPTY, api.clock.wall_ms())
    drop_cookie(api.settings, response)
    return response


ROUTES: Final = (
    Route("POST", "/v1/account/sessions", sign_in),
    Route("DELETE", "/v1/account/sessions", sign_out_everywhere, right=Right.OWN_SIGN_IN),
    Route("DELETE", "/v1/account/sessions/current", sign_out, right=Right.OWN_SIGN_IN),
    Route("PATCH", "/v1/account/sessions/current", look_at, right=Right.OWN_SIGN_IN),
    Route("GET", "/v1/account/me", show_me, right=Right.OWN_SIGN_IN),
)
