"""Whether a well-formed request is one this UAS can serve: RFC 3261 section 8.2, in its order, without any state.

What needs state is not here: authentication, merged requests (482) and dialogs (481).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from b2bua.sip.bodies import SDP, session_description
from b2bua.sip.errors import SipError
from b2bua.sip.headers import MediaType, ValueWithParams
from b2bua.sip.message import Request
from b2bua.sip.message_parts import Field
from b2bua.sip.parser import KNOWN_METHODS
from b2bua.sip.status import reason_phrase

_SCHEMES: Final = ("sip", "sips", "tel")
_WITHOUT_REQUIRE: Final = frozenset({"ACK", "CANCEL"})
# Nothing hangs on what is in a BYE, and its sender is out of the call whatever the answer (section 15.1.1).
_WITH_ANY_BODY: Final = _WITHOUT_REQUIRE | {"BYE"}
_NO_ENCODING: Final = frozenset({"", "identity"})


@dataclass(frozen=True, slots=True)
class Rejection:
    """The final response a request is refused with, and the header fields that say what would be accepted."""

    status: int
    reason: str
    headers: tuple[Field, ...] = ()


def screen_request(
    request: Request,
    *,
    served_methods: Collection[str],
    supported_options: Collection[str] = (),
    accepted_types: Collection[str] = (SDP,),
    schemes: Collection[str] = _SCHEMES,
    unregistered_method_status: int = 501,
) -> Rejection | None:
    """The refusal of section 8.2 for a request that `validate_request` has let pass, or None.

    In order, each unless it is fine:
    405 for a method not in `served_methods`, `unregistered_method_status` for one that nobody registered; with Allow.
    416 for a request URI of a scheme not in `schemes`.
    469 with an empty Recv-Info for an INFO of any Info Package: none is served (RFC 6086 section 4.2.2).
    420 with Unsupported for an option tag in Require not in `supported_options`; never for ACK and CANCEL.
    415 for a body whose type is not in `accepted_types` or whose encoding is not identity, unless Content-Disposition
    says that it is optional; never for ACK, CANCEL and BYE. A multipart body is taken for the session
    description in it (RFC 5621).
    406 for an INVITE whose Accept leaves no type we could answer with; our answer to OPTIONS has no body that could be
    unacceptable, and monitors ask with `Accept: text/plain`.
    400 when a header that these read is malformed, or a body, such as 415 is for, is said to be of two types.
    """
    try:
        return (
            _screen_method(request, served_methods, unregistered_method_status)
            or _screen_scheme(request, schemes)
            or _screen_require(request, supported_options)
            or _screen_package(request)
            or _screen_body(request, accepted_types)
            or _screen_accept(request, accepted_types)
        )
    except SipError as error:
        return Rejection(error.status, error.reason)


def _screen_method(request: Request, served: Collection[str], unregistered_status: int) -> Rejection | None:
    if request.method in served:
        return None
    status = 405 if request.method in KNOWN_METHODS else unregistered_status
    return Rejection(status, reason_phrase(status), (("Allow", ", ".join(served)),))


def _screen_scheme(request: Request, schemes: Collection[str]) -> Rejection | None:
    return None if request.uri.scheme in schemes else Rejection(416, reason_phrase(416))


def _screen_require(request: Request, supported: Collection[str]) -> Rejection | None:
    if request.method in _WITHOUT_REQUIRE:
        return None
    unsupported = [tag for tag in request.require if tag.lower() not in supported]
    if not unsupported:
        return None
    return Rejection(420, reason_phrase(420), (("Unsupported", ", ".join(unsupported)),))


def _screen_package(request: Request) -> Rejection | None:
    if request.method != "INFO" or "Info-Package" not in request.headers:
        return None
    return Rejection(469, reason_phrase(469), (("Recv-Info", ""),))


def _screen_body(request: Request, accepted: Collection[str]) -> Rejection | None:
    if not request.body or request.method in _WITH_ANY_BODY:
        return None
    if len(set(request.headers.get_fields("Content-Type"))) > 1:
        return Rejection(400, "More than one Content-Type")
    if _is_optional(request):
        return None
    if not _is_accepted(request, accepted):
        return Rejection(415, reason_phrase(415), (("Accept", ", ".join(accepted)),))
    encodings = request.headers.get_all("Content-Encoding")
    if not _NO_ENCODING.issuperset(map(str.lower, encodings)):
        return Rejection(415, reason_phrase(415), (("Accept-Encoding", "identity"),))
    return None


def _is_accepted(request: Request, accepted: Collection[str]) -> bool:
    """Whether the body is of a type that is taken, or has a part that is."""
    media_type = request.content_type
    if media_type is None:
        return False
    if media_type.type == "multipart" and SDP in accepted:
        return bool(session_description(request.headers.get("Content-Type"), request.body))
    return media_type.essence in accepted


def _is_optional(request: Request) -> bool:
    text = request.headers.get("Content-Disposition")
    return text is not None and (ValueWithParams.parse(text).param("handling") or "").lower() == "optional"


def _screen_accept(request: Request, accepted: Collection[str]) -> Rejection | None:
    """An Accept that is there but empty accepts nothing (section 20.1)."""
    if request.method != "INVITE" or "Accept" not in request.headers:
        return None
    for text in request.headers.get_all("Accept"):
        media_type = MediaType.parse(text)
        if media_type.param("q") in ("0", "0.0", "0.00", "0.000"):
            continue
        if media_type.essence == "*/*" or media_type.essence in accepted:
            return None
        if media_type.subtype == "*" and any(name.startswith(f"{media_type.type}/") for name in accepted):
            return None
    return Rejection(
        406, reason_phrase(406), (("Warning", '399 maskbridge "No acceptable session description format"'),)
    )
