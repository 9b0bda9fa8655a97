"""A forgotten password: a link by mail, which works once and for an hour."""

from functools import partial
from hashlib import sha256
from typing import Final

from control_api.account_bodies import AskForResetBody, ResetPasswordBody
from control_api.auditing import audit_entry, client_address
from control_api.errors import NotFound, NotReady, RateLimited
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.mail.letters import RESET_PATH, Heading, Letter, LetterKind, link, reset_letter
from control_api.routes.account import body_of, reply_of, written
from control_api.routes.sign_in import address_name
from control_api.who import Who
from storage.person_records import Person
from storage.units import UnitOfWork

RESET_LIFE_MS: Final = 3_600_000
_NO_LINK: Final = "This link is unknown, was used or has expired."


async def ask_for_reset(api: Api, exchange: Exchange) -> Reply:
    """Send a link, where there is somebody with this address; where not, the reply and its time are the same."""
    wanted = await body_of(api, exchange, AskForResetBody)
    if api.post is None:
        raise NotFound("Mail is not configured here.")
    name = address_name(client_address(api, exchange))
    wait_s = api.sign_in.resets.take(wanted.email, name, api.clock.monotonic())
    if wait_s:
        raise RateLimited(wait_s)
    # Looked up once this request is answered: a unit of work takes longer than none.
    if not api.post.write(partial(_letters, api, exchange, wanted.email), LetterKind.PASSWORD_RESET):
        raise NotReady("Too many letters wait to be sent.", retry_after_s=60)
    return reply_of({}, status=202)


async def reset_password(api: Api, exchange: Exchange) -> Reply:
    """Set a new password, and end all sessions. A second factor stays."""
    wanted = await body_of(api, exchange, ResetPasswordBody)
    digest, now_ms = sha256(wanted.token.encode()).hexdigest(), api.clock.wall_ms()
    if not await api.store.read(lambda reader: reader.reset_works(digest, now_ms)):
        raise NotFound(_NO_LINK)  # before a password is hashed, which is much work
    password_hash = await api.sign_in.passwords.hashed(wanted.password)

    def work(unit: UnitOfWork) -> None:
        person_id = unit.sessions.take_reset(digest, now_ms)
        person = None if person_id is None else unit.people.person(person_id)
        if person is None or person.disabled_at is not None:
            raise NotFound(_NO_LINK)
        unit.people.set_password(person.person_id, password_hash)
        unit.sessions.revoke_all(person.person_id, now_ms)
        unit.audit.add(audit_entry(api, exchange, "password.reset", person.person_id, who=_as(person)))

    await written(api, work, _NO_LINK)
    return reply_of({})


async def _letters(api: Api, exchange: Exchange, email: str) -> list[Letter]:
    letter_id, now_ms = api.tokens.uuid(), api.clock.wall_ms()
    made = None if api.post is None else api.post.token(letter_id)
    token, sealed = made or (api.tokens.hex(64), None)
    digest, expires_at = sha256(token.encode("ascii")).hexdigest(), now_ms + RESET_LIFE_MS

    def work(unit: UnitOfWork) -> list[Letter]:
        person = unit.people.by_email(email)
        if person is None or person.disabled_at is not None:
            return []
        unit.sessions.offer_reset(digest, person.person_id, now_ms, expires_at)
        unit.audit.add(audit_entry(api, exchange, "password.reset_asked", person.person_id, who=_as(person)))
        url = link(api.settings.public_url, RESET_PATH, token)
        letter = reset_letter(Heading(letter_id, now_ms), person.email, url, expires_at)
        if api.post is not None:
            api.post.keep(unit, letter, token, sealed)
        return [letter]

    return await api.store.run(work)


def _as(person: Person) -> Who:
    return Who(None, frozenset(), person=person)


ROUTES: Final = (
    Route("POST", "/v1/account/password-resets", ask_for_reset),
    Route("POST", "/v1/account/password-resets/finish", reset_password),
)
