"""Who calls and what was dialled, as an INVITE from a trunk says it."""

import re
from collections.abc import Sequence
from typing import Final

from b2bua.call.arrival import LONGEST_USER, Caller, precedence
from b2bua.call.masking import COUNTRY_CODE
from b2bua.config import Route
from b2bua.sip.errors import SipError
from b2bua.sip.headers import NameAddr
from b2bua.sip.message import Request
from b2bua.sip.uri import Uri, unescape
from b2bua.switch.trunk import Trunk

MOST_IDENTITIES: Final = 4
LONGEST_DISPLAY: Final = 64
_WITHHOLDING: Final = frozenset({"id", "user", "full"})  # RFC 3323, 3325; `full` by the older draft
# Whatever stands between them: semicolons by RFC 3323 section 4.2, but a caller who asks not to be shown is not to be
# for a comma either.
_PRIVACY_VALUES: Final = re.compile(r'[^;,\s"]+')
_REMOTE_PARTY_PRIVACY: Final = re.compile(r"(?<![\w-])(full|name|uri)(?:-network)?(?![\w-])", re.IGNORECASE)
_NOBODY: Final = frozenset({"anonymous", "unavailable", "restricted", "unknown"})
_LEADING_DIGITS: Final = re.compile(r"\+[0-9.()-]{1,31}")  # of a phone-context that is no domain name


def caller_of(request: Request) -> Caller:
    """The caller: the trunk's P-Asserted-Identity (RFC 3325) is trusted, then its Remote-Party-ID
    (draft-ietf-sip-privacy-04, which trunks of before that RFC send); without either its From is taken."""
    remote_parties = _remote_parties(request)
    private = {word for party in remote_parties for word in _private_parts(party)}
    for identity in (*_identities(request, "P-Asserted-Identity"), *remote_parties, request.from_):
        user = _number(identity.uri)
        if user and len(user) <= LONGEST_USER and user.lower() not in _NOBODY:
            display = "" if "name" in private else identity.display or ""
            display = "".join(filter(str.isprintable, display))[:LONGEST_DISPLAY]
            return Caller(user, display or None, _is_withheld(request) or not private.isdisjoint(("full", "uri")))
    return Caller(None, withheld=True)


def dialled_user(request: Request, trunk: Trunk, routes: Sequence[Route]) -> str:
    """The user part that was dialled, without the parameters of RFC 3966 behind it: the trunk knows which numbers are
    ours.

    Where the request URI is the Contact we registered with the trunk, or has no user, P-Called-Party-ID (RFC 7315
    section 4.2) says what was dialled, and without one To does. But a registered user may itself be a number that calls
    are for: where it is reached sooner than what To names, the request URI is the target (RFC 3261 section 8.2.2.1),
    and To only what was dialled before the call was diverted.
    """
    user = request.uri.telephone
    if user and user != trunk.contact_user:
        return user
    called = _called_party(request)
    if called:
        return called
    called = request.to.uri.telephone
    if not user or not called:
        return called or user or ""
    own, other = (precedence(each, trunk.config, routes) for each in (user, called))
    return user if own < other else called


def _number(uri: Uri) -> str | None:
    """The number of a URI, without what stands behind it; a local one of another country keeps its context.

    Such a number means nothing without it, and must not pass for one of ours with the same digits. The context is no
    prefix that would make a global number of it either (RFC 3966 section 5.1.5).
    """
    number = uri.telephone
    text = uri.opaque if uri.scheme == "tel" else uri.user
    if not number or text is None or ";" not in text or number.startswith("+"):
        return number
    for parameter in text.split(";")[1:]:
        name, _, context = map(unescape, parameter.partition("="))
        if name.lower() == "phone-context" and _LEADING_DIGITS.fullmatch(context):
            digits = re.sub("[^0-9]", "", context)
            return number if digits.startswith(COUNTRY_CODE) else f"{number};phone-context=+{digits}"
    return number


def _called_party(request: Request) -> str | None:
    text = request.headers.get("P-Called-Party-ID")
    try:
        return None if text is None else NameAddr.parse(text).uri.telephone
    except SipError:
        return None


def _identities(request: Request, header: str) -> list[NameAddr]:
    found = []
    for text in request.headers.get_all(header)[:MOST_IDENTITIES]:
        try:
            found.append(NameAddr.parse(text))
        except SipError:
            continue
    return sorted(found, key=_has_a_name)


def _remote_parties(request: Request) -> list[NameAddr]:
    """Each Remote-Party-ID that is about the caller, as one is that does not say whom it is about."""
    identities = _identities(request, "Remote-Party-ID")
    return [one for one in identities if (one.param("party") or "calling").lower() == "calling"]


def _private_parts(remote_party: NameAddr) -> list[str]:
    """What of a Remote-Party-ID is not to be shown: "full", "name" and "uri", each also meant by its `-network`."""
    return [word.lower() for word in _REMOTE_PARTY_PRIVACY.findall(remote_party.param("privacy") or "")]


def _has_a_name(identity: NameAddr) -> bool:
    """Whether it is somebody's name: with two identities the one that is a number counts (RFC 3325 section 9.1)."""
    return not (identity.uri.telephone or "").lstrip("+")[:1].isdigit()


def _is_withheld(request: Request) -> bool:
    fields = request.headers.get_all("Privacy")
    if not fields:
        return False
    return not _WITHHOLDING.isdisjoint(_PRIVACY_VALUES.findall(";".join(fields).lower()))
