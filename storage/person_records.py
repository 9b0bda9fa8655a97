"""Frozen rows about people: who signs in, what they may do where, and what was changed by whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What a person is in an organisation."""

    OWNER = "owner"
    DEVELOPER = "developer"
    FINANCE = "finance"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in. `email` is in lower case and unique.

    `password_hash` (argon2id) None: none was set yet. `operator`: above every organisation. `totp_sealed` is the
    sealed secret of a second factor, asked for once `totp_confirmed_at` is set; `totp_step` the last step used.
    """

    person_id: str
    email: str
    name: str
    created_at: int
    password_hash: str | None = field(default=None, repr=False)
    operator: bool = False
    totp_sealed: str | None = field(default=None, repr=False)
    totp_confirmed_at: int | None = None
    totp_step: int = 0
    disabled_at: int | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    """A person's role in an organisation."""

    org_id: str
    person_id: str
    role: Role
    created_at: int


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in. Of its token only the SHA-256 is kept; `org_id` is the organisation looked at.

    It ends at `ends_at`, when it is revoked, or when nothing was heard of it for a while after `seen_at`. `csrf_token`
    is worth nothing without the session's own token.
    """

    session_sha256: str
    person_id: str
    org_id: str | None
    csrf_token: str = field(repr=False)
    created_at: int
    seen_at: int
    ends_at: int
    revoked_at: int | None = None
    address: str = ""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link that works once: to a role in an organisation, to the operator's role, or to both."""

    token_sha256: str
    email: str
    org_id: str | None
    role: Role | None
    operator: bool
    created_at: int
    expires_at: int
    used_at: int | None = None


class ActorKind(StrEnum):
    """Who can change something. `nobody`: somebody who has not signed in."""

    PERSON = "person"
    KEY = "key"
    COMMAND = "command"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changed something: `name` is a mail address, a key's first characters or a user of the machine."""

    kind: ActorKind
    actor_id: str
    name: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change. `change` is what is new, by name, without secrets; `org_id` None: it belongs to no organisation.

    `entry_id` is given by the log.
    """

    at: int
    actor: Actor
    org_id: str | None
    action: str
    object_id: str
    change: Mapping[str, object] = field(default_factory=dict)
    entry_id: int = 0


@dataclass(frozen=True, slots=True)
class AuditWish:
    """Which changes are wanted: from a Unix millisecond up to before another; `action` whole, or what stands before its
    dot; `actor` by the id or by some of the name. "": any."""

    action: str = ""
    actor: str = ""
    since: int = 0
    until: int = 2**62
