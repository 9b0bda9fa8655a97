"""Commands about people who sign in."""

import argparse
import getpass
import sys
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from b2bua.clock import SystemClock
from b2bua.commands.audit import typed
from b2bua.commands.databases import check_organisation, looked_up, moment, written
from b2bua.commands.output import CommandFailed, Output
from b2bua.config import Config
from b2bua.tokens import SystemTokens
from control_api.account_bodies import LONGEST_PASSWORD, SHORTEST_PASSWORD, email_of, name_of
from control_api.account_schemas import invitation_representation
from control_api.errors import Conflict
from control_api.mail.letters import Heading, invitation_letter
from control_api.mail.office import carrier_of
from control_api.mail.post import CarrierAway, LetterRefused
from control_api.passwords import Passwords
from control_api.routes.people import INVITATION_LIFE_MS, check_owner_stays
from storage.errors import UnknownRecord
from storage.person_records import Invitation, Person, Role
from storage.units import Reader, UnitOfWork

MOST_SHOWN: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Place:
    """Where somebody is put: a role in an organisation, above all of them, or both."""

    org_id: str | None
    role: Role | None
    operator: bool

    @classmethod
    def of(cls, options: argparse.Namespace) -> "_Place":
        if (options.org is None) != (options.role is None):
            raise CommandFailed("--org and --role go together")
        if options.org is None and not options.operator:
            raise CommandFailed("say what this person may do: --org ORG_ID --role ROLE, or --operator")
        role = None if options.role is None else _role(options.role)
        return cls(options.org, role, options.operator)

    def check(self, unit: UnitOfWork) -> None:
        if self.org_id is not None:
            check_organisation(unit, self.org_id)

    @property
    def change(self) -> dict[str, object]:
        return {"role": self.role, "operator": self.operator}


async def add(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`person add EMAIL`: with a password that is typed or piped in, or with `--invite` by a link that works once."""
    email, place = _email(options.email), _Place.of(options)
    if options.invite:
        return await _invite(email, place, config, output)
    name = _name(options.name or email.partition("@")[0])
    password_hash = await Passwords().hashed(_password())
    person = Person(SystemTokens().uuid(), email, name, SystemClock().wall_ms(), password_hash, place.operator)

    def work(unit: UnitOfWork) -> None:
        place.check(unit)
        if unit.people.by_email(email) is not None:
            raise CommandFailed(f"{email} is there already; see person role")
        unit.people.add(person)
        if place.org_id is not None and place.role is not None:
            unit.people.set_member(place.org_id, person.person_id, place.role, person.created_at)
        unit.audit.add(typed("person.add", person.person_id, place.org_id, {"email": email} | place.change))

    await written(config, work)
    output.one({"person_id": person.person_id, "email": email, "name": name})
    return 0


async def _invite(email: str, place: _Place, config: Config, output: Output) -> int:
    token, at = SystemTokens().hex(64), SystemClock().wall_ms()
    digest = sha256(token.encode("ascii")).hexdigest()
    invitation = Invitation(digest, email, place.org_id, place.role, place.operator, at, at + INVITATION_LIFE_MS)

    def work(unit: UnitOfWork) -> str | None:
        place.check(unit)
        unit.sessions.invite(invitation)
        unit.audit.add(typed("person.invite", "", place.org_id, {"email": email} | place.change))
        return None if place.org_id is None else unit.accounts.organisation(place.org_id).name

    where = await written(config, work)
    shown = invitation_representation(invitation, token, config.api.public_url)
    told = {name: shown[name] for name in ("email", "token", "url", "expires_at")}
    output.one(told | {"mailed": await _mailed(invitation, where, str(shown["url"]), config)})
    return 0


async def _mailed(invitation: Invitation, where: str | None, url: str, config: Config) -> bool:
    """Whether the invitation went out by mail. Where it did not, though mail is configured, a line says why."""
    if not config.mail.host:
        return False
    heading = Heading(SystemTokens().uuid(), invitation.created_at)
    try:
        await carrier_of(config.mail).carry(
            invitation_letter(heading, invitation.email, where, url, invitation.expires_at)
        )
    except (CarrierAway, LetterRefused) as error:
        sys.stderr.write(f"maskbridge: the invitation was not mailed, so give the link on yourself: {error}\n")
        return False
    return True


async def list_people(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`person list [--org ORG_ID]`."""

    def look(reader: Reader) -> list[dict[str, object]]:
        if options.org is not None:
            try:
                reader.organisation(options.org)
            except UnknownRecord:
                raise CommandFailed(f"there is no organisation {options.org}") from None
            return [_shown(reader, person) for person, _ in reader.members(options.org)]
        return [_shown(reader, person) for person in reader.everyone(1, MOST_SHOWN)[0]]

    rows = await looked_up(config, look)
    output.rows(rows, ("person_id", "email", "name", "operator", "roles", "totp", "disabled_at"))
    return 0


async def set_password(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`person passwd EMAIL [--reset-totp]`: ends all sessions; the password is typed or piped in."""
    email = _email(options.email)
    password_hash = await Passwords().hashed(_password())
    at = SystemClock().wall_ms()

    def work(unit: UnitOfWork) -> Person:
        person = _known(unit, email)
        unit.people.set_password(person.person_id, password_hash)
        unit.people.enable(person.person_id)
        unit.sessions.revoke_all(person.person_id, at)
        if options.reset_totp:
            unit.people.clear_totp(person.person_id)
        unit.audit.add(typed("person.password", person.person_id, None, {"totp_reset": options.reset_totp}))
        return person

    person = await written(config, work)
    output.one({"person_id": person.person_id, "email": email}, f"{email} has a new password")
    return 0


async def set_role(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`person role EMAIL [--org ORG_ID --role ROLE] [--operator yes|no]`."""
    email = _email(options.email)
    if (options.org is None) != (options.role is None) or (options.org is None and options.operator is None):
        raise CommandFailed("say which role: --org ORG_ID --role ROLE, or --operator yes or no")
    role = None if options.role is None else _role(options.role)
    operator = None if options.operator is None else options.operator == "yes"
    at = SystemClock().wall_ms()

    def work(unit: UnitOfWork) -> Person:
        person = _known(unit, email)
        if options.org is not None and role is not None:
            check_organisation(unit, options.org)
            if role is not Role.OWNER:
                _owner_stays(unit, options.org, person)
            unit.people.set_member(options.org, person.person_id, role, at)
        if operator is not None:
            unit.people.set_operator(person.person_id, operator)
        change: dict[str, object] = {"role": role, "operator": operator}
        unit.audit.add(typed("person.role", person.person_id, options.org, change))
        return person

    person = await written(config, work)
    output.one({"person_id": person.person_id, "email": email, "org_id": options.org, "role": role})
    return 0


async def remove(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`person remove EMAIL [--org ORG_ID]`: from an organisation, or altogether, and what is personal is forgotten."""
    email = _email(options.email)
    at = SystemClock().wall_ms()

    def work(unit: UnitOfWork) -> Person:
        person = _known(unit, email)
        places = [place.org_id for place in unit.people.memberships(person.person_id)]
        for org_id in places if options.org is None else [options.org]:
            _owner_stays(unit, org_id, person)
        if options.org is None:
            unit.sessions.revoke_all(person.person_id, at)
            unit.people.erase(person.person_id, at)
        elif not unit.people.remove_member(options.org, person.person_id):
            raise CommandFailed(f"{email} has no role in {options.org}")
        unit.audit.add(typed("person.remove", person.person_id, options.org))
        return person

    person = await written(config, work)
    output.one({"person_id": person.person_id, "org_id": options.org}, f"{email} is removed")
    return 0


def _shown(reader: Reader, person: Person) -> dict[str, object]:
    roles = [f"{place.org_id}:{place.role}" for place in reader.memberships(person.person_id)]
    return {
        "person_id": person.person_id,
        "email": person.email,
        "name": person.name,
        "operator": person.operator,
        "roles": roles,
        "totp": person.totp_confirmed_at is not None,
        "created_at": moment(person.created_at),
        "disabled_at": moment(person.disabled_at),
    }


def _known(unit: UnitOfWork, email: str) -> Person:
    person = unit.people.by_email(email)
    if person is None:
        raise CommandFailed(f"there is nobody with the address {email}")
    return person


def _owner_stays(unit: UnitOfWork, org_id: str, person: Person) -> None:
    try:
        check_owner_stays(unit, org_id, person.person_id)
    except Conflict:
        raise CommandFailed(f"{person.email} is the last owner of {org_id}: make somebody else one first") from None


def _email(text: str) -> str:
    try:
        return email_of(text)
    except ValueError:
        raise CommandFailed(f"not a mail address: {text!r}") from None


def _name(text: str) -> str:
    try:
        return name_of(text)
    except ValueError:
        raise CommandFailed("--name must have 1 to 200 printable characters") from None


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise CommandFailed(f"unknown role {text!r}; known are {', '.join(Role)}") from None


def _password() -> str:
    """A password typed twice without being shown, or the first line of what is piped in."""
    if sys.stdin.isatty():
        password = getpass.getpass("password: ")
        if password != getpass.getpass("once more: "):
            raise CommandFailed("the two are not the same")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise CommandFailed("no password came: type one at a terminal, or pipe one in as a line")
    try:
        password.encode()
    except UnicodeEncodeError:
        raise CommandFailed("the password is not UTF-8 text") from None
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise CommandFailed(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    return password
