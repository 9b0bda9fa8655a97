"""The kind of a route's target: a SIP URI with the dialled user part or another one, at a host that can be called."""

import re
from typing import Final

from b2bua.config.kinds import Kind, Place, Unfit, as_text, is_ip, shown, split_host_port

LONGEST: Final = 256
_NO_PORT: Final = -1
_FORM: Final = re.compile(
    r"(?P<who>sip:(?:\{user\}|[A-Za-z0-9+_.-]+)@)(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?P<port>:[0-9]*)?"
)


def _read(raw: object, place: Place) -> str:
    value = as_text(raw)
    if len(value) > LONGEST:
        raise Unfit(f"it is {len(value)} characters long, {LONGEST} are allowed")
    found = _FORM.fullmatch(value)
    if found is None:
        raise Unfit(f"{shown(value)} does not fit")
    # A name may end with the dot of the root (RFC 3261 section 25.1).
    host, port = split_host_port(found["host"].removesuffix(".") + (found["port"] or ""), _NO_PORT)
    if port == 0:
        raise Unfit("port 0 cannot be called")
    if not is_ip(host):
        return value
    where = f"[{host}]" if ":" in host else host
    return f"{found['who']}{where}" + ("" if port == _NO_PORT else f":{port}")


def address_of(target: str) -> str | None:
    """The IP literal, without brackets, that a target which has been read is at; None where it is at a name."""
    found = _FORM.fullmatch(target)
    host = "" if found is None else found["host"].removeprefix("[").removesuffix("]")
    return host if is_ip(host) else None


ROUTE_TARGET: Final = Kind("text", '"sip:{user}@host:port"', _read)
