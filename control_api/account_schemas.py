"""What goes out about accounts: people, keys, webhook endpoints, organisations, the audit log.

Beside `schemas`, and made like it: the models describe replies, the functions build them.
"""

from collections.abc import Sequence
from typing import Any, Final

from pydantic import Field

from control_api.mail.letters import INVITATION_PATH, link
from control_api.schemas import ListMeta, Timestamp, Wire, enveloped, rupees
from control_api.timestamps import optional_timestamp, render_timestamp
from storage.person_records import AuditEntry, Invitation, Membership, Person, Role, Session
from storage.records import ApiKey, DeliveryLog, NumberUse, Organisation, Scope, Wallet, WebhookEndpoint, WebhookEvent


class EmptyView(Wire):
    """Done; there is nothing to tell."""


class PersonView(Wire):
    """Somebody who may sign in."""

    person_id: str
    email: str
    name: str
    operator: bool
    totp: bool = Field(description="Whether a second factor is asked for")
    created_at: Timestamp
    disabled_at: Timestamp | None


class PlaceView(Wire):
    """A role in an organisation."""

    org_id: str
    name: str
    role: Role


class MeView(Wire):
    """Who is signed in, and where. `csrf_token` goes into `X-CSRF-Token` of whatever changes something."""

    person: PersonView
    org_id: str | None = Field(description="The organisation that is looked at")
    role: Role | None = Field(description="What you are there; null for an operator who has no role there")
    organisations: list[PlaceView]
    rights: list[str]
    csrf_token: str
    ends_at: Timestamp


class MemberView(Wire):
    """Somebody with a role in the organisation."""

    person_id: str
    email: str
    name: str
    role: Role
    totp: bool
    since: Timestamp
    disabled_at: Timestamp | None


class InvitationView(Wire):
    """A link that works once. It is shown this once."""

    email: str
    org_id: str | None
    role: Role | None
    operator: bool
    token: str
    url: str
    expires_at: Timestamp


class OpenInvitationView(Wire):
    """What an invitation that can still be taken up is to."""

    email: str
    organisation: str | None = Field(description="Its name")
    role: Role | None
    operator: bool
    known: bool = Field(description="Whether the mail address has a sign-in here, whose password is asked for")
    expires_at: Timestamp


class FactorView(Wire):
    """A second factor that is to be confirmed with a code. It is shown this once."""

    secret: str
    uri: str


class KeyView(Wire):
    """An API key, without the key itself."""

    key_id: str
    name: str
    prefix: str
    scopes: list[Scope]
    created_at: Timestamp
    expires_at: Timestamp | None
    revoked_at: Timestamp | None
    last_used_at: Timestamp | None
    allowed_networks: list[str]
    rate_limit_per_minute: int | None
    test: bool = Field(description="For test calls alone")


class NewKeyView(KeyView):
    """A new API key. `key` is shown this once."""

    key: str


class RotatedKeyView(NewKeyView):
    """A new API key in place of another, which works until its end."""

    replaces: str
    old_key_ends_at: Timestamp


class WebhookView(Wire):
    """Where events are sent."""

    webhook_id: str
    url: str
    events: list[WebhookEvent]
    secrets: int = Field(description="2 while one is being replaced")
    created_at: Timestamp
    disabled_at: Timestamp | None


class SecretWebhookView(WebhookView):
    """The same with its newest secret, which is shown this once; null where none is new."""

    secret: str | None


class DeliveryView(Wire):
    """One event on its way to an endpoint."""

    delivery_id: int
    event_id: str
    event: WebhookEvent
    call_sid: str | None = Field(description="null: it is about the wallet")
    sequence: int
    state: str
    attempts: int
    http_status: int | None
    error: str | None
    next_attempt_at: Timestamp | None
    created_at: Timestamp


class ReplayView(Wire):
    """An event that is sent once more."""

    delivery_id: int
    replays: int


class TariffView(Wire):
    """What masked minutes cost."""

    rate: float = Field(description="Rupees a minute, for both legs together")
    pulse_sec: int
    gst_percent: int


class OrganisationView(Wire):
    """An organisation with its terms and limits."""

    org_id: str
    name: str
    created_at: Timestamp
    tariff: TariffView
    gstin: str | None
    state: str | None
    address: str | None = Field(description="As invoices say it")
    rate_limit_per_minute: int | None = Field(description="For each key without its own; null: as configured")
    retention_days: int | None = Field(description="0: for ever; null: as configured")
    max_concurrent_calls: int | None = Field(description="null: no limit of its own")
    low_balance: float | None = Field(description="Below it `wallet.low` is told, in rupees; null: never")
    suspended_at: Timestamp | None = Field(description="Since then it places no calls")
    numbers: list[str] = Field(description="The only masked numbers it shows; none: all that trunks declare")


class AdminOrganisationView(OrganisationView):
    """The same with its money, in rupees."""

    balance: float
    reserved: float


class NumberView(Wire):
    """A masked number, and how busy it is."""

    number: str
    live_calls: int
    pairs: int


class AuditEntryView(Wire):
    """One change. `change` is what is new, without secrets."""

    entry_id: int
    at: Timestamp
    actor_kind: str
    actor_id: str
    actor: str
    address: str
    org_id: str | None
    action: str
    object_id: str
    change: dict[str, Any]


EmptyReply: Final = enveloped("EmptyReply", EmptyView)
MeReply: Final = enveloped("MeReply", MeView)
MembersReply: Final = enveloped("MembersReply", list[MemberView])
MemberReply: Final = enveloped("MemberReply", MemberView)
InvitationReply: Final = enveloped("InvitationReply", InvitationView)
OpenInvitationReply: Final = enveloped("OpenInvitationReply", OpenInvitationView)
FactorReply: Final = enveloped("FactorReply", FactorView)
KeysReply: Final = enveloped("KeysReply", list[KeyView])
NewKeyReply: Final = enveloped("NewKeyReply", NewKeyView)
RotatedKeyReply: Final = enveloped("RotatedKeyReply", RotatedKeyView)
WebhooksReply: Final = enveloped("WebhooksReply", list[WebhookView])
WebhookReply: Final = enveloped("WebhookReply", WebhookView)
SecretWebhookReply: Final = enveloped("SecretWebhookReply", SecretWebhookView)
DeliveriesReply: Final = enveloped("DeliveriesReply", list[DeliveryView])
ReplayReply: Final = enveloped("ReplayReply", ReplayView)
OrganisationReply: Final = enveloped("OrganisationReply", OrganisationView)
AdminOrganisationReply: Final = enveloped("AdminOrganisationReply", AdminOrganisationView)
AdminOrganisationsReply: Final = enveloped("AdminOrganisationsReply", list[AdminOrganisationView], ListMeta)
PersonReply: Final = enveloped("PersonReply", PersonView)
PeopleReply: Final = enveloped("PeopleReply", list[PersonView], ListMeta)
NumbersReply: Final = enveloped("NumbersReply", list[NumberView])
AuditReply: Final = enveloped("AuditReply", list[AuditEntryView], ListMeta)


def person_representation(person: Person) -> dict[str, object]:
    """Somebody who may sign in."""
    return {
        "person_id": person.person_id,
        "email": person.email,
        "name": person.name,
        "operator": person.operator,
        "totp": person.totp_confirmed_at is not None,
        "created_at": render_timestamp(person.created_at),
        "disabled_at": optional_timestamp(person.disabled_at),
    }


def me_representation(
    person: Person, session: Session, role: Role | None, places: list[tuple[Membership, str]], rights: list[str]
) -> dict[str, object]:
    """Who is signed in; `places` are their memberships with the organisations' names."""
    return {
        "person": person_representation(person),
        "org_id": session.org_id,
        "role": None if role is None else role.value,
        "organisations": [{"org_id": place.org_id, "name": name, "role": place.role.value} for place, name in places],
        "rights": rights,
        "csrf_token": session.csrf_token,
        "ends_at": render_timestamp(session.ends_at),
    }


def member_representation(person: Person, membership: Membership) -> dict[str, object]:
    """Somebody with a role in an organisation."""
    return {
        "person_id": person.person_id,
        "email": person.email,
        "name": person.name,
        "role": membership.role.value,
        "totp": person.totp_confirmed_at is not None,
        "since": render_timestamp(membership.created_at),
        "disabled_at": optional_timestamp(person.disabled_at),
    }


def invitation_representation(invitation: Invitation, token: str, public_url: str) -> dict[str, object]:
    """A link that works once, with the token that only its reader has."""
    return {
        "email": invitation.email,
        "org_id": invitation.org_id,
        "role": None if invitation.role is None else invitation.role.value,
        "operator": invitation.operator,
        "token": token,
        "url": link(public_url, INVITATION_PATH, token),
        "expires_at": render_timestamp(invitation.expires_at),
    }


def open_invitation_representation(
    invitation: Invitation, organisation: Organisation | None, *, known: bool
) -> dict[str, object]:
    """What an invitation is to."""
    return {
        "email": invitation.email,
        "organisation": None if organisation is None else organisation.name,
        "role": None if invitation.role is None else invitation.role.value,
        "operator": invitation.operator,
        "known": known,
        "expires_at": render_timestamp(invitation.expires_at),
    }


def key_representation(key: ApiKey) -> dict[str, object]:
    """A key as it is listed."""
    return {
        "key_id": key.key_id,
        "name": key.name,
        "prefix": key.prefix,
        "scopes": sorted(key.scopes),
        "created_at": render_timestamp(key.created_at),
        "expires_at": optional_timestamp(key.expires_at),
        "revoked_at": optional_timestamp(key.revoked_at),
        "last_used_at": optional_timestamp(key.last_used_at),
        "allowed_networks": list(key.allowed_networks),
        "rate_limit_per_minute": key.rate_limit_per_minute,
        "test": key.test,
    }


def webhook_representation(endpoint: WebhookEndpoint) -> dict[str, object]:
    """An endpoint without its secrets."""
    return {
        "webhook_id": endpoint.webhook_id,
        "url": endpoint.url,
        "events": sorted(endpoint.events),
        "secrets": len(endpoint.secrets),
        "created_at": render_timestamp(endpoint.created_at),
        "disabled_at": optional_timestamp(endpoint.disabled_at),
    }


def delivery_representation(log: DeliveryLog) -> dict[str, object]:
    """One event's way to an endpoint, with what came of its last attempt."""
    last = log.attempts[-1] if log.attempts else None
    return {
        "delivery_id": log.delivery_id,
        "event_id": log.event_id,
        "event": log.event.value,
        "call_sid": log.call_sid,
        "sequence": log.sequence,
        "state": log.state.value,
        "attempts": len(log.attempts),
        "http_status": None if last is None else last.http_status,
        "error": None if last is None else last.error,
        "next_attempt_at": optional_timestamp(log.due_at),
        "created_at": render_timestamp(log.created_at),
    }


def organisation_representation(organisation: Organisation, numbers: Sequence[str]) -> dict[str, object]:
    """An organisation with its terms."""
    tariff = organisation.tariff
    return {
        "org_id": organisation.org_id,
        "name": organisation.name,
        "created_at": render_timestamp(organisation.created_at),
        "tariff": {
            "rate": rupees(tariff.rate_paise_per_minute),
            "pulse_sec": tariff.pulse_s,
            "gst_percent": tariff.gst_percent,
        },
        "gstin": organisation.gstin,
        "state": organisation.state,
        "address": organisation.address,
        "rate_limit_per_minute": organisation.rate_limit_per_minute,
        "retention_days": organisation.retention_days,
        "max_concurrent_calls": organisation.max_concurrent_calls,
        "low_balance": None if organisation.low_balance_paise is None else rupees(organisation.low_balance_paise),
        "suspended_at": optional_timestamp(organisation.suspended_at),
        "numbers": list(numbers),
    }


def admin_organisation_representation(
    organisation: Organisation, numbers: Sequence[str], wallet: Wallet
) -> dict[str, object]:
    """The same with its money."""
    money = {"balance": rupees(wallet.balance_paise), "reserved": rupees(wallet.reserved_paise)}
    return organisation_representation(organisation, numbers) | money


def number_representation(use: NumberUse) -> dict[str, object]:
    """A masked number."""
    return {"number": use.number, "live_calls": use.live_calls, "pairs": use.pairs}


def audit_representation(entry: AuditEntry) -> dict[str, object]:
    """One change."""
    return {
        "entry_id": entry.entry_id,
        "at": render_timestamp(entry.at),
        "actor_kind": entry.actor.kind.value,
        "actor_id": entry.actor.actor_id,
        "actor": entry.actor.name,
        "address": entry.actor.address,
        "org_id": entry.org_id,
        "action": entry.action,
        "object_id": entry.object_id,
        "change": dict(entry.change),
    }
