"""The people of an organisation: invited by a link that works once, given roles, removed."""

from hashlib import sha256
from typing import Final

from control_api.account_bodies import (
    LONGEST_NAME,
    SHORTEST_PASSWORD,
    AcceptInvitationBody,
    ChangeRoleBody,
    InvitationBody,
    InviteBody,
)
from control_api.account_schemas import (
    invitation_representation,
    member_representation,
    open_invitation_representation,
)
from control_api.auditing import audit_entry
from control_api.errors import Conflict, Forbidden, InvalidRequest, NotFound
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.mail.letters import INVITATION_PATH, Heading, Letter, invitation_letter, link
from control_api.rights import Right
from control_api.routes.account import EMPTY, body_of, reply_of, written
from control_api.routes.sign_in import give_back, throttled_password
from control_api.session_ring import organisation_or_none
from control_api.who import Who
from storage.person_records import Invitation, Membership, Person, Role
from storage.records import Organisation
from storage.units import Reader, UnitOfWork

INVITATION_LIFE_MS: Final = 7 * 86_400_000
MAX_PEOPLE: Final = 500
MAX_INVITATIONS: Final = 200  # open ones of an organisation, and of the operators
_NO_MEMBER: Final = "Nobody with this id has a role in the organisation."
_NO_INVITATION: Final = "This invitation is unknown, was used or has expired."


async def list_people(api: Api, exchange: Exchange) -> Reply:
    """Everybody with a role in the organisation."""
    org_id = exchange.org_id
    members = await api.store.read(lambda reader: reader.members(org_id))
    return reply_of([member_representation(person, membership) for person, membership in members])


async def invite(api: Api, exchange: Exchange) -> Reply:
    """Make a link for somebody to be given a role by."""
    wanted = await body_of(api, exchange, InviteBody)
    return await invited(api, exchange, wanted.email, exchange.org_id, wanted.role, operator=False)


async def invited(
    api: Api, exchange: Exchange, email: str, org_id: str | None, role: Role | None, *, operator: bool
) -> Reply:
    """A link that works once, kept by its hash alone, and sent where mail is configured. Raises Conflict, NotFound."""
    letter_id, now_ms = api.tokens.uuid(), api.clock.wall_ms()
    made = None if api.post is None else api.post.token(letter_id)
    token, sealed = made or (api.tokens.hex(64), None)
    digest = sha256(token.encode("ascii")).hexdigest()
    invitation = Invitation(digest, email, org_id, role, operator, now_ms, now_ms + INVITATION_LIFE_MS)
    change = {"email": email, "role": role, "operator": operator}
    entry = audit_entry(api, exchange, "person.invite", "", change, org_id=org_id)

    def work(unit: UnitOfWork) -> Letter:
        place = None
        if org_id is not None:
            place = unit.accounts.organisation(org_id).name
            _check_new(unit, org_id, email)
        if unit.sessions.count_invitations(org_id, now_ms) >= MAX_INVITATIONS:
            raise Conflict(f"At most {MAX_INVITATIONS} invitations are open at a time. They end after 7 days.")
        unit.sessions.invite(invitation)
        unit.audit.add(entry)
        url = link(api.settings.public_url, INVITATION_PATH, token)
        letter = invitation_letter(Heading(letter_id, now_ms), email, place, url, invitation.expires_at)
        if api.post is not None:
            api.post.keep(unit, letter, token, sealed)
        return letter

    letter = await written(api, work, "No such organisation.")
    if api.post is not None:
        api.post.send(letter)
    return reply_of(invitation_representation(invitation, token, api.settings.public_url), 201)


async def show_invitation(api: Api, exchange: Exchange) -> Reply:
    """To what an invitation is, for whoever has its link."""
    invitation = await _open_invitation(api, (await body_of(api, exchange, InvitationBody)).token)

    def look(reader: Reader) -> tuple[Organisation | None, bool]:
        org_id = invitation.org_id
        organisation = None if org_id is None else organisation_or_none(reader, org_id)
        return organisation, reader.person_by_email(invitation.email) is not None

    organisation, known = await api.store.read(look)
    return reply_of(open_invitation_representation(invitation, organisation, known=known))


async def accept(api: Api, exchange: Exchange) -> Reply:
    """Take an invitation up: with a name and a password, or with the present password where one is known."""
    wanted = await body_of(api, exchange, AcceptInvitationBody)
    invitation = await _open_invitation(api, wanted.token)
    now_ms = api.clock.wall_ms()
    known = await api.store.read(lambda reader: reader.person_by_email(invitation.email))
    if known is not None:
        person = await throttled_password(api, exchange, invitation.email, wanted.password)
        if person is None:
            raise Forbidden("The password is wrong.", "password")
        give_back(api, exchange, invitation.email)
    else:
        person = await _newcomer(api, invitation, wanted, now_ms)
    await _take_up(api, exchange, invitation, person, is_new=known is None)
    return EMPTY


async def change_role(api: Api, exchange: Exchange) -> Reply:
    """Give somebody another role. Somebody must stay who is an owner."""
    wanted = await body_of(api, exchange, ChangeRoleBody)
    org_id, person_id = exchange.org_id, exchange.request.match_info["person_id"]
    now_ms = api.clock.wall_ms()
    entry = audit_entry(api, exchange, "person.role", person_id, {"role": wanted.role})

    def work(unit: UnitOfWork) -> tuple[Person, Membership]:
        present = unit.people.membership(org_id, person_id)
        if present is None:
            raise NotFound(_NO_MEMBER)
        if wanted.role is not Role.OWNER:
            check_owner_stays(unit, org_id, person_id)
        unit.people.set_member(org_id, person_id, wanted.role, now_ms)
        unit.audit.add(entry)
        return unit.people.person(person_id), Membership(org_id, person_id, wanted.role, present.created_at)

    return reply_of(member_representation(*await written(api, work, _NO_MEMBER)))


async def remove(api: Api, exchange: Exchange) -> Reply:
    """Take somebody's role. Somebody must stay who is an owner."""
    org_id, person_id = exchange.org_id, exchange.request.match_info["person_id"]
    entry = audit_entry(api, exchange, "person.remove", person_id)

    def work(unit: UnitOfWork) -> None:
        check_owner_stays(unit, org_id, person_id)
        if not unit.people.remove_member(org_id, person_id):
            raise NotFound(_NO_MEMBER)
        unit.audit.add(entry)

    await written(api, work, _NO_MEMBER)
    return EMPTY


def check_owner_stays(unit: UnitOfWork, org_id: str, without: str) -> None:
    """Raises Conflict when an organisation's last owner would go."""
    owners = {person.person_id for person, membership in unit.people.members(org_id) if membership.role is Role.OWNER}
    if owners == {without}:
        raise Conflict("The organisation needs an owner: make somebody else one first.")


def _check_new(unit: UnitOfWork, org_id: str, email: str) -> None:
    """Raises Conflict when somebody is there already, or too many are."""
    if unit.people.count_members(org_id) >= MAX_PEOPLE:
        raise Conflict(f"An organisation has at most {MAX_PEOPLE} people.")
    present = unit.people.by_email(email)
    if present is not None and unit.people.membership(org_id, present.person_id) is not None:
        raise Conflict("This person has a role in the organisation already.")


async def _open_invitation(api: Api, token: str) -> Invitation:
    """The invitation that a link is about. Raises NotFound where it cannot be taken up any more."""
    digest = sha256(token.encode()).hexdigest()
    invitation = await api.store.read(lambda reader: reader.invitation(digest))
    if invitation is None or invitation.used_at is not None or invitation.expires_at <= api.clock.wall_ms():
        raise NotFound(_NO_INVITATION)
    return invitation


async def _newcomer(api: Api, invitation: Invitation, wanted: AcceptInvitationBody, now_ms: int) -> Person:
    if wanted.name is None:
        raise InvalidRequest(f"name must be a string of 1 to {LONGEST_NAME} printable characters.", "name")
    if len(wanted.password) < SHORTEST_PASSWORD:
        raise InvalidRequest(f"password must have at least {SHORTEST_PASSWORD} characters.", "password")
    password_hash = await api.sign_in.passwords.hashed(wanted.password)
    return Person(api.tokens.uuid(), invitation.email, wanted.name, now_ms, password_hash)


async def _take_up(api: Api, exchange: Exchange, invitation: Invitation, person: Person, *, is_new: bool) -> None:
    now_ms = api.clock.wall_ms()
    change = {"role": invitation.role, "operator": invitation.operator}
    who = Who(invitation.org_id, frozenset(), person=person)
    entry = audit_entry(api, exchange, "person.join", person.person_id, change, who=who)

    def work(unit: UnitOfWork) -> None:
        if not unit.sessions.accept(invitation.token_sha256, now_ms):
            raise NotFound(_NO_INVITATION)
        if is_new:
            if unit.people.by_email(person.email) is not None:
                raise Conflict("Somebody with this mail address has just joined: accept again with that password.")
            unit.people.add(person)
        if invitation.org_id is not None and invitation.role is not None:
            unit.people.set_member(invitation.org_id, person.person_id, invitation.role, now_ms)
        if invitation.operator:
            unit.people.set_operator(person.person_id, True)
        unit.audit.add(entry)

    await written(api, work, _NO_INVITATION)


ROUTES: Final = (
    Route("GET", "/v1/account/people", list_people, right=Right.PEOPLE_READ),
    Route("POST", "/v1/account/people", invite, right=Right.PEOPLE_WRITE),
    Route("PATCH", "/v1/account/people/{person_id}", change_role, right=Right.PEOPLE_WRITE),
    Route("DELETE", "/v1/account/people/{person_id}", remove, right=Right.PEOPLE_WRITE),
    Route("POST", "/v1/account/invitations/show", show_invitation),
    Route("POST", "/v1/account/invitations/accept", accept),
)
