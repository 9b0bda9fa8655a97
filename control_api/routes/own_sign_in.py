"""What somebody does to their own sign-in: the password, the second factor."""

from typing import Final

from control_api.account_bodies import ChangePasswordBody, CodeBody, PasswordBody
from control_api.auditing import audit_entry
from control_api.errors import Conflict, Forbidden, InvalidRequest
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.rights import Right
from control_api.routes.account import EMPTY, body_of, reply_of, written
from control_api.routes.sign_in import give_back, person_of, session_of, throttled_password
from control_api.totp import matching_step, new_factor, opened_factor, provisioning_uri
from storage.person_records import Person
from storage.units import UnitOfWork

_GONE: Final = "You are not there any more."
_WRONG_CODE: Final = "The code is wrong. Is the authenticator's clock right?"


async def change_password(api: Api, exchange: Exchange) -> Reply:
    """Set a new password and end all other sessions."""
    wanted = await body_of(api, exchange, ChangePasswordBody)
    person, session = person_of(exchange), session_of(exchange)
    await _confirm(api, exchange, person, wanted.current_password, "current_password")
    password_hash = await api.sign_in.passwords.hashed(wanted.new_password)
    now_ms = api.clock.wall_ms()
    entry = audit_entry(api, exchange, "person.password", person.person_id)

    def work(unit: UnitOfWork) -> None:
        unit.people.set_password(person.person_id, password_hash)
        unit.sessions.revoke_all(person.person_id, now_ms, session.session_sha256)
        unit.audit.add(entry)

    await written(api, work, _GONE)
    return EMPTY


async def enrol_factor(api: Api, exchange: Exchange) -> Reply:
    """Make a secret for an authenticator; it is asked for once it is confirmed."""
    wanted = await body_of(api, exchange, PasswordBody)
    person = person_of(exchange)
    if person.totp_confirmed_at is not None:
        raise Conflict("A second factor is set already: disable it first.")
    if api.sign_in.box is None:
        raise Conflict("The operator has set no master key, so there are no second factors.")
    await _confirm(api, exchange, person, wanted.password, "password")
    secret, sealed = new_factor(api.sign_in.box, person.person_id)
    await written(api, lambda unit: unit.people.set_totp(person.person_id, sealed), _GONE)
    return reply_of({"secret": secret, "uri": provisioning_uri(secret, person.email)}, 201)


async def confirm_factor(api: Api, exchange: Exchange) -> Reply:
    """Ask for the second factor from now on, once a code shows that the authenticator has it."""
    wanted = await body_of(api, exchange, CodeBody)
    person, box = person_of(exchange), api.sign_in.box
    if person.totp_sealed is None or person.totp_confirmed_at is not None or box is None:
        raise Conflict("There is no second factor to confirm.")
    now_ms = api.clock.wall_ms()
    try:
        step = matching_step(opened_factor(box, person.person_id, person.totp_sealed), wanted.code, now_ms)
    except ValueError:
        raise Conflict("The second factor cannot be read any more: make a new one.") from None
    if step is None:
        raise InvalidRequest(_WRONG_CODE, "code")
    entry = audit_entry(api, exchange, "person.totp_on", person.person_id)

    def work(unit: UnitOfWork) -> None:
        unit.people.confirm_totp(person.person_id, now_ms)
        unit.people.use_totp_step(person.person_id, step)
        unit.audit.add(entry)

    await written(api, work, _GONE)
    return EMPTY


async def disable_factor(api: Api, exchange: Exchange) -> Reply:
    """Ask for no second factor any more."""
    wanted = await body_of(api, exchange, PasswordBody)
    person = person_of(exchange)
    await _confirm(api, exchange, person, wanted.password, "password")
    entry = audit_entry(api, exchange, "person.totp_off", person.person_id)

    def work(unit: UnitOfWork) -> None:
        unit.people.clear_totp(person.person_id)
        unit.audit.add(entry)

    await written(api, work, _GONE)
    return EMPTY


async def _confirm(api: Api, exchange: Exchange, person: Person, password: str, field: str) -> None:
    """That it is really the person: their password, whose tries are counted. Raises Forbidden, RateLimited."""
    if await throttled_password(api, exchange, person.email, password) is None:
        raise Forbidden("The password is wrong.", field)
    give_back(api, exchange, person.email)


ROUTES: Final = (
    Route("POST", "/v1/account/password", change_password, right=Right.OWN_SIGN_IN),
    Route("POST", "/v1/account/totp", enrol_factor, right=Right.OWN_SIGN_IN),
    Route("POST", "/v1/account/totp/confirm", confirm_factor, right=Right.OWN_SIGN_IN),
    Route("POST", "/v1/account/totp/disable", disable_factor, right=Right.OWN_SIGN_IN),
)
