"""What goes over the wire: the only place the API's field names are spelled.

The models describe requests, queries and replies, check what comes in and are what the OpenAPI document is made of.
Replies are built as plain dictionaries by the functions below, which the tests hold to the models.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
    WithJsonSchema,
    create_model,
)

from b2bua.call.errors import InvalidParties
from b2bua.call.model import HangupCause, HangupParty, PlaceCall, StreamWish
from control_api.errors import InvalidRequest
from control_api.timestamps import optional_timestamp, parse_timestamp, render_timestamp
from storage.records import (
    NOTHING_CHOSEN,
    CallFilter,
    CallRecord,
    CallStats,
    CallStatus,
    Consent,
    LegRecord,
    PromptChoice,
    Wallet,
)
from storage.streams import Tracks

PER_PAGE_DEFAULT: Final = 20
PER_PAGE_MAX: Final = 100
RECORDING_URL_LIFE_S: Final = 3600
STATS_PERIOD_MS: Final = 30 * 86_400_000
PARTY_MAX_LENGTH: Final = 320
RECORDING_CONTENT_TYPE: Final = "audio/mpeg"
PROMPT_NAME: Final = "[a-z0-9][a-z0-9_-]{0,47}"
RECORDING_FOLDER: Final = "recordings/"

# C0, DEL and C1 controls, the line separators, and lone surrogates, which no UTF-8 can carry.
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PRINTABLE_PATTERN: Final = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"
_WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,4000}", re.ASCII)  # as many digits as Python converts without more ado
# As documented; what breaks it is told as `invalid_numbers`, by the one who knows the trunks.
_PARTY_PATTERN: Final = (
    r"^((\+?9[ -]*1[ -]*|0[ -]*)?[6-9]([ -]*[0-9]){9}|[Ss][Ii][Pp]:[A-Za-z0-9+_.-]{1,64}@[A-Za-z0-9.:\[\]-]+"
    r"|agent:[a-z0-9][a-z0-9._-]{0,63})$"
)


def _printable(text: str) -> str:
    if _UNPRINTABLE.search(text):
        raise ValueError("control characters are not allowed")
    return text


def _whole_number(text: object) -> object:
    """A query's digits as an integer; anything else stays text, which an integer field refuses."""
    return int(text) if isinstance(text, str) and _WHOLE_NUMBER.fullmatch(text) else text


def _true_or_false(text: object) -> object:
    """A query's `true` or `false`; anything else stays text, which a field of truth refuses."""
    return {"true": True, "false": False}.get(text, text) if isinstance(text, str) else text


def _moment(text: object) -> object:
    """A query's timestamp as Unix milliseconds; what is already a number is left alone."""
    return parse_timestamp(text) if isinstance(text, str) else text


Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Moment = Annotated[int, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
PrintableText = Annotated[
    str, Strict(), AfterValidator(_printable), Field(json_schema_extra={"pattern": _PRINTABLE_PATTERN})
]
PartyText = Annotated[str, Strict(), Field(json_schema_extra={"pattern": _PARTY_PATTERN})]
TrueOrFalse = Annotated[bool, Strict(), BeforeValidator(_true_or_false)]
AtLeastOne = Annotated[int, Strict(), Field(ge=1), BeforeValidator(_whole_number)]


PromptName = Annotated[str, Strict(), Field(pattern=f"^({PROMPT_NAME})?$")] | None


class Wire(BaseModel):
    """A shape on the wire; fields that are not its own are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


Shape = TypeVar("Shape", bound=Wire)


# ---- what comes in ----


class PromptsBody(Wire):
    """What the parties of one call hear besides each other: names of prompts. What is left out is as your organisation
    or the operator has it; "" is nothing, or the plain tone."""

    wait: PromptName = Field(default=None, description="To A while B is called, over and over; 60 s at most")
    whisper_a: PromptName = Field(
        default=None, description="To A alone when B has answered, before they are connected; 30 s at most"
    )
    whisper_b: PromptName = Field(default=None, description="To B alone, likewise")
    consent: Consent | None = Field(
        default=None, description="Who is told then that the call is recorded; nobody where it is not"
    )
    consent_notice: PromptName = Field(default=None, description="What they are told; 30 s at most")
    balance_warning: PromptName = Field(default=None, description="To both when the balance runs out; 10 s at most")

    def choice(self) -> PromptChoice:
        """The choice as the switch takes it."""
        return PromptChoice(**self.model_dump())


class StreamBody(Wire):
    """Where a call's audio is streamed, once both parties are connected: to one of your stream endpoints, or to another
    path at its scheme, host and port. What is left out is as that endpoint has it, or as your oldest one."""

    url: Annotated[PrintableText, Field(max_length=2048)] | None = None
    rate: Literal[8000, 16000] | None = Field(default=None, description="Samples a second")
    tracks: Tracks | None = Field(default=None, description="Whose audio")


class PlaceCallBody(Wire):
    """A masked call to be placed: `party_a` is called first, then `party_b`; both see the masked number."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "party_a": "9876543210",
                    "party_b": "+91 98765 43211",
                    "max_duration_sec": 1800,
                    "reference": "order-1042",
                }
            ]
        }
    )

    party_a: Annotated[PartyText, Field(description="Called first: a 10-digit Indian mobile number, or `agent:NAME`")]
    party_b: Annotated[PartyText, Field(description="Called when A has answered: the same")]
    max_duration_sec: Annotated[int, Strict(), Field(ge=10, le=7200)] | None = Field(
        default=None, description="Seconds from B being connected after which the call is ended"
    )
    reference: Annotated[PrintableText, Field(max_length=128)] | None = Field(
        default=None, description="Your own name for the call, given back everywhere"
    )
    record: Annotated[bool, Strict()] | None = Field(default=None, description="Whether the call is recorded")
    ring_timeout_sec: Annotated[int, Strict(), Field(ge=5, le=120)] | None = Field(
        default=None, description="Seconds each phone may ring; 45 by default"
    )
    prompts: PromptsBody | None = Field(default=None, description="What the parties hear besides each other")
    stream: StreamBody | None = Field(default=None, description="Where it is streamed to; takes `streams:write`")

    test: Annotated[bool, Strict()] | None = Field(
        default=None, description="A test call between simulated parties; with a test key every call is one"
    )

    def command(
        self,
        org_id: str,
        request_id: str,
        idempotency_key: str | None,
        body_sha256: str,
        *,
        tests_only: bool,
        stream: StreamWish | None = None,
    ) -> PlaceCall:
        """The switch's command. Raises InvalidParties for text that can be no party and must never reach SIP."""
        for field, party in (("party_a", self.party_a), ("party_b", self.party_b)):
            if len(party) > PARTY_MAX_LENGTH or _UNPRINTABLE.search(party):
                raise InvalidParties(f"{field} is not a valid Indian mobile number.", field)
        return PlaceCall(
            org_id=org_id,
            party_a=self.party_a,
            party_b=self.party_b,
            max_duration_s=self.max_duration_sec,
            ring_timeout_s=self.ring_timeout_sec,
            record=self.record,
            prompts=NOTHING_CHOSEN if self.prompts is None else self.prompts.choice(),
            stream=stream,
            reference=self.reference,
            request_id=request_id,
            idempotency_key=idempotency_key,
            body_sha256=body_sha256,
            test=tests_only or bool(self.test),
        )


class CallConditions(Wire):
    """Which calls; all hold together, the dates are exclusive."""

    status: CallStatus | None = None
    start_date: Moment | None = Field(default=None, description="Only calls that started after it")
    end_date: Moment | None = Field(default=None, description="Only calls that started before it")
    reference: Annotated[PrintableText, Field(max_length=128)] | None = None
    party: Annotated[PrintableText, Field(min_length=1, max_length=PARTY_MAX_LENGTH)] | None = Field(
        default=None, description="Only calls with this number as A or as B"
    )
    test: TrueOrFalse = Field(default=False, description="Test calls instead of all others; a test key has no others")
    live: TrueOrFalse = Field(default=False, description="Only calls that are not over")

    def call_filter(self, party: str | None, *, tests_only: bool) -> CallFilter:
        """The store's filter, with the party in its stored form; who may see test calls only does.

        Dates are compared as they are shown, to the second: a call shown as started at the given second is neither
        after nor before it.
        """
        return CallFilter(
            status=self.status,
            started_after=None if self.start_date is None else self.start_date // 1000 * 1000 + 999,
            started_before=None if self.end_date is None else -(-self.end_date // 1000) * 1000,
            reference=self.reference,
            party=party,
            test=tests_only or self.test,
            live=self.live,
        )


class CallLogQuery(CallConditions):
    """Which calls to list, newest first."""

    page: AtLeastOne = 1
    per_page: AtLeastOne = Field(default=PER_PAGE_DEFAULT, description=f"Above {PER_PAGE_MAX} it is {PER_PAGE_MAX}")

    @property
    def page_size(self) -> int:
        """Rows on a page, clamped."""
        return min(self.per_page, PER_PAGE_MAX)


class StatsQuery(Wire):
    """The period of the totals; both dates are inclusive. Without them it is the last 30 days."""

    start_date: Moment | None = Field(default=None, description="Default: 30 days before the end")
    end_date: Moment | None = Field(default=None, description="Default: now")

    test: TrueOrFalse = Field(default=False, description="Of test calls instead of all others")

    def period(self, now_ms: int) -> tuple[int, int]:
        """First and last millisecond of the period; whole seconds, as the dates are shown."""
        end = now_ms if self.end_date is None else self.end_date
        start = end - STATS_PERIOD_MS if self.start_date is None else self.start_date
        return -(-start // 1000) * 1000, end // 1000 * 1000 + 999


PROMPT_REQUIREMENTS: Final = dict.fromkeys(
    PromptsBody.model_fields, "the name of a prompt: lower-case letters, digits, hyphens and underscores"
) | {"consent": "one of " + ", ".join(Consent)}
_REQUIREMENTS: Final = {
    "party_a": "a string with a 10-digit Indian mobile number",
    "party_b": "a string with a 10-digit Indian mobile number",
    "max_duration_sec": "an integer from 10 to 7200",
    "reference": "a string of at most 128 printable characters",
    "record": "true or false",
    "test": "true or false",
    "live": "true or false",
    "ring_timeout_sec": "an integer from 5 to 120",
    "prompts": "an object with the names of prompts",
    "stream": "an object",
    "stream.url": "a ws or wss address",
    "stream.rate": "8000 or 16000",
    "stream.tracks": "one of " + ", ".join(Tracks),
    **{f"prompts.{name}": text for name, text in PROMPT_REQUIREMENTS.items()},
    "page": "an integer of at least 1",
    "per_page": "an integer of at least 1",
    "status": "one of " + ", ".join(CallStatus),
    "start_date": "an RFC 3339 timestamp such as 2025-01-31T00:00:00Z",
    "end_date": "an RFC 3339 timestamp such as 2025-01-31T00:00:00Z",
    "party": f"a number of at most {PARTY_MAX_LENGTH} characters",
}


def check_place_call(body: object) -> PlaceCallBody:
    """A parsed JSON body as a request to place a call. Raises InvalidRequest naming the first field at fault."""
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    try:
        return PlaceCallBody.model_validate(body)
    except ValidationError as invalid:
        raise _first_fault(invalid) from None


def checked(shape: type[Shape], value: object, requirements: Mapping[str, str]) -> Shape:
    """What came in, as it should be. Raises InvalidRequest naming the first field at fault."""
    if not isinstance(value, dict):
        raise InvalidRequest("The body must be a JSON object.")
    try:
        return shape.model_validate(value)
    except ValidationError as invalid:
        raise _first_fault(invalid, requirements) from None


def check_query(shape: type[Shape], query: dict[str, str]) -> Shape:
    """A query string's pairs as conditions. Raises InvalidRequest naming the first parameter at fault."""
    try:
        return shape.model_validate(query)
    except ValidationError as invalid:
        raise _first_fault(invalid) from None


def _first_fault(invalid: ValidationError, requirements: Mapping[str, str] = _REQUIREMENTS) -> InvalidRequest:
    """A sentence about the first field at fault; nothing of its value is repeated."""
    fault = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(part for part in map(str, fault["loc"]) if not part.isdigit())  # a list's name, not its place
    if fault["type"] == "missing":
        return InvalidRequest(f"{field} is required.", field)
    if fault["type"] == "extra_forbidden":
        return InvalidRequest("There is a field that is not known here.", field if len(field) <= 64 else None)
    return InvalidRequest(f"{field} must be {requirements.get(field, 'valid')}.", field)


# ---- what goes out ----


class Meta(Wire):
    """When and under which id the request was answered."""

    timestamp: Timestamp
    request_id: str


class ListMeta(Meta):
    """The same for a page of a list."""

    total: int
    page: int
    per_page: int
    total_pages: int


class PlacedCallView(Wire):
    """A call that has just been accepted."""

    call_sid: str
    id: str
    status: Literal["initiated"]
    party_a: str
    party_b: str
    masked_number: str
    reference: str | None = None
    test: Literal[True] | None = Field(default=None, description="Only where it is a test call")


class LegView(Wire):
    """One party's side of a call."""

    leg: Literal["a", "b"]
    status: str
    ringing_at: Timestamp | None
    answered_at: Timestamp | None
    ended_at: Timestamp | None
    sip_status: int | None
    hangup_cause: str | None
    codec: str | None
    packets_lost: int | None
    jitter_ms: float | None
    mos: float | None


class CallView(Wire):
    """The status representation of a call; what is not known yet is null."""

    id: str
    call_sid: str
    caller_number: str
    target_number: str
    masked_number: str
    party_a: str
    party_b: str
    direction: str = Field(description="click_to_call or inbound")
    test: bool = Field(description="Between simulated parties, free, in no other call's totals")
    status: CallStatus
    created_at: Timestamp
    started_at: Timestamp | None = Field(description="A's phone was dialled")
    a_answered_at: Timestamp | None
    answered_at: Timestamp | None = Field(description="Both are connected")
    ended_at: Timestamp | None
    duration_sec: int | None
    bill_duration_sec: int | None
    price: float | None = Field(description="Rupees")
    hangup_cause: HangupCause | None
    hangup_party: HangupParty | None
    recording_url: str | None
    reference: str | None
    legs: Annotated[list[LegView], Field(min_length=2, max_length=2)]


class EndingCallView(Wire):
    """A call that is being ended."""

    call_sid: str
    id: str


class StatsView(Wire):
    """Totals of a period. Live calls count in `total_calls` only."""

    total_sessions: int
    active_sessions: int
    total_mappings: int
    total_calls: int
    total_minutes: float = Field(description="Billed seconds / 60")
    total_cost: float = Field(description="Rupees")
    answered_calls: int
    failed_calls: int


class BillingView(Wire):
    """The organisation's money, in rupees with two decimals."""

    balance: float
    currency: Literal["INR"]
    reserved: float
    available: float


class HealthView(Wire):
    """Whether the process lives, or takes calls."""

    status: str


class ErrorView(Wire):
    """What went wrong; `field` names the one at fault where there is one."""

    code: str
    message: str
    field: str | None = None


class ErrorReplyBody(Wire):
    """Any refusal."""

    error: ErrorView


def enveloped(name: str, data: object, meta: type[Meta] = Meta) -> type[Wire]:
    """The success envelope around some data, under a name of its own in the OpenAPI document."""
    fields: dict[str, Any] = {"data": (data, ...), "meta": (meta, ...)}
    return create_model(name, __base__=Wire, __doc__="A success.", **fields)


PlacedCallReply: Final = enveloped("PlacedCallReply", PlacedCallView)
CallReply: Final = enveloped("CallReply", CallView)
EndingCallReply: Final = enveloped("EndingCallReply", EndingCallView)
CallListReply: Final = enveloped("CallListReply", list[CallView], ListMeta)
StatsReply: Final = enveloped("StatsReply", StatsView)
BillingReply: Final = enveloped("BillingReply", BillingView)
HealthReply: Final = enveloped("HealthReply", HealthView)


def rupees(amount_paise: int) -> int | float:
    """Paise as a JSON number of rupees: 300 -> 3, 150 -> 1.5."""
    whole, rest = divmod(amount_paise, 100)
    return whole if rest == 0 else amount_paise / 100


def rupees_with_decimals(amount_paise: int) -> str:
    """Paise as the text of a JSON number with two decimals: 50000 -> 500.00."""
    sign = "-" if amount_paise < 0 else ""
    whole, rest = divmod(abs(amount_paise), 100)
    return f"{sign}{whole}.{rest:02d}"


def recording_storage_path(recording_path: str | None) -> str | None:
    """The published path of a recording below the recordings folder: `recordings/YYYY/MM/DD/x.wav`."""
    return None if recording_path is None else RECORDING_FOLDER + recording_path


def leg_representation(leg: LegRecord) -> dict[str, object]:
    """One party's side of a call."""
    return {
        "leg": leg.leg,
        "status": leg.status,
        "ringing_at": optional_timestamp(leg.ringing_at),
        "answered_at": optional_timestamp(leg.answered_at),
        "ended_at": optional_timestamp(leg.ended_at),
        "sip_status": leg.sip_status,
        "hangup_cause": leg.hangup_cause,
        "codec": leg.codec,
        "packets_lost": leg.packets_lost,
        "jitter_ms": leg.jitter_ms,
        "mos": leg.mos,
    }


def call_representation(record: CallRecord, style: str) -> dict[str, object]:
    """The status representation of a call, in replies and webhooks alike.

    `style` is the configuration's `log_number_style`: `documented` shows the masked number as the caller and A as the
    target, `parties` shows A and B.
    """
    parties = style == "parties"
    return {
        "id": record.call_id,
        "call_sid": record.call_id,
        "caller_number": record.party_a if parties else record.masked_number,
        "target_number": record.party_b if parties else record.party_a,
        "masked_number": record.masked_number,
        "party_a": record.party_a,
        "party_b": record.party_b,
        "direction": record.direction,
        "test": record.test,
        "status": record.status.value,
        "created_at": render_timestamp(record.created_at),
        "started_at": optional_timestamp(record.started_at),
        "a_answered_at": optional_timestamp(record.a_answered_at),
        "answered_at": optional_timestamp(record.answered_at),
        "ended_at": optional_timestamp(record.ended_at),
        "duration_sec": record.duration_s,
        "bill_duration_sec": record.bill_duration_s,
        "price": None if record.price_paise is None else rupees(record.price_paise),
        "hangup_cause": record.hangup_cause,
        "hangup_party": record.hangup_party,
        "recording_url": recording_storage_path(record.recording_path),
        "reference": record.reference,
        "legs": [leg_representation(leg) for leg in record.legs],
    }


def placed_call_representation(record: CallRecord) -> dict[str, object]:
    """The reply to placing a call: always as the call was at that moment, so that a replay says the same."""
    placed: dict[str, object] = {
        "call_sid": record.call_id,
        "id": record.call_id,
        "status": CallStatus.INITIATED.value,
        "party_a": record.party_a,
        "party_b": record.party_b,
        "masked_number": record.masked_number,
    }
    if record.reference is not None:
        placed["reference"] = record.reference
    if record.test:
        placed["test"] = True
    return placed


def ending_call_representation(call_id: str) -> dict[str, object]:
    """The reply to a hang-up."""
    return {"call_sid": call_id, "id": call_id}


def stats_representation(stats: CallStats) -> dict[str, object]:
    """Totals of a period."""
    minutes, seconds = divmod(stats.billed_s, 60)
    return {
        "total_sessions": stats.total_sessions,
        "active_sessions": stats.active_sessions,
        "total_mappings": stats.total_mappings,
        "total_calls": stats.total_calls,
        "total_minutes": minutes if seconds == 0 else stats.billed_s / 60,
        "total_cost": rupees(stats.cost_paise),
        "answered_calls": stats.answered_calls,
        "failed_calls": stats.failed_calls,
    }


def billing_text(wallet: Wallet) -> str:
    """A wallet as JSON text: Python's own JSON numbers cannot show two decimals."""
    return (
        f'{{"balance": {rupees_with_decimals(wallet.balance_paise)}, "currency": "INR", '
        f'"reserved": {rupees_with_decimals(wallet.reserved_paise)}, '
        f'"available": {rupees_with_decimals(wallet.available_paise)}}}'
    )


def health_representation(status: str) -> dict[str, object]:
    """Health in one word."""
    return {"status": status}


def error_representation(code: str, message: str, field: str | None) -> dict[str, object]:
    """The error envelope; `field` only where one is at fault."""
    error: dict[str, object] = {"code": code, "message": message}
    if field is not None:
        error["field"] = field
    return {"error": error}


def meta_representation(at_ms: int, request_id: str) -> dict[str, object]:
    """The `meta` of a success."""
    return {"timestamp": render_timestamp(at_ms), "request_id": request_id}


def page_representation(total: int, page: int, per_page: int) -> dict[str, object]:
    """What `meta` says besides in a list."""
    return {"total": total, "page": page, "per_page": per_page, "total_pages": -(-total // per_page)}
