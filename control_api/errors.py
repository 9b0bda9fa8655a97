"""Every refusal of the API: typed error -> HTTP status and code, one table."""

from dataclasses import dataclass
from typing import Final

from b2bua.call.errors import (
    AgentCallConflict,
    AgentCallNotFound,
    AgentsOff,
    BalanceInsufficient,
    BrowserOfferRefused,
    CallAlreadyEnded,
    CallNotFound,
    CallStillLive,
    CapacityExhausted,
    IceSessionGone,
    IdempotencyConflict,
    InvalidParties,
    InvalidPrompts,
    NoSuchSupervisor,
    NotConnected,
    NotRecorded,
    OrganisationSuspended,
    PromptInUse,
    PromptNotFound,
    PromptsUnavailable,
    RecordingNotFound,
    RecordingUnreadable,
    RehearsalsOff,
    TooManyPauses,
    TooManyStreams,
    TooManySupervisors,
    UnusableOffer,
)
from storage.errors import StoreUnavailable


class ApiError(Exception):
    """A refusal made by the API itself; the text is a sentence a client may read, `field` names what is at fault."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class InvalidRequest(ApiError):
    """Malformed JSON, a missing or mistyped field, a value out of range."""


class Unauthorized(ApiError):
    """The key or session is missing, malformed, unknown, expired or revoked: the client is not told which."""

    def __init__(self, message: str = "A valid API key is required: Authorization: Bearer vp_...") -> None:
        super().__init__(message)


class SecondFactorRequired(ApiError):
    """The password is right; a code of the second factor is wanted beside it."""

    def __init__(self) -> None:
        super().__init__("A code of your authenticator is required.", "totp_code")


class Forbidden(ApiError):
    """The key may not do this, or not from there, or a signed URL was tampered with."""


class NotFound(ApiError):
    """No such path or thing, as far as this client may know."""


class Conflict(ApiError):
    """It contradicts what is there already."""


class PreconditionRequired(ApiError):
    """A header has to say what the request builds on (RFC 6585 section 3)."""


class MethodNotAllowed(ApiError):
    """The path exists, the method does not; `allowed` are those that do."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__("The method is not allowed for this path.")
        self.allowed = allowed


class PayloadTooLarge(ApiError):
    """The body is over the limit."""


class UnsupportedMediaType(ApiError):
    """The body is not declared as JSON in UTF-8."""


class Gone(ApiError):
    """The signed URL has expired."""


class RateLimited(ApiError):
    """The key's bucket is empty; `retry_after_s` until it holds one request again."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("Too many requests. Please slow down.")
        self.retry_after_s = retry_after_s


class RangeNotSatisfiable(ApiError):
    """No byte of the wanted range exists (RFC 9110 section 15.5.17); `length` is the size in bytes."""

    def __init__(self, length: int) -> None:
        super().__init__("The range lies outside the file.", "Range")
        self.length = length


class NotReady(ApiError):
    """The server cannot do this now, and may in `retry_after_s` seconds."""

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """What a refusal looks like on the wire: status, code, sentence, field at fault, extra headers."""

    status: int
    code: str
    message: str
    field: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


ERRORS: Final[dict[type[Exception], tuple[int, str]]] = {
    InvalidParties: (400, "invalid_numbers"),
    InvalidRequest: (400, "invalid_request"),
    InvalidPrompts: (400, "invalid_request"),
    BrowserOfferRefused: (400, "invalid_request"),
    Unauthorized: (401, "unauthorized"),
    SecondFactorRequired: (401, "totp_required"),
    BalanceInsufficient: (402, "insufficient_balance"),
    Forbidden: (403, "forbidden"),
    OrganisationSuspended: (403, "forbidden"),
    RehearsalsOff: (403, "forbidden"),
    AgentsOff: (404, "not_found"),
    AgentCallNotFound: (404, "not_found"),
    CallNotFound: (404, "not_found"),
    NotFound: (404, "not_found"),
    PromptNotFound: (404, "not_found"),
    RecordingNotFound: (404, "not_found"),
    MethodNotAllowed: (405, "method_not_allowed"),
    CallAlreadyEnded: (409, "conflict"),
    Conflict: (409, "conflict"),
    CallStillLive: (409, "conflict"),
    IdempotencyConflict: (409, "conflict"),
    NotRecorded: (409, "conflict"),
    TooManyPauses: (409, "conflict"),
    NotConnected: (409, "conflict"),
    TooManyStreams: (409, "conflict"),
    TooManySupervisors: (409, "conflict"),
    UnusableOffer: (400, "invalid_request"),
    NoSuchSupervisor: (404, "not_found"),
    PromptInUse: (409, "conflict"),
    AgentCallConflict: (409, "conflict"),
    Gone: (410, "gone"),
    IceSessionGone: (412, "precondition_failed"),
    PayloadTooLarge: (413, "payload_too_large"),
    UnsupportedMediaType: (415, "unsupported_media_type"),
    RangeNotSatisfiable: (416, "invalid_request"),
    PreconditionRequired: (428, "precondition_required"),
    RateLimited: (429, "rate_limited"),
    RecordingUnreadable: (500, "internal_error"),
    CapacityExhausted: (503, "no_capacity"),
    NotReady: (503, "no_capacity"),
    PromptsUnavailable: (503, "no_capacity"),
    StoreUnavailable: (503, "no_capacity"),
}

# Said in place of an empty or an inward-looking text.
_SENTENCES: Final[dict[type[Exception], str]] = {
    CallNotFound: "No such call.",
    CallAlreadyEnded: "The call has already ended.",
    CallStillLive: "The call is still live. Its recording can be erased once it has ended.",
    NotRecorded: "The call is not being recorded now.",
    RecordingNotFound: "No recording of this call is available.",
    RecordingUnreadable: "The recording cannot be read.",
    IdempotencyConflict: "The Idempotency-Key was already used with another body.",
    StoreUnavailable: "The service is busy. Please try again.",
}
_WITH_FIELD: Final = (ApiError, InvalidParties, InvalidPrompts, UnusableOffer)
CRASH: Final = ErrorReply(500, "internal_error", "Something went wrong on our side.")


def error_reply(error: Exception) -> ErrorReply | None:
    """How an error is told to a client; None when it is none of the table's, that is, a crash."""
    for kind in type(error).__mro__:
        row = ERRORS.get(kind)
        if row is not None:
            status, code = row
            message = _SENTENCES.get(kind) or str(error)
            field = error.field if isinstance(error, _WITH_FIELD) else None
            return ErrorReply(status, code, message, field, _headers_of(error))
    return None


def _headers_of(error: Exception) -> tuple[tuple[str, str], ...]:
    """The headers that a status obliges us to send."""
    match error:
        case Unauthorized() | SecondFactorRequired():
            return (("WWW-Authenticate", "Bearer"),)
        case MethodNotAllowed():
            return (("Allow", ", ".join(error.allowed)),)
        case RateLimited() | CapacityExhausted() | NotReady():
            return (("Retry-After", str(max(1, error.retry_after_s))),)
        case StoreUnavailable() | PromptsUnavailable():
            return (("Retry-After", "5"),)
        case RangeNotSatisfiable():
            return (("Content-Range", f"bytes */{error.length}"),)
        case _:
            return ()
