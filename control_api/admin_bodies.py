"""What comes in from operators about organisations and people."""

from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field, Strict

from control_api.account_bodies import (
    LARGEST_RATE_LIMIT,
    Address,
    Days,
    Email,
    Gstin,
    Id,
    Name,
    RateLimit,
    State,
    whole_paise,
)
from control_api.schemas import Wire
from storage.person_records import Role

CREDIT_PREFIX: Final = "credit:"
LARGEST_CREDIT_RUPEES: Final = 10_000_000
MAX_NUMBERS: Final = 10_000
_NUMBER: Final = r"^91[0-9]{10}$"


Rupees = Annotated[float, Strict(), AfterValidator(whole_paise)]
Numbers = Annotated[list[Annotated[str, Strict(), Field(pattern=_NUMBER)]], Field(max_length=MAX_NUMBERS)]
Calls = Annotated[int, Strict(), Field(ge=1, le=100_000)]

ADMIN_REQUIREMENTS: Final = {
    "rate_limit_per_minute": f"an integer from 1 to {LARGEST_RATE_LIMIT}, or null",
    "max_concurrent_calls": "an integer from 1 to 100000, or null",
    "numbers": f"a list of at most {MAX_NUMBERS} numbers such as 917969002802",
    "tariff": "an object",
    "tariff.rate": "rupees from 0 to 10000, with at most two decimals",
    "tariff.pulse_sec": "an integer from 1 to 3600",
    "tariff.gst_percent": "an integer from 0 to 100",
    "rupees": f"an amount above 0, at most {LARGEST_CREDIT_RUPEES}, with at most two decimals",
    "reference": "a string of 1 to 200 printable characters",
    "org_id": "a string",
}


class TariffBody(Wire):
    """What masked minutes cost; what is not named stays."""

    rate: Annotated[Rupees, Field(ge=0, le=10_000, description="Rupees a minute, both legs together")] | None = None
    pulse_sec: Annotated[int, Strict(), Field(ge=1, le=3600)] | None = None
    gst_percent: Annotated[int, Strict(), Field(ge=0, le=100)] | None = None

    def changes(self) -> dict[str, int]:
        """The fields of a tariff that are named."""
        named = {
            "rate_paise_per_minute": None if self.rate is None else round(self.rate * 100),
            "pulse_s": self.pulse_sec,
            "gst_percent": self.gst_percent,
        }
        return {name: value for name, value in named.items() if value is not None}


class CreateOrganisationBody(Wire):
    """A new organisation. Null limits are as configured; no `numbers` are all that trunks declare."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Shop", "tariff": {"rate": 1.5}}]})

    name: Name
    gstin: Gstin | None = None
    state: State | None = None
    address: Address | None = None
    tariff: TariffBody | None = None
    rate_limit_per_minute: RateLimit | None = None
    max_concurrent_calls: Calls | None = None
    retention_days: Days | None = None
    numbers: Numbers = Field(default=[])


class AdminChangeOrganisationBody(Wire):
    """What is to change of an organisation; what is not named stays."""

    name: Name | None = None
    gstin: Gstin | None = None
    state: State | None = None
    address: Address | None = None
    tariff: TariffBody | None = None
    rate_limit_per_minute: RateLimit | None = None
    max_concurrent_calls: Calls | None = None
    retention_days: Days | None = None
    numbers: Numbers | None = None


class CreditBody(Wire):
    """Money for a wallet. The same reference counts once."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rupees": 500, "reference": "invoice 17"}]})

    rupees: Annotated[Rupees, Field(gt=0, le=LARGEST_CREDIT_RUPEES)]
    reference: Name

    @property
    def paise(self) -> int:
        """The amount in paise."""
        return round(self.rupees * 100)


class AdminInviteBody(Wire):
    """Somebody to be given a role, or to be an operator."""

    email: Email
    org_id: Id | None = None
    role: Role | None = None
    operator: Annotated[bool, Strict()] = False


class ChangePersonBody(Wire):
    """What is to change of somebody."""

    operator: Annotated[bool, Strict()] | None = None
    disabled: Annotated[bool, Strict()] | None = None
