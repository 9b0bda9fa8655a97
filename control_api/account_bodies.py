"""What comes in about accounts: people, keys, webhook endpoints, organisations.

Beside `schemas`, and made like it: the models describe and check requests.
"""

import re
from decimal import Decimal
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, Strict, WithJsonSchema
from yarl import URL

from control_api.networks import read_network
from control_api.schemas import PER_PAGE_DEFAULT, PER_PAGE_MAX, AtLeastOne, Wire
from control_api.timestamps import parse_timestamp
from storage.person_records import Role
from storage.records import Scope, WebhookEvent

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 256
LONGEST_NAME: Final = 200
LONGEST_EMAIL: Final = 254  # RFC 5321 section 4.5.3.1.3, less its angle brackets
LONGEST_URL: Final = 2048
LONGEST_ADDRESS: Final = 300
MAX_NETWORKS: Final = 64
LONGEST_GRACE_H: Final = 24 * 365
LARGEST_RATE_LIMIT: Final = 1_000_000

_EMAIL: Final = re.compile(r"[^\s@\"<>(),:;\[\]\\]{1,64}@[a-z0-9.-]{1,189}", re.IGNORECASE)
_URL_FLAW: Final = re.compile(r"[\s\x00-\x20\x7f]")
_ID: Final = Field(max_length=64)


def email_of(text: str) -> str:
    """A mail address as it is stored: in lower case. Raises ValueError."""
    email = text.strip().lower()
    if len(email) > LONGEST_EMAIL or not _EMAIL.fullmatch(email) or not email.isprintable():
        raise ValueError("not a mail address")
    return email


def name_of(text: str) -> str:
    """A name as it may stand in a table: one line, not empty. Raises ValueError."""
    name = text.strip()
    if not name.isprintable() or not 0 < len(name) <= LONGEST_NAME:
        raise ValueError("not a name")
    return name


def address_of(text: str) -> str:
    """A postal address in one line, not empty. Raises ValueError."""
    address = " ".join(text.split())
    if not address.isprintable() or not 0 < len(address) <= LONGEST_ADDRESS:
        raise ValueError("not an address")
    return address


def network_of(text: str) -> str:
    """An address or network in its canonical form. Raises ValueError."""
    return str(read_network(text.strip()))


def web_address_of(text: str) -> str:
    """An http or https URL. Raises ValueError."""
    url = URL(text)
    if url.scheme not in ("http", "https") or not url.host or not url.port or _URL_FLAW.search(text):
        raise ValueError("not an http or https address")
    return text


def whole_paise(rupees: float) -> float:
    """An amount in rupees with at most two decimals. Raises ValueError."""
    exponent = Decimal(str(rupees)).normalize().as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -2:  # no number at all, or one that rounding would change
        raise ValueError("more than two decimals")
    return rupees


def _moment_of(text: object) -> object:
    if not isinstance(text, str):
        raise ValueError("not a date-time")  # a number would be seconds to some and milliseconds to others
    return parse_timestamp(text)


Email = Annotated[str, Strict(), AfterValidator(email_of), Field(json_schema_extra={"format": "email"})]
Name = Annotated[str, Strict(), AfterValidator(name_of), Field(min_length=1, max_length=LONGEST_NAME)]
Gstin = Annotated[
    str,
    Strict(),
    Field(max_length=20, description="15 characters: a state's number, a PAN, an entity, a letter, a check digit"),
]
State = Annotated[
    Name, Field(description="The name or the GST number of a state; that of the GSTIN where there is one")
]
Address = Annotated[
    str,
    Strict(),
    AfterValidator(address_of),
    Field(min_length=1, max_length=LONGEST_ADDRESS, description="As invoices say it, in one line"),
]
Secret = Annotated[str, Strict(), Field(min_length=1, max_length=1024)]
NewPassword = Annotated[str, Strict(), Field(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD)]
Code = Annotated[str, Strict(), Field(pattern=r"^[0-9]{6}$")]
Network = Annotated[str, Strict(), AfterValidator(network_of)]
Networks = Annotated[list[Network], Field(max_length=MAX_NETWORKS)]
When = Annotated[int, Strict(), BeforeValidator(_moment_of), WithJsonSchema({"type": "string", "format": "date-time"})]
RateLimit = Annotated[int, Strict(), Field(ge=1, le=LARGEST_RATE_LIMIT)]
Days = Annotated[int, Strict(), Field(ge=0, le=36_500)]
Id = Annotated[str, Strict(), _ID]
LowBalance = Annotated[
    float,
    Strict(),
    AfterValidator(whole_paise),
    Field(ge=0.01, le=10_000_000, description="Rupees: below it `wallet.low` is told, once each time; null: never"),
]

REQUIREMENTS: Final = {
    "email": "a mail address",
    "name": f"a string of 1 to {LONGEST_NAME} printable characters",
    "password": f"a string of at most {LONGEST_PASSWORD} characters; a new one has at least {SHORTEST_PASSWORD}",
    "current_password": "a string",
    "new_password": f"a string of {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters",
    "totp_code": "a string of six digits",
    "code": "a string of six digits",
    "token": "a string",
    "role": "one of " + ", ".join(Role),
    "scopes": "a list of one or more of " + ", ".join(Scope),
    "events": "a list of one or more of " + ", ".join(WebhookEvent),
    "expires_at": "an RFC 3339 timestamp such as 2027-01-31T00:00:00Z",
    "allowed_networks": f"a list of at most {MAX_NETWORKS} addresses or networks such as 192.0.2.0/24",
    "rate_limit_per_minute": f"an integer from 1 to {LARGEST_RATE_LIMIT}",
    "grace_hours": f"a number from 0 to {LONGEST_GRACE_H}",
    "url": f"an http or https address of at most {LONGEST_URL} characters",
    "finish": "true or false",
    "test": "true or false",
    "operator": "true or false",
    "disabled": "true or false",
    "low_balance": "rupees from 0.01 to 10000000 with at most two decimals, or null",
    "gstin": "a GSTIN of 15 letters and digits, or null",
    "state": "the name or the GST number of a state, or null",
    "address": f"a string of 1 to {LONGEST_ADDRESS} printable characters, or null",
    "retention_days": "an integer from 0 to 36500, or null",
    "page": "an integer of at least 1",
    "per_page": "an integer of at least 1",
}


class PageQuery(Wire):
    """Which page of a list."""

    page: AtLeastOne = 1
    per_page: AtLeastOne = Field(default=PER_PAGE_DEFAULT, description=f"Above {PER_PAGE_MAX} it is {PER_PAGE_MAX}")

    @property
    def page_size(self) -> int:
        """Rows on a page, clamped."""
        return min(self.per_page, PER_PAGE_MAX)


class SignInBody(Wire):
    """Who signs in. `totp_code` where a second factor is set; `org_id` where there are several organisations."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "asha@shop.example", "password": "correct horse battery"}]}
    )

    email: Annotated[str, Strict(), Field(min_length=1, max_length=LONGEST_EMAIL)]
    password: Secret
    totp_code: Code | None = None
    org_id: Id | None = None


class LookAtBody(Wire):
    """The organisation that is looked at from now on."""

    org_id: Id


class ChangePasswordBody(Wire):
    """A new password."""

    current_password: Secret
    new_password: NewPassword


class CodeBody(Wire):
    """A code of the authenticator."""

    code: Code


class PasswordBody(Wire):
    """The password, to be sure that it is you."""

    password: Secret


class AcceptInvitationBody(Wire):
    """The token of an invitation. Somebody new chooses a name and a password; who is known gives the present one."""

    token: Secret
    password: Annotated[str, Strict(), Field(min_length=1, max_length=LONGEST_PASSWORD)]
    name: Name | None = None


class InvitationBody(Wire):
    """The token of an invitation."""

    token: Secret


class InviteBody(Wire):
    """Somebody to be given a role."""

    email: Email
    role: Role


class ChangeRoleBody(Wire):
    """Another role."""

    role: Role


class CreateKeyBody(Wire):
    """A new API key. Without `scopes` it can do what concerns calls, as far as you can; nothing about the account. A
    field that is not known is refused: it could be a restriction, mistyped."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "shop", "scopes": ["calls:write", "calls:read"]}]}
    )

    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, fail_fast=True)] | None = None
    expires_at: When | None = None
    allowed_networks: Networks = Field(default=[], description="Addresses or networks it may be used from; none: all")
    rate_limit_per_minute: RateLimit | None = None
    test: Annotated[bool, Strict()] = Field(default=False, description="A key for test calls alone: vp_test_...")


class RotateKeyBody(Wire):
    """How long the old key still works."""

    grace_hours: Annotated[float, Field(ge=0, le=LONGEST_GRACE_H)] = 24.0


class AddWebhookBody(Wire):
    """Where events are to be sent. Without `events` it is all of them."""

    url: Annotated[str, Strict(), Field(max_length=LONGEST_URL), AfterValidator(web_address_of)]
    events: Annotated[list[WebhookEvent], Field(min_length=1, fail_fast=True)] | None = None


class ChangeWebhookBody(Wire):
    """What is to change of an endpoint; what is not named stays."""

    url: Annotated[str, Strict(), Field(max_length=LONGEST_URL), AfterValidator(web_address_of)] | None = None
    events: Annotated[list[WebhookEvent], Field(min_length=1, fail_fast=True)] | None = None


class RotateWebhookBody(Wire):
    """Whether to sign with the newest secret alone from now; without it another secret is added."""

    finish: Annotated[bool, Strict()] = False


class ChangeOwnOrganisationBody(Wire):
    """What an organisation decides itself; what is not named stays. `retention_days`: 0 for ever, null as the operator
    has it."""

    gstin: Gstin | None = None
    state: State | None = None
    address: Address | None = None
    retention_days: Days | None = None
    low_balance: LowBalance | None = None

    @property
    def low_balance_paise(self) -> int | None:
        """The same in paise."""
        return None if self.low_balance is None else round(self.low_balance * 100)


class AskForResetBody(Wire):
    """Who has forgotten the password."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "asha@shop.example"}]})

    email: Email


class ResetPasswordBody(Wire):
    """A new password, and the token of the link that was sent."""

    token: Annotated[str, Strict(), Field(min_length=1, max_length=256)]
    password: NewPassword
