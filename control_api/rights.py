"""Who may do what: the table of roles and the table of scopes, literally. No role or scope is asked for elsewhere."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from storage.person_records import Role
from storage.records import Scope


class Right(StrEnum):
    """What can be done through the API. Those of calls are named as the scopes of keys are."""

    CALLS_WRITE = "calls:write"
    CALLS_READ = "calls:read"
    RECORDINGS_READ = "recordings:read"
    RECORDINGS_WRITE = "recordings:write"
    BILLING_READ = "billing:read"
    BILLING_WRITE = "billing:write"
    PROMPTS_READ = "prompts:read"
    PROMPTS_WRITE = "prompts:write"
    AGENTS_READ = "agents:read"
    AGENTS_WRITE = "agents:write"
    TAKE_CALLS = "take calls"
    STREAMS_WRITE = "streams:write"
    SUPERVISE = "supervise"
    OWN_SIGN_IN = "own sign-in"
    ORGANISATION_READ = "organisation:read"
    ORGANISATION_WRITE = "organisation:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    PEOPLE_READ = "people:read"
    PEOPLE_WRITE = "people:write"
    AUDIT_READ = "audit:read"
    OPERATE = "operate"


def right_for(scope: Scope | None, right: Right | None) -> Right | None:
    """The right that an endpoint takes which names one of these, None where it names neither; a scope stands for the
    right of the same name."""
    return Right(scope) if right is None and scope is not None else right


ROLE_RIGHTS: Final[Mapping[Role, frozenset[Right]]] = MappingProxyType(
    {
        Role.OWNER: frozenset(
            {
                Right.CALLS_WRITE,
                Right.CALLS_READ,
                Right.RECORDINGS_READ,
                Right.RECORDINGS_WRITE,
                Right.BILLING_READ,
                Right.BILLING_WRITE,
                Right.PROMPTS_READ,
                Right.PROMPTS_WRITE,
                Right.AGENTS_READ,
                Right.AGENTS_WRITE,
                Right.STREAMS_WRITE,
                Right.SUPERVISE,
                Right.OWN_SIGN_IN,
                Right.ORGANISATION_READ,
                Right.ORGANISATION_WRITE,
                Right.KEYS_READ,
                Right.KEYS_WRITE,
                Right.WEBHOOKS_READ,
                Right.WEBHOOKS_WRITE,
                Right.PEOPLE_READ,
                Right.PEOPLE_WRITE,
                Right.AUDIT_READ,
            }
        ),
        Role.DEVELOPER: frozenset(
            {
                Right.CALLS_WRITE,
                Right.CALLS_READ,
                Right.RECORDINGS_READ,
                Right.PROMPTS_READ,
                Right.PROMPTS_WRITE,
                Right.AGENTS_READ,
                Right.AGENTS_WRITE,
                Right.STREAMS_WRITE,
                Right.OWN_SIGN_IN,
                Right.ORGANISATION_READ,
                Right.KEYS_READ,
                Right.KEYS_WRITE,
                Right.WEBHOOKS_READ,
                Right.WEBHOOKS_WRITE,
                Right.PEOPLE_READ,
                Right.AUDIT_READ,
            }
        ),
        Role.FINANCE: frozenset(
            {
                Right.CALLS_READ,
                Right.BILLING_READ,
                Right.BILLING_WRITE,
                Right.OWN_SIGN_IN,
                Right.ORGANISATION_READ,
                Right.PEOPLE_READ,
            }
        ),
        Role.VIEWER: frozenset({Right.CALLS_READ, Right.AGENTS_READ, Right.OWN_SIGN_IN, Right.ORGANISATION_READ}),
    }
)

# An operator may look at any organisation with an owner's rights.
OPERATOR_RIGHTS: Final = ROLE_RIGHTS[Role.OWNER] | {Right.OPERATE}
# Somebody who has no role anywhere can still change the password, or leave.
NOBODYS_RIGHTS: Final = frozenset({Right.OWN_SIGN_IN})
# An agent's token is good for its own calls, and so is the session of a person who is an agent.
AGENT_RIGHTS: Final = frozenset({Right.TAKE_CALLS})

# No scope gives a key a sign-in of its own, people to invite, or the operator's rights.
SCOPE_RIGHTS: Final[Mapping[Scope, frozenset[Right]]] = MappingProxyType(
    {
        Scope.CALLS_WRITE: frozenset({Right.CALLS_WRITE}),
        Scope.CALLS_READ: frozenset({Right.CALLS_READ}),
        Scope.RECORDINGS_READ: frozenset({Right.RECORDINGS_READ}),
        Scope.RECORDINGS_WRITE: frozenset({Right.RECORDINGS_WRITE}),
        Scope.BILLING_READ: frozenset({Right.BILLING_READ}),
        Scope.PROMPTS_READ: frozenset({Right.PROMPTS_READ}),
        Scope.PROMPTS_WRITE: frozenset({Right.PROMPTS_WRITE}),
        Scope.AGENTS_READ: frozenset({Right.AGENTS_READ}),
        Scope.AGENTS_WRITE: frozenset({Right.AGENTS_WRITE}),
        Scope.STREAMS_WRITE: frozenset({Right.STREAMS_WRITE}),
        Scope.SUPERVISE: frozenset({Right.SUPERVISE}),
        Scope.ACCOUNT_READ: frozenset(
            {
                Right.ORGANISATION_READ,
                Right.KEYS_READ,
                Right.WEBHOOKS_READ,
                Right.PEOPLE_READ,
                Right.AUDIT_READ,
            }
        ),
        Scope.ACCOUNT_WRITE: frozenset({Right.ORGANISATION_WRITE, Right.KEYS_WRITE, Right.WEBHOOKS_WRITE}),
    }
)


def rights_of_scopes(scopes: frozenset[Scope]) -> frozenset[Right]:
    """What a key with these scopes may do."""
    return frozenset().union(*(SCOPE_RIGHTS[scope] for scope in scopes))


def scopes_within(rights: frozenset[Right]) -> frozenset[Scope]:
    """The scopes that give nothing beyond these rights."""
    return frozenset(scope for scope, given in SCOPE_RIGHTS.items() if given <= rights)


def roles_with(right: Right) -> tuple[Role, ...]:
    """The roles that have a right, the highest first."""
    return tuple(role for role, rights in ROLE_RIGHTS.items() if right in rights)


def scope_for(right: Right) -> Scope | None:
    """The scope that gives a key a right; None where no key can have it."""
    return next((scope for scope, rights in SCOPE_RIGHTS.items() if right in rights), None)
