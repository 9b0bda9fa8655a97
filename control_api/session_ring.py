"""Who is signed in: sessions by the cookie that carries their token."""

import hmac
import logging
import re
from asyncio import Future
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from aiohttp import web

from b2bua.clock import Clock
from b2bua.tokens import Tokens
from control_api.errors import Forbidden, Unauthorized
from control_api.rights import AGENT_RIGHTS, NOBODYS_RIGHTS, OPERATOR_RIGHTS, ROLE_RIGHTS, Right
from control_api.settings import ApiSettings
from control_api.who import Who
from storage.errors import StorageError
from storage.person_records import Person, Role, Session
from storage.records import Organisation
from storage.store import Store
from storage.units import Reader

CSRF_HEADER: Final = "X-CSRF-Token"
SEEN_EVERY_MS: Final = 60_000
SIGN_IN: Final = "Please sign in."

_TOKEN: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NewSession:
    """A sign-in to be stored, with the token that the browser alone gets."""

    session: Session
    token: str


def cookie_name(settings: ApiSettings) -> str:
    """The session cookie's name; over HTTPS one that browsers take from this host alone (RFC 6265bis 4.1.3.2)."""
    return "__Host-maskbridge" if settings.https else "maskbridge_session"


def new_session(
    settings: ApiSettings, tokens: Tokens, person: Person, org_id: str | None, address: str, now_ms: int
) -> NewSession:
    """A sign-in of somebody who has proved who they are."""
    token = tokens.hex(64)
    ends_at = now_ms + round(settings.session_life_s * 1000)
    digest = sha256(token.encode("ascii")).hexdigest()
    return NewSession(
        Session(digest, person.person_id, org_id, tokens.hex(64), now_ms, now_ms, ends_at, None, address), token
    )


def set_cookie(settings: ApiSettings, reply: web.StreamResponse, token: str) -> None:
    """Hand the token over: not to scripts, not to other sites' requests, over HTTPS alone where there is HTTPS."""
    reply.set_cookie(
        cookie_name(settings),
        token,
        max_age=round(settings.session_life_s),
        path="/",
        httponly=True,
        secure=settings.https,
        samesite="Lax",
    )


def drop_cookie(settings: ApiSettings, reply: web.StreamResponse) -> None:
    """Take the token back."""
    reply.del_cookie(cookie_name(settings), path="/", secure=settings.https, httponly=True, samesite="Lax")


def check_csrf(session: Session, given: Sequence[str]) -> None:
    """Raises Forbidden unless the session's own CSRF token was given, once: by header, or as a form's field."""
    if len(given) != 1 or not hmac.compare_digest(given[0].encode(), session.csrf_token.encode()):
        raise Forbidden(f"The session's CSRF token is missing or wrong: {CSRF_HEADER}.", CSRF_HEADER)


class SessionRing:
    """Looks sessions up by the SHA-256 of their token, each time: one that was revoked is good for nothing at once."""

    def __init__(self, store: Store, clock: Clock, idle_s: float) -> None:
        self._store = store
        self._clock = clock
        self._idle_ms = round(idle_s * 1000)

    async def authenticate(self, token: str) -> Who:
        """Who is behind a token. Raises Unauthorized."""
        if not _TOKEN.fullmatch(token):
            raise Unauthorized(SIGN_IN)
        digest = sha256(token.encode("ascii")).hexdigest()
        now_ms = self._clock.wall_ms()
        who = await self._store.read(lambda reader: self._look_up(reader, digest, now_ms))
        if who is None or who.session is None:
            raise Unauthorized(SIGN_IN)
        self._touch(who.session, now_ms)
        return who

    def _look_up(self, reader: Reader, digest: str, now_ms: int) -> Who | None:
        session = reader.session(digest)
        if session is None or not hmac.compare_digest(session.session_sha256, digest):
            return None
        idle = session.seen_at + self._idle_ms <= now_ms
        if session.revoked_at is not None or session.ends_at <= now_ms or idle:
            return None
        person = reader.person(session.person_id)
        if person.disabled_at is not None:
            return None
        role = _role(reader, session.org_id, person)
        org_id = session.org_id if role is not None or person.operator else None
        agent = None if org_id is None else reader.agent_of_person(org_id, person.person_id)
        rights = rights_of(person, org_id, role)
        return Who(org_id, rights if agent is None else rights | AGENT_RIGHTS, None, person, session, role, agent)

    def _touch(self, session: Session, now_ms: int) -> None:
        """Note that it was seen, at most once a minute and without waiting for it."""
        if now_ms - session.seen_at < SEEN_EVERY_MS:
            return
        try:
            noted: Future[bool] = self._store.submit(lambda unit: unit.sessions.touch(session.session_sha256, now_ms))
        except StorageError:
            return
        noted.add_done_callback(_note_lost)


def rights_of(person: Person, org_id: str | None, role: Role | None) -> frozenset[Right]:
    """What somebody may do who looks at an organisation with a role there, or as an operator."""
    if person.operator:
        return OPERATOR_RIGHTS if org_id is not None else NOBODYS_RIGHTS | {Right.OPERATE}
    return NOBODYS_RIGHTS if role is None else ROLE_RIGHTS[role]


def organisation_or_none(reader: Reader, org_id: str) -> Organisation | None:
    """An organisation, None where there is none."""
    try:
        return reader.organisation(org_id)
    except StorageError:
        return None


def _role(reader: Reader, org_id: str | None, person: Person) -> Role | None:
    membership = None if org_id is None else reader.membership(org_id, person.person_id)
    return None if membership is None else membership.role


def _note_lost(noted: "Future[bool]") -> None:
    if not noted.cancelled() and noted.exception() is not None:
        _log.warning("the last sight of a session was not noted: %s", type(noted.exception()).__name__)
