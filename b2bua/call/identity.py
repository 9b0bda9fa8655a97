"""The headers that say who calls whom on a leg, built from nothing but the callee, the masked number and the trunk.

The other party is no argument of `compose`: what a leg never gets, it cannot tell. Only a route may show its caller.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from b2bua.call.arrival import Target
from b2bua.call.masking import Party, format_number
from b2bua.config import Trunk

AGENT_LEG_HEADER: Final = "X-Agent-Leg"


class LegHeaders(NamedTuple):
    """The URIs of a leg's INVITE and its headers beyond those every INVITE has, in order, as text."""

    request_uri: str
    from_uri: str
    to_uri: str
    from_display: str | None
    headers: tuple[tuple[str, str], ...]


class Shown(NamedTuple):
    """The caller that a routed leg sees: a masked number, or with `as_given` the caller's own user part as it stands in
    a URI and its display name. `user` None: nobody, because the caller withholds it or there is none to show."""

    user: str | None
    display: str | None = None
    as_given: bool = False


class Identity(NamedTuple):
    """What an identity header is made of: the caller that is shown, and the callee's own URI."""

    uri: str
    callee_uri: str
    privacy: str


def compose(callee: Party, masked_number: str, trunk: Trunk) -> LegHeaders:
    """The headers of the leg to `callee` over `trunk`; the caller it sees is the masked number, everywhere."""
    own_host = own_host_of(trunk)
    to_uri = _callee_uri(callee, trunk.to_format, trunk, host_of(trunk))
    identity = _uri(_shown(masked_number, trunk.identity_format, trunk), own_host, trunk)
    return LegHeaders(
        request_uri=_callee_uri(callee, trunk.request_uri_format, trunk, host_port_of(trunk)),
        from_uri=_uri(_shown(masked_number, trunk.from_format, trunk), own_host, trunk),
        to_uri=to_uri,
        from_display=None,
        headers=_identity_headers(Identity(identity, to_uri, trunk.privacy), trunk),
    )


def compose_agent(agent: Party, masked_number: str, trunk: Trunk, leg_name: str) -> LegHeaders:
    """The headers of the leg to an agent, on the agents' own line: which call and leg it is, `leg_name`, tells the
    line all that it may show."""
    host = f"{bracketed(trunk.uri.host)}:{trunk.uri.port}"
    to_uri = f"sip:{agent.user}@{host}"
    return LegHeaders(to_uri, f"sip:{masked_number}@{host}", to_uri, None, ((AGENT_LEG_HEADER, leg_name),))


def compose_routed(target: Target, shown: Shown, trunk: Trunk) -> LegHeaders:
    """The headers of a leg that goes on to `target` with the profile of `trunk`, showing what a route lets it show."""
    host = bracketed(trunk.domain or target.host)
    phone = trunk.user_phone and _is_number(target.user)
    request_uri = f"{target.uri};user=phone" if phone else target.uri
    to_uri = f"sip:{target.user}@{host};user=phone" if phone else f"sip:{target.user}@{host}"
    if shown.user is None:
        privacy = (("Privacy", trunk.privacy or "id"),)
        return LegHeaders(request_uri, "sip:anonymous@anonymous.invalid", to_uri, "Anonymous", privacy)
    own_host = own_host_of(trunk)
    identity, from_ = [
        _uri(_shown_as(shown, own_format, trunk), own_host, trunk, as_given=shown.as_given)
        for own_format in (trunk.identity_format, trunk.from_format)
    ]
    headers = _identity_headers(Identity(identity, to_uri, trunk.privacy), trunk)
    return LegHeaders(request_uri, from_, to_uri, shown.display, headers)


def _shown_as(shown: Shown, own_format: str, trunk: Trunk) -> str:
    assert shown.user is not None
    return shown.user if shown.as_given else _shown(shown.user, own_format, trunk)


def _identity_headers(identity: Identity, trunk: Trunk) -> tuple[tuple[str, str], ...]:
    headers = [IDENTITY_HEADERS[name](identity) for name in trunk.identity]
    if trunk.privacy:
        headers.append(("Privacy", trunk.privacy))
    return tuple(headers)


def bracketed(host: str) -> str:
    """A host as it stands in a URI."""
    return f"[{host}]" if ":" in host else host


def _asserted(identity: Identity) -> tuple[str, str]:
    return "P-Asserted-Identity", f"<{identity.uri}>"


def _preferred(identity: Identity) -> tuple[str, str]:
    return "P-Preferred-Identity", f"<{identity.uri}>"


def _remote_party(identity: Identity) -> tuple[str, str]:
    level = "off" if identity.privacy in ("", "none") else "full"
    return "Remote-Party-ID", f"<{identity.uri}>;party=calling;screen=yes;privacy={level}"


def _diversion(identity: Identity) -> tuple[str, str]:
    return "Diversion", f"<{identity.uri}>;reason=unconditional;counter=1"


def _history(identity: Identity) -> tuple[str, str]:
    """The number shown, mapped to the callee: what Diversion says, as RFC 7544 writes it."""
    cause = "" if identity.callee_uri.startswith("tel:") else ";cause=302"
    return "History-Info", f"<{identity.uri}>;index=1, <{identity.callee_uri}{cause}>;index=1.1;mp=1"


IDENTITY_HEADERS: Final[Mapping[str, Callable[[Identity], tuple[str, str]]]] = {
    "p-asserted-identity": _asserted,  # RFC 3325
    "p-preferred-identity": _preferred,  # RFC 3325
    "remote-party-id": _remote_party,  # draft-ietf-sip-privacy-04
    "diversion": _diversion,  # RFC 5806
    "history-info": _history,  # RFC 7044
}


def _shown(number: str, own_format: str, trunk: Trunk) -> str:
    return format_number(number, own_format or trunk.number_format)


def _callee_uri(callee: Party, own_format: str, trunk: Trunk, where: str) -> str:
    """A number is written as the trunk wants it; a `sip:` party's user part is dialled as given."""
    if callee.host is None:
        return _uri(_shown(callee.user, own_format, trunk), where, trunk)
    return _uri(callee.user, where, trunk, as_given=True)


def _uri(user: str, where: str, trunk: Trunk, *, as_given: bool = False) -> str:
    """A user part at `where` as the trunk wants its URIs. One that is `as_given` need not be a number."""
    if trunk.uri_scheme == "tel" and user.startswith("+") and _is_number(user):
        return f"tel:{user}"
    phone = trunk.user_phone and (not as_given or _is_number(user))
    return f"sip:{user}@{where};user=phone" if phone else f"sip:{user}@{where}"


def _is_number(user: str) -> bool:
    return user.lstrip("+").isdigit()


def own_host_of(trunk: Trunk) -> str:
    """The host of what we say of ourselves: in From and in the identity headers."""
    return bracketed(trunk.from_domain or trunk.domain or trunk.uri.host)


def host_of(trunk: Trunk) -> str:
    """The host of what is the trunk's: in To."""
    return bracketed(trunk.domain or trunk.uri.host)


def host_port_of(trunk: Trunk) -> str:
    """The host and port of every request URI that is the trunk's. The port is there where `uri` gives one: any other
    is DNS's to find (RFC 3263). None with a logical domain."""
    port = "" if trunk.domain or not trunk.uri.port_given else f":{trunk.uri.port}"
    return host_of(trunk) + port
